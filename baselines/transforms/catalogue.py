"""The built-in transforms by name, found by listing the folders single/ and stacks/.

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
from typing import TYPE_CHECKING

from baselines.transforms import single, stacks
from benchmark.core.registry import check_name

if TYPE_CHECKING:
    from baselines.transforms.base import Transform


def transforms() -> dict[str, str]:
    """The name of each transform, and the module that holds it."""
    return {
        file.name.replace("_", "-"): f"{folder.__name__}.{file.name}"
        for folder in (single, stacks)
        for file in pkgutil.iter_modules(folder.__path__)
    }


def check_transform(name: str) -> str:
    """Returns `name` if a transform has it; else raises InputError, which names the nearest."""
    return check_name("transform", name, transforms())


@functools.cache
def transform_reference(name: str) -> str:
    """'deepstack@1': name and version, as stages name a transform. The version is read from the
    text of its file, since importing it would import torch. Raises InputError for an unknown name.
    """
    module = find_spec(transforms()[check_transform(name)])
    assert module is not None and module.origin is not None  # pkgutil has found its file
    text = Path(module.origin).read_text(encoding="utf-8")
    declared = re.search(rf'^    name, version = "{name}", (\d+)$', text, re.MULTILINE)
    if declared is None:
        raise TypeError(f'{module.origin} has no line `name, version = "{name}", NUMBER`')
    return f"{name}@{declared[1]}"


def transform_class(name: str) -> "type[Transform]":
    """Imports the transform, and torch with it. Raises InputError for an unknown name."""
    from baselines.transforms.base import Transform

    module = importlib.import_module(transforms()[check_transform(name)])
    for found in filter(inspect.isclass, vars(module).values()):
        if issubclass(found, Transform) and getattr(found, "name", None) == name:
            return found
    raise TypeError(f"{module.__name__} has no Transform with the name '{name}'")
