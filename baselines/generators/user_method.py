"""A user's own method: one class in a file or an installed module, named by `--method
path/to/file.py:Class`.

The class is a generator of synthetic variants (a `baselines.method.Generator`) or a change of
batches (a `baselines.method.Transform`), and carries

    name       its name in tables and keys: lower-case letters, digits and hyphens
    version    a whole number from 1: raise it when the class gives other results
    settings   generators: its settings, a `baselines.method.Settings`; `--set generator.NAME=VALUE`
    joins      generators: "patches" (merged with the real slice) or "pairs" (beside it)
    presets    generators, if wanted: name of a preset -> settings that differ from the defaults
    look       if wanted: a `baselines.method.Look`, its place in tables and its colour in figures

A built-in generator carries the same, and is found by its file alone (catalogue.py). A key holds
name, version and settings, never code; the sha256 of the file is written down beside each result.
Folds, budget, leak checks and records are the program's business and the same for every method.
This module imports no torch. Not here: running what a class does (stages).
"""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from baselines.generators.catalogue import OwnClass, add, generators, method_names
from baselines.generators.declaration import check_whole, declared_method, method_of
from baselines.generators.fit_folder import write_training_ids
from benchmark.core.errors import InputError
from benchmark.core.texts import did_you_mean, first_line
from benchmark.spec.method import OWN_PREFIX, MethodSpec

SAFE_SUFFIXES = (".npy", ".json", ".csv", ".png", ".txt", ".safetensors")


def is_own(method: str) -> bool:
    """Whether a --method names a class of the user's: FILE.py:Class or module:Class."""
    return ":" in method


def load_own(address: str) -> OwnClass:
    """Imports the class at `address`. Raises InputError for whatever is wrong with it."""
    cls, path = _import(address)
    spec = _spec_of(cls, address)
    if path is not None and address.rpartition(":")[0].endswith(".py"):
        address = f"{path.resolve()}:{cls.__name__}"
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path else ""
    return add(OwnClass(cls, address, digest, spec))


def check_distinct(classes: Iterable[OwnClass]) -> None:
    """Raises InputError where two files of one call hold methods of the same name and version."""
    seen: dict[str, OwnClass] = {}
    for one in classes:
        other = seen.setdefault(one.spec.reference, one)
        if other.address != one.address and other.sha256 != one.sha256:
            raise InputError(
                f"{one.address} and {other.address} are both called '{one.spec.name}', version"
                f" {one.spec.version}; rename one of them."
            )


def close_fit(reference: str, folder: Path, ids: Sequence[str]) -> None:
    """Writes down what a generator was trained on. Raises InputError for files that could run code
    when read."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or (path.is_file() and path.suffix not in SAFE_SUFFIXES):
            raise InputError(
                f"method {reference.removeprefix(OWN_PREFIX)} wrote {path.name}; a generator's"
                f" folder may hold"
                f" {', '.join(SAFE_SUFFIXES)} alone, which no program executes."
            )
    write_training_ids(folder, ids)


def _import(address: str) -> tuple[type, Path | None]:
    place, _, name = address.rpartition(":")
    if not place or not name.isidentifier():
        raise InputError(f"--method {address} is not of the form FILE.py:Class or module:Class.")
    try:
        module = (
            _module_of_file(Path(place))
            if place.endswith(".py")
            else importlib.import_module(place)
        )
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever it raises is the user's to mend
        raise InputError(
            f"--method {address} cannot be imported: {type(error).__name__}: {first_line(error)}."
        ) from error
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        classes = [word for word, value in vars(module).items() if inspect.isclass(value)]
        raise InputError(
            f"--method {address}: {place} has no class '{name}'{did_you_mean(name, classes)}."
        )
    return found, Path(module.__file__) if module.__file__ else None


def _module_of_file(path: Path) -> Any:
    path = path.absolute()
    if not path.is_file():
        raise InputError(f"--method {path}: there is no such file.")
    identity = path.read_bytes() + bytes(str(path), "utf-8", "surrogateescape")
    name = f"augbench_own_{hashlib.sha256(identity).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    described = importlib.util.spec_from_file_location(name, path)
    assert described is not None and described.loader is not None  # as the name ends in .py
    module = importlib.util.module_from_spec(described)
    sys.modules[name] = module
    try:
        described.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _spec_of(cls: type, address: str) -> MethodSpec:
    where = f"--method {address}"
    kind, name = _kind_of(cls, address), getattr(cls, "name", None)
    if name in (*method_names(), *generators()):
        raise InputError(f"{where}: `name` = {name!r}: a built-in method has this name.")
    if kind == "generator":
        return declared_method(cls, where, own=True)
    check_whole(cls, where)
    return method_of(cls, where, own=True)


def _kind_of(cls: type, address: str) -> str:
    from baselines.generators.base import Generator

    if issubclass(cls, Generator):
        return "generator"
    # a subclass of Transform has imported it
    transforms = sys.modules.get("baselines.transforms.base")
    if transforms is not None and issubclass(cls, transforms.Transform):
        return "transform"
    raise InputError(
        f"--method {address} is neither a baselines.method.Generator nor a"
        f" baselines.method.Transform."
    )
