"""What a case is: one patient's volume or one image, with its mask, in native geometry.

Every source hands out `CaseInfo` (cheap, from names alone) and `Case` (pixels). `checked_case` is
the one place where pixels from outside are checked. Not here: reading files.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.texts import some

_NUMBERS = re.compile(r"(\d+)")


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Sort key that puts "malignant (2)" before "malignant (10)"."""
    parts = enumerate(_NUMBERS.split(name))  # every second part is a number
    return [(0, int(part)) if place % 2 else (1, part) for place, part in parts]


@dataclass(frozen=True)
class CaseInfo:
    """A case by name.

    id: unique in its source, for example "prostate_16"; group: the patient, never split over folds;
    stratum: the class that folds are stratified by, or None; files: image and mask files relative
    to the source's folder, for messages; centre: where it was taken, or None where that is not
    known.
    """

    id: str
    group: str
    stratum: str | None = None
    files: tuple[str, ...] = ()
    centre: str | None = None


@dataclass
class Case:
    """A case with its pixels, in display orientation: rows anterior to posterior, columns patient
    right to left, slices inferior to superior. A 2D image has z = 1.

    image: float32 (z, y, x), native intensities (Hounsfield units for CT); mask: uint8 (z, y, x) in
    {0, 1}; spacing: (z, y, x) in `spacing_unit`, which is "mm", "px" (2D images without a physical
    size) or "voxel" (volumes whose header records none); affine: (4, 4) float64 of the file, voxel
    (x, y, z) to mm, or None; orientation: the file's own axis codes such as "RAS", or None.
    """

    info: CaseInfo
    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float]
    spacing_unit: str
    affine: np.ndarray | None = None
    orientation: str | None = None


def checked_case(
    info: CaseInfo,
    image: np.ndarray,
    labels: np.ndarray,
    foreground: Collection[int] | None,
    *,
    spacing: tuple[float, float, float],
    spacing_unit: str,
    affine: np.ndarray | None = None,
    orientation: str | None = None,
) -> Case:
    """A Case from an image and a label map, both (z, y, x); labels in `foreground` become 1.

    foreground None accepts one non-zero value of any size (masks of 0/1 and 0/255 alike). Raises
    InputError where the shapes differ, the image holds NaN or infinity, or the mask holds a label
    that nobody announced.
    """
    where = " and ".join(info.files) or info.id
    if image.shape != labels.shape:
        raise InputError(
            f"case {info.id}: image and mask differ in shape, {_size(image)} against"
            f" {_size(labels)} ({where});"
            " replace one of the files by the one that belongs to it."
        )
    image = np.ascontiguousarray(image, dtype=np.float32)
    broken = image.size - int(np.count_nonzero(np.isfinite(image)))
    if broken:
        raise InputError(
            f"case {info.id}: {broken} of {image.size} pixels of"
            f" {info.files[0] if info.files else 'the image'}"
            " are NaN or infinite; repair or remove the case."
        )
    mask = _foreground_mask(info, labels, foreground)
    return Case(info, image, mask, spacing, spacing_unit, affine, orientation)


def _foreground_mask(
    info: CaseInfo, labels: np.ndarray, foreground: Collection[int] | None
) -> np.ndarray:
    found = [value.item() for value in np.unique(labels)]
    if foreground is None:
        positive = [value for value in found if value > 0]
        allowed = {0, positive[0]} if len(positive) == 1 else {0}
    else:
        allowed = {0, *foreground}
    unexpected = [value for value in found if value not in allowed]
    if unexpected:
        listed = some([_shown_label(value) for value in unexpected], shown=8)
        expected = (
            "0 and one other value"
            if foreground is None
            else ", ".join(str(value) for value in sorted(allowed))
        )
        raise InputError(
            f"case {info.id}: {info.files[-1] if info.files else 'the mask'} holds unexpected"
            f" labels: {listed}"
            f" (expected: {expected}); correct the mask or declare its labels."
        )
    return np.ascontiguousarray(labels > 0, dtype=np.uint8)


def _shown_label(value: float) -> str:
    """Labels read from colours (files/raster.py) as "#ff0000"."""
    is_colour = 1 << 24 <= value < 1 << 25
    return f"#{int(value) % (1 << 24):06x}" if is_colour else f"{value:g}"


def _size(array: np.ndarray) -> str:
    return " x ".join(str(side) for side in array.shape) + " (z, y, x)"
