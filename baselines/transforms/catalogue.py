"""The built-in transforms by name, found by listing the folders single/, stacks/ and mixing/.

A new transform is one file there: `stacks/my_mix.py` holds a Transform whose name is "my-mix". This
module imports no torch. Not here: a user's own transform (baselines/generators/user_method.py).
"""

import functools
import importlib
import inspect
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.transforms import mixing, single, stacks
from benchmark.core.registry import check_name

if TYPE_CHECKING:
    from baselines.transforms.base import Transform

_REFERENCE = re.compile(
    r"(?P<name>[^@]+)@\d+(\(patch_size=(?P<patch_size>\d+), alpha=(?P<alpha>[\d.e-]+)\))?"
)


def transforms() -> dict[str, str]:
    """The name of each transform, and the module that holds it."""
    return {
        file.name.replace("_", "-"): f"{folder.__name__}.{file.name}"
        for folder in (single, stacks, mixing)
        for file in pkgutil.iter_modules(folder.__path__)
    }


def check_transform(name: str) -> str:
    """Returns `name` if a transform has it; else raises InputError, which names the nearest."""
    return check_name("transform", name, transforms())


@functools.cache
def transform_reference(
    name: str, patch_size: int | None = None, alpha: float | None = None
) -> str:
    """'deepstack@1': name and version, as stages name a transform; of one that mixes patches also
    their side and share, 'cutmix@1(patch_size=16, alpha=0.6)'. The version is read from the text of
    its file, since importing it would import torch. Raises InputError for an unknown name.
    """
    text = _text(name)
    declared = re.search(rf'^    name, version = "{name}", (\d+)$', text, re.MULTILINE)
    if declared is None:
        raise TypeError(f'the file of {name} has no line `name, version = "{name}", NUMBER`')
    if patch_size is None or not on_patches(name):
        return f"{name}@{declared[1]}"
    return f"{name}@{declared[1]}(patch_size={patch_size}, alpha={alpha})"


@functools.cache
def on_patches(name: str) -> bool:
    """Whether the transform mixes images by patches, read from its text as its version is."""
    return re.search(r"^    on_patches = True$", _text(name), re.MULTILINE) is not None


def make_transform(reference: str) -> "Transform":
    """The transform of a name, 'deepstack', or of a reference as `transform_reference` makes it.
    Raises InputError for an unknown name."""
    found = _REFERENCE.fullmatch(reference)
    cls: Any = transform_class(found["name"] if found else reference)
    if found is None or found["patch_size"] is None:
        return cls()
    return cls(patch_size=int(found["patch_size"]), alpha=float(found["alpha"]))


def _text(name: str) -> str:
    """The text of a transform's file. Raises InputError for an unknown name."""
    module = find_spec(transforms()[check_transform(name)])
    assert module is not None and module.origin is not None  # pkgutil has found its file
    return Path(module.origin).read_text(encoding="utf-8")


def transform_class(name: str) -> "type[Transform]":
    """Imports the transform, and torch with it. Raises InputError for an unknown name."""
    from baselines.transforms.base import Transform

    module = importlib.import_module(transforms()[check_transform(name)])
    for found in filter(inspect.isclass, vars(module).values()):
        if issubclass(found, Transform) and getattr(found, "name", None) == name:
            return found
    raise TypeError(f"{module.__name__} has no Transform with the name '{name}'")
