"""Options of the command line as data: a field of a dataclass with its help, panel and limits.

    ratio: int | None = option(None, "synthetic variants per real slice", METHOD, least=0)

The field is all there is to write: name, type and default are those of the field. Not here: how
typer is told (terminal/typer_options.py).
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from benchmark.core.errors import InputError

_KEY = "option"


@dataclass(frozen=True)
class Option:
    """What a field's option says beside its name, type and default.

    Args:
        help: one plain line.
        panel: the heading under which `--help` lists it.
        flag: its name where that is not the field's.
        metavar: what stands for the value in the help.
        default_text: what `--help` names as the default where the field's own says too little.
        least: the least whole number that is taken.
        parse: makes the value from the text of one word; raises InputError.
    """

    help: str
    panel: str
    flag: str = ""
    metavar: str = ""
    default_text: str = ""
    least: int | None = None
    parse: Callable[[str], Any] | None = None


def option(default: Any, help: str, panel: str, **more: Any) -> Any:
    """A dataclass field that is also an option; default MISSING: it must be given. See Option."""
    return field(default=default, metadata={_KEY: Option(help, panel, **more)})


def options_of(kind: type) -> dict[str, Option]:
    """The options of a dataclass by the names of their fields, those of base classes last; `flag`
    is filled in."""
    declared = {one.name: one.metadata.get(_KEY) for one in fields(kind)}
    found = {}
    for name in (name for one in kind.__mro__ for name in inspect.get_annotations(one)):
        if said := declared.get(name):
            found[name] = replace(said, flag=said.flag or f"--{name.replace('_', '-')}")
    return found


def check_once(flag: str, words: Iterable[str]) -> None:
    """Raises InputError where one name=value of an option of several says other than another."""
    said: dict[str, str] = {}
    for text in words:
        name, equals, _ = text.partition("=")
        if equals and said.setdefault(name.strip(), text) != text:
            raise InputError(
                f"{flag} {said[name.strip()]} and {flag} {text} contradict each other: give"
                f" {name.strip()} once, as you mean it."
            )


def words_of(values: Any, kind: type) -> list[str]:
    """The command-line words that say what `values`, an instance of `kind`, holds."""
    words = []
    for name, said in options_of(kind).items():
        value = getattr(values, name)
        if isinstance(value, bool):
            words += [said.flag] * value
        elif value is not None:
            words += [said.flag, str(value)]
    return words
