"""All generators by name: the built-in ones, found by themselves, and those of a user's files.

A built-in is a file of its own below baselines/, or a module that the `GENERATORS` of a folder
below baselines/ names; each such module holds one or more subclasses of Generator with a name. A
generator's name is its *kind*. It is trained by the method of the same name, or by the one that
its class names as `method`. Modules of generators import no torch until they compute. Not here:
what a class must declare (declaration.py), the user's files (user_method.py).
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import baselines
from baselines.generators.base import Generator
from baselines.generators.declaration import declared_method
from baselines.generators.settings import BaseSettings
from benchmark.core.errors import InputError
from benchmark.core.identity import flat
from benchmark.core.registry import check_name
from benchmark.spec.method import CLASSIC, NONE, OWN_PREFIX, MethodSpec

_OTHER_ROOMS = ("generators", "networks", "objectives", "transforms", "method")


@dataclass(frozen=True)
class OwnClass:
    """A user's class, where it came from, and the sha256 of that file."""

    cls: type
    address: str
    sha256: str
    spec: MethodSpec


# "own:NAME@VERSION" -> the class that was loaded last under that name.
_OWN: dict[str, OwnClass] = {}


def add(own: OwnClass) -> OwnClass:
    """Makes a user's class known to this process."""
    _OWN[own.spec.reference] = own
    return own


def own_class(reference: str) -> OwnClass:
    """The class loaded under "own:NAME@VERSION". Raises InputError where it is not loaded."""
    if reference not in _OWN:
        name = reference.removeprefix(OWN_PREFIX)
        raise InputError(
            f"method {name} is a user's own and its file is not known here; start it by --method"
            f" FILE.py:Class."
        )
    return _OWN[reference]


def generators() -> dict[str, type[Generator]]:
    """Kind -> class of all built-in generators, in the order of tables."""
    return _found(tuple(baselines.__path__))


def methods() -> dict[str, tuple[str, ...]]:
    """Built-in method -> kinds that it may train, its own first."""
    found: dict[str, tuple[str, ...]] = {kind: (kind,) for kind, cls in generators().items()}
    for kind, cls in generators().items():
        if cls.method:
            del found[kind]
            found[cls.method] += (kind,)
    return found


def method_names() -> list[str]:
    """Names of all built-in methods, in the order of tables."""
    return [NONE.name, CLASSIC.name, *methods()]


def declared(method: str, kind: str | None = None) -> MethodSpec:
    """A built-in method without settings; `kind`: the generator that it trains, if not its own.

    Raises InputError for an unknown method, and for a kind that the method cannot train.
    """
    check_name("method", method, method_names())
    if method not in methods():
        return {NONE.name: NONE, CLASSIC.name: CLASSIC}[method]
    kind = check_kind(method, kind or method)
    trained = declared_method(generators()[kind], kind)
    return trained.model_copy(update={"name": method})


def check_kind(method: str, kind: str) -> str:
    """Returns `kind` if the method can train it; raises InputError otherwise."""
    return check_name(f"generator.kind of {method}", kind, methods()[method])


def default_kind(method: str, preset: str) -> str:
    """The generator that a built-in method trains at a preset."""
    kinds = methods()[method]
    return next((kind for kind in kinds if preset in generators()[kind].default_at), kinds[0])


def generator_class(reference: str) -> type[Generator]:
    """The generators of this kind ("emitdiff", "emitdiff@1", "own:NAME@VERSION").

    Raises InputError for an unknown kind, and for another version than the program's.
    """
    if reference.startswith(OWN_PREFIX):
        return own_class(reference).cls
    kind, _, version = reference.partition("@")
    cls = generators()[check_name("generator", kind, generators())]
    if version not in ("", str(cls.version)):
        raise InputError(
            f"generator {kind} has version {cls.version} here, and version {version} was planned;"
            f" run the same command again."
        )
    return cls


def settings_class(reference: str) -> type[BaseSettings]:
    """The settings of the generators of this kind. Raises InputError as `generator_class` does."""
    return generator_class(reference).settings


def settings_of_generator(reference: str, values: Mapping[str, Any]) -> BaseSettings:
    """Settings from the resolved values of a run's method."""
    return settings_class(reference).model_validate(dict(values))


def changed_settings(
    method: MethodSpec, preset: str, protocol: str, dataset: str
) -> dict[str, Any]:
    """The settings of a resolved method's generator, with dotted names, that are not those of the
    preset and the named protocol; "kind" if the generator is not the preset's.

    Versions of weights are not among them, for they are found out when a run is planned.
    """
    cls = generator_class(method.reference)
    numbers = cls.settings.model_validate(cls.numbers(preset, protocol, dataset))
    usual = flat(numbers.model_dump(mode="json"))
    usual["kind"] = method.kind if method.own else default_kind(method.name, preset)
    mine = flat(method.generator or {}) | {"kind": method.kind}
    return {
        name: value
        for name, value in mine.items()
        if usual[name] != value and not name.endswith("_version") and name not in cls.settings.facts
    }


@functools.cache
def _found(folders: tuple[str, ...]) -> dict[str, type[Generator]]:
    classes = [cls for module in _modules(folders) for cls in _classes(module)]
    for cls in classes:
        declared_method(cls, f"{cls.__module__}.{cls.__name__}")
    return {cls.name: cls for cls in sorted(classes, key=lambda cls: (cls.look.order, cls.name))}


def _modules(folders: tuple[str, ...]) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(folders, "baselines."):
        if found.name.removeprefix("baselines.") in _OTHER_ROOMS:
            continue
        module = importlib.import_module(found.name)
        if not found.ispkg:
            yield module
        for name in getattr(module, "GENERATORS", ()):
            yield importlib.import_module(f"{found.name}.{name}")


def _classes(module: ModuleType) -> list[type[Generator]]:
    """The generators that a module defines; those that it imports are another's."""
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Generator)
        and value.__module__ == module.__name__
        and "name" in vars(value)
    ]
