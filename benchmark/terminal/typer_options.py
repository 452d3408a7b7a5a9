"""Makes options of a command from dataclasses (core/options.py), and its exit code from its result.

Not here: the options themselves (planning/options.py, stages/execution.py).
"""

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.options import Option, check_once, options_of
from benchmark.core.texts import one_line

T = TypeVar("T")
_BY_NAME = inspect.Parameter.KEYWORD_ONLY
LIST = "LIST"  # what help shows for an option whose values stand in one word, such as 0,1
_PLAIN = (bool, int, float, str, Path)


@dataclass(frozen=True)
class Given(Generic[T]):
    """Those options of a dataclass that a call names; `values` is by field."""

    kind: type[T]
    values: dict[str, Any]

    def make(self, **defaults: Any) -> T:
        """The dataclass; `defaults` go before those of its fields."""
        return self.kind(**defaults | self.values)


class Changes(Given[T]):
    """As Given, where something else than the fields gives the defaults: `--help` shows none."""


class WordGroup(TyperGroup):
    """A group of commands whose help shows no type beside a switch."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _switches_untyped(super().get_params(ctx))


class PanelCommand(TyperCommand):
    """A command whose `--help` stands in the last panel of its options, not in one of its own, and
    shows no type beside a switch. A list that is given twice is refused."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        values, _, given = self.make_parser(ctx).parse_args(list(args))
        _refuse_repeated(given)
        rest = super().parse_args(ctx, args)
        _check_digits(values, given, ctx.params)
        return rest

    def get_params(self, ctx: Any) -> list[Any]:
        return _switches_untyped(super().get_params(ctx))

    def get_help_option(self, ctx: Any) -> Any:
        found = super().get_help_option(ctx)
        panels = [panel for one in self.params if (panel := getattr(one, "rich_help_panel", None))]
        if found is not None and panels:
            vars(found)["rich_help_panel"] = panels[-1]
        return found


def _switches_untyped(params: list[Any]) -> list[Any]:
    """The parameters; a switch takes no word, so its help names no type."""
    for one in params:
        if getattr(one, "is_flag", False):
            vars(one)["metavar"] = ""
    return params


def _refuse_repeated(given: Iterable[Any]) -> None:
    """Raises InputError where an option that takes a list in one word stands more than once: who
    writes it so means all of them, and only the last would count. Of other options the last one
    counts, as everywhere. given: the parameters in the order of the call."""
    for one, times in Counter(given).items():
        if times > 1 and one.metavar == LIST and not one.multiple:
            raise InputError(
                f"{max(one.opts, key=len)} is given {times} times, but only one would count: give"
                " all its values at once, with commas between them."
            )


def _check_digits(
    written: Mapping[str, Any], given: Iterable[Any], read: Mapping[str, Any]
) -> None:
    """Raises InputError for numbers that Python takes though nobody writes them so: 1_0 and digits
    of other scripts. written, read: the values of the parameters, as text and as numbers."""
    for one in given:
        text, number = written.get(one.name), read.get(one.name)
        if not isinstance(text, str) or not isinstance(number, int | float):
            continue
        if "_" in text or not text.isascii():
            raise InputError(
                f"{max(one.opts, key=len)} {one_line(text)}: write the number plainly, with the"
                f" digits 0 to 9."
            )


def with_options(command: Callable[..., ExitCode]) -> Callable[..., None]:
    """The command as typer takes it: each parameter whose type is a dataclass of options (or Given
    or Changes of one) becomes these options, and the result becomes the exit code."""
    signature = inspect.signature(command)
    groups = {
        name: group
        for name, parameter in signature.parameters.items()
        if (group := _group(parameter.annotation))
    }
    parameters = [inspect.Parameter("context", _BY_NAME, annotation=typer.Context)]
    for name, parameter in signature.parameters.items():
        made = _parameters(*groups[name]) if name in groups else [parameter.replace(kind=_BY_NAME)]
        parameters += made

    @functools.wraps(command)
    def call(context: typer.Context, **words: Any) -> None:
        for name, (kind, wrapper) in groups.items():
            given = {}
            for field, said in options_of(kind).items():
                word, source = words.pop(field), context.get_parameter_source(field)
                if source is not None and source.name == "COMMANDLINE":
                    word = said.parse(word) if said.parse else word
                    check_once(said.flag, word if isinstance(word, list) else ())
                    given[field] = tuple(word) if isinstance(word, list) else word
            words[name] = wrapper(kind, given) if wrapper else kind(**given)
        raise typer.Exit(command(**words))

    vars(call)["__signature__"] = signature.replace(parameters=parameters)
    return call


def _group(annotation: Any) -> tuple[type, type[Given] | None] | None:
    """(dataclass, Given or Changes or None) if the annotation is of a dataclass of options."""
    wrapper = get_origin(annotation)
    if isinstance(wrapper, type) and issubclass(wrapper, Given):
        return get_args(annotation)[0], wrapper
    return (annotation, None) if hasattr(annotation, "__dataclass_fields__") else None


def _parameters(kind: type, wrapper: type[Given] | None) -> list[inspect.Parameter]:
    """One parameter per field."""
    types, defaults = get_type_hints(kind), {field.name: field.default for field in fields(kind)}
    shown = wrapper is not Changes
    return [
        _parameter(name, types[name], defaults[name], said, shown)
        for name, said in options_of(kind).items()
    ]


def _parameter(
    name: str, annotation: Any, default: Any, said: Option, shown: bool
) -> inspect.Parameter:
    many = get_origin(annotation) is tuple and not said.parse
    plain = list[str] if many else _plain_type(annotation, said)
    if default is MISSING:
        default = inspect.Parameter.empty
    elif said.default_text or many:
        default = said.default_text or None
    named = "(default" in said.help
    declared = typer.Option(
        said.flag,
        help=escape(said.help if shown else said.help.replace(" (default)", "")),
        rich_help_panel=said.panel,
        metavar="" if plain is bool else said.metavar or None,
        min=said.least,
        show_default=shown and plain is not bool and not named,
    )
    return inspect.Parameter(
        name, _BY_NAME, default=default, annotation=Annotated[plain | None, declared]
    )


def _plain_type(annotation: Any, said: Option) -> type:
    """The type of one word: that of the field, without None; text if it is parsed or a Literal."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if kind in _PLAIN]
    return kinds[0] if kinds and not said.parse else str
