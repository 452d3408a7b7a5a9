"""Mask files as users store them: one or two of them, read and checked.

Reads NIfTI (.nii, .nii.gz; spacing in mm of the header) and PNG (spacing 1 px). A file is a mask
when it holds 0 and one other value, whatever that value is: 1, 255, a colour, a 1-bit image
(rounding grey / 255 would lose the latter, Q29). Label numbers 0 to 9 are a mask too: all labels
above 0 are merged into one foreground, and a note says so (Q31). Any other file is refused rather
than thresholded. Not here: resampling; two files on different grids are refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from PIL import Image

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line_of
from datasets.files import nifti, raster

LARGEST_LABEL = 9
MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
# Grids that lie less than this share of the smallest voxel side apart are the same grid, rounded by
# its writer.
GRID_TOLERANCE = 0.05
UNREADABLE = (*nifti.READ_ERRORS, *raster.READ_ERRORS, KeyError, OverflowError, HeaderDataError)


@dataclass(frozen=True)
class MaskFile:
    """A mask as read: `mask` bool (z, y, x) or (y, x), `spacing` in `unit` ("mm" or "px") along the
    same axes.

    `affine`: (4, 4) voxel to world of a NIfTI file, None for PNG. `labels`: how many labels were
    merged, 1 if none.
    """

    path: Path
    mask: np.ndarray
    spacing: tuple[float, ...]
    unit: str
    affine: np.ndarray | None
    labels: int

    @property
    def notes(self) -> list[str]:
        """Sentences for the user on how the file was read."""
        merged = f"{self.path}: {self.labels} labels merged into one foreground."
        empty = (
            f"{self.path} has no foreground: distances are the image diagonal, or 0 if both masks"
            f" are empty."
        )
        return [merged] * (self.labels > 1) + [empty] * (not self.mask.any())


def read_pair(prediction: Path, truth: Path) -> tuple[MaskFile, MaskFile]:
    """Two masks on one grid, both NIfTI or both PNG. Raises InputError for what `read_mask`
    refuses, and for two files that differ in kind, shape, spacing or affine."""
    predicted, true = read_mask(prediction), read_mask(truth)
    _check_same_grid(predicted, true)
    return predicted, true


def read_mask(path: Path) -> MaskFile:
    """Reads one NIfTI or PNG mask. Raises InputError if it is missing, unreadable or not a mask."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: give the path of a NIfTI or PNG mask.")
    if not path.is_file():
        raise InputError(f"{path} is not a file: give the path of a NIfTI or PNG mask.")
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz", ".png")):
        raise InputError(
            f"{path} is neither .nii, .nii.gz nor .png: convert the mask to one of these."
        )
    return _read_png(path) if name.endswith(".png") else _read_nifti(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Around calls of the file libraries alone: turns what they raise for a broken file into an
    InputError."""
    try:
        yield
    except UNREADABLE as error:
        reason = one_line_of(error)
        raise InputError(
            f"{path} cannot be read ({reason}): check the file or export it again."
        ) from error


def _read_png(path: Path) -> MaskFile:
    with _readable(path), Image.open(path, formats=["PNG"]) as image:
        if image.mode in ("LA", "PA", "P", "RGB", "RGBA"):
            values = _colour_codes(np.asarray(image.convert("RGBA")).astype(np.uint32))
        else:
            values = np.asarray(image)
    mask, labels = _foreground(path, values)
    return MaskFile(path, mask, (1.0, 1.0), "px", None, labels)


def _colour_codes(rgba: np.ndarray) -> np.ndarray:
    """uint32 (y, x): grey pixels their grey level, others a number of their colour; transparent
    counts as black.

    An image of a single colour carries its mask in the alpha channel.
    """
    colour, alpha = rgba[..., :3], rgba[..., 3]
    if (colour == colour[0, 0]).all() and (alpha != alpha[0, 0]).any():
        return alpha
    shown = colour * alpha[..., None] // 255
    red, green, blue = (shown[..., channel] for channel in range(3))
    grey = (red == green) & (green == blue)
    return np.where(grey, red, 1 << 24 | red << 16 | green << 8 | blue)


def _read_nifti(path: Path) -> MaskFile:
    """The array is reversed to (z, y, x); axes of length 1 are dropped, so a single slice is a 2D
    image."""
    with _readable(path):
        image = nibabel.load(path)
        values = np.asanyarray(image.dataobj)
        unit = image.header.get_xyzt_units()[0]
    if values.dtype.kind not in "buif":
        raise InputError(
            f"{path} is not a mask: its voxels are {values.dtype}, so export a mask of whole"
            f" numbers."
        )
    spacing = [float(step) * MM_PER_UNIT[unit] for step in image.header.get_zooms()]
    long_axes = [axis for axis, length in enumerate(values.shape) if length != 1]
    if len(long_axes) not in (2, 3) or values.size == 0:
        raise InputError(f"{path} has shape {values.shape}: give one image or one volume.")
    steps = tuple(spacing[axis] for axis in reversed(long_axes))
    if not all(np.isfinite(step) and step > 0 for step in steps):
        raise InputError(
            f"{path} has the voxel spacing {steps} mm: set positive numbers in its header."
        )
    mask, labels = _foreground(path, values.squeeze().T)
    return MaskFile(
        path, np.ascontiguousarray(mask), steps, "mm", image.affine * MM_PER_UNIT[unit], labels
    )


def _foreground(path: Path, values: np.ndarray) -> tuple[np.ndarray, int]:
    """The mask in an array of any real type, and how many labels it merges. Raises InputError if it
    is not a mask."""
    foreground = values != 0
    inside = values[foreground]
    if inside.size == 0 or (inside == inside[0]).all():
        return foreground, 1
    low, high = inside.min(), inside.max()
    if (
        inside.size < values.size
        and low >= 1
        and high <= LARGEST_LABEL
        and (inside == np.floor(inside)).all()
    ):
        return foreground, len(np.unique(inside))
    raise InputError(
        f"{path} is not a mask (it holds several values, from {values.min():g} to {high:g}): give"
        f" a file with 0"
        " outside and one value inside, for example by thresholding the image first."
    )


def _check_same_grid(prediction: MaskFile, truth: MaskFile) -> None:
    names = f"{prediction.path} and {truth.path}"
    if prediction.unit != truth.unit:
        raise InputError(f"{names} are of different kinds: give two NIfTI or two PNG masks.")
    if prediction.mask.shape != truth.mask.shape:
        raise InputError(
            f"{names} differ in shape, {prediction.mask.shape} and {truth.mask.shape}: bring both"
            f" onto one grid."
        )
    if truth.affine is None:
        return
    if not np.allclose(prediction.spacing, truth.spacing, rtol=1e-3, atol=0):
        raise InputError(
            f"{names} differ in spacing, {_millimetres(prediction)} and {_millimetres(truth)}:"
            " bring both onto one grid."
        )
    far_corner = [max(truth.mask.shape)] * 3 + [1]
    apart = float((np.abs(prediction.affine - truth.affine) @ far_corner).max())
    if not apart <= GRID_TOLERANCE * min(truth.spacing):
        raise InputError(
            f"{names} differ in affine by up to {apart:.3g} mm (position or orientation): bring"
            f" both onto one grid."
        )


def _millimetres(file: MaskFile) -> str:
    return " x ".join(f"{step:g}" for step in file.spacing) + " mm"
