"""What the class of a generator declares of itself, checked: the same for built-ins and for a
user's. Imports no torch. Not here: finding classes (catalogue.py, user_method.py)."""

import inspect
from typing import Any

from pydantic import ValidationError

from baselines.generators.mask_sampler import MaskSampling
from baselines.generators.settings import BaseSettings
from benchmark.core.errors import InputError
from benchmark.spec.method import MethodSpec

_JOINS = ("patches", "pairs")


def declared_method(cls: type, where: str, *, own: bool = False) -> MethodSpec:
    """The method that trains this generator, without its settings.

    `where`: the class, as a sentence names it. Raises InputError for whatever the class lacks.
    """
    check_whole(cls, where)
    joins = getattr(cls, "joins", None)
    if joins not in _JOINS:
        raise InputError(f"{where}: `joins` must be 'patches' or 'pairs', not {joins!r}.")
    _check_settings(cls, where, joins)
    return method_of(cls, where, kind=getattr(cls, "name", None), joins=joins, own=own)


def method_of(cls: type, where: str, **fields: Any) -> MethodSpec:
    """A method of the class's name and version. Raises InputError where it has none."""
    look = {"look": cls.look} if hasattr(cls, "look") else {}
    given = {name: getattr(cls, name, None) for name in ("name", "version")}
    try:
        return MethodSpec.model_validate(given | look | fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{where}: `{first['loc'][0]}` = {first['input']!r}: {first['msg']}."
        ) from None


def check_whole(cls: type, where: str) -> None:
    """Raises InputError for a class that lacks a method of its base."""
    if inspect.isabstract(cls):
        lacking = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
        raise InputError(f"{where}: the class lacks {lacking}.")


def _check_settings(cls: type, where: str, joins: str) -> None:
    settings = getattr(cls, "settings", None)
    if not (inspect.isclass(settings) and issubclass(settings, BaseSettings)):
        raise InputError(f"{where}: `settings` must be a subclass of baselines.method.Settings.")
    try:
        made = settings.model_validate({})
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise InputError(
            f"{where}: every field of its settings needs a valid default, which {fields} lacks."
        ) from None
    if isinstance(made.sampling, MaskSampling) and joins != "pairs":
        raise InputError(
            f"{where}: samples that are made from chosen masks bring these as their labels; `joins`"
            f" must be 'pairs'."
        )
