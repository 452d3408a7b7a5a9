"""The user's own classes that this process has loaded, by "own:NAME@VERSION". Imports no torch."""

from dataclasses import dataclass

from benchmark.core.errors import InputError
from benchmark.spec.method import OWN_PREFIX, MethodSpec


@dataclass(frozen=True)
class OwnClass:
    """A loaded class, where it came from, and the sha256 of that file."""

    cls: type
    address: str
    sha256: str
    spec: MethodSpec


# "own:NAME@VERSION" -> class; filled by `load_own`, in every process that needs one
CLASSES: dict[str, OwnClass] = {}


def own_class(reference: str) -> OwnClass:
    """The class loaded under "own:NAME@VERSION". Raises InputError where it is not loaded."""
    if reference not in CLASSES:
        name = reference.removeprefix(OWN_PREFIX)
        raise InputError(
            f"method {name} is a user's own and its file is not known here; start it by --method"
            f" FILE.py:Class."
        )
    return CLASSES[reference]
