"""What the readers of images and of volumes have in common: labels are whole numbers, and a file
that a library cannot read is refused in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line_of

# A scale factor in a header, or arithmetic in float32, moves a label by less than this.
ROUNDING = 1e-3
_LARGEST = 2**31 - 1


def whole_numbers(values: np.ndarray, path: Path) -> np.ndarray:
    """Labels of any real type as integers; floats at most `ROUNDING` off a whole number are
    rounded. Raises InputError for fractions, NaN and numbers beyond 32 bits."""
    if values.dtype.kind in "biu":
        return values
    if not (np.abs(values) <= _LARGEST).all() or not nearly_whole(values):
        raise InputError(f"the mask {path} holds fractions or NaN; store whole-number labels.")
    return np.rint(values).astype(np.int32)


def nearly_whole(values: np.ndarray) -> bool:
    """Whether all values are finite and at most `ROUNDING` off a whole number."""
    return bool(np.isfinite(values).all() and (np.abs(values - np.rint(values)) <= ROUNDING).all())


@contextmanager
def readable(path: Path, what: str) -> Iterator[None]:
    """Around calls of a file library alone: turns whatever it raises into an InputError.

    what: the start of the sentence, such as "cannot read the image PATH".
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; restore the file.") from error
    except InputError:
        raise
    except Exception as error:  # for a broken file the libraries raise errors of any type
        raise InputError(
            f"{what}: {one_line_of(error)}; the file is damaged or of another kind, replace it by a"
            f" good copy."
        ) from error
