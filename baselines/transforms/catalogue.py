"""The built-in transforms by name, found by listing the folders single/ and stacks/.

A new transform is one file there: `stacks/my_mix.py` holds a Transform whose name is "my-mix". This
module imports no torch. Not here: a user's own transform (baselines/generators/user_method.py).
"""

import importlib
import inspect
import pkgutil
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


def transform_class(name: str) -> "type[Transform]":
    """Imports the transform, and torch with it. Raises InputError for an unknown name."""
    from baselines.transforms.base import Transform

    module = importlib.import_module(transforms()[check_transform(name)])
    for found in filter(inspect.isclass, vars(module).values()):
        if issubclass(found, Transform) and getattr(found, "name", None) == name:
            return found
    raise TypeError(f"{module.__name__} has no Transform with the name '{name}'")
