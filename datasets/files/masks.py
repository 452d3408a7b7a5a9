"""Mask files as users store them: one or two of them, read and checked.

Reads NIfTI (.nii, .nii.gz; spacing in mm of the affine) and PNG (spacing 1 px). A file is a mask
when it holds 0 and one other value, whatever that value is: 1, 255, a colour, a 1-bit image
(rounding grey / 255 would lose the latter, Q29). Label numbers 0 to 9 are a mask too: all labels
above 0 are merged into one foreground, and a note says so (Q31). Any other file is refused rather
than thresholded. Not here: resampling; two files on different grids are refused.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from datasets.files import nifti, raster
from datasets.files.labels import nearly_whole

LARGEST_LABEL = 9


@dataclass(frozen=True)
class MaskFile:
    """A mask as read: `mask` bool (z, y, x) or (y, x), `spacing` in `unit` ("mm" or "px") along the
    same axes.

    `affine`: (4, 4) voxel to patient in mm of a NIfTI file, None for PNG. `labels`: how many labels
    were merged, 1 if none. `doubts`: the ends of sentences on the header.
    """

    path: Path
    mask: np.ndarray
    spacing: tuple[float, ...]
    unit: str
    affine: np.ndarray | None
    labels: int
    doubts: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """Sentences for the user on how the file was read."""
        merged = f"{self.path}: {self.labels} labels merged into one foreground."
        empty = (
            f"{self.path} has no foreground: distances are the image diagonal, or 0 if both masks"
            f" are empty."
        )
        doubts = [f"{self.path}: {doubt}." for doubt in self.doubts]
        return [merged] * (self.labels > 1) + [empty] * (not self.mask.any()) + doubts


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
    if not name.endswith(".png"):
        return _read_nifti(path)
    mask, labels = _foreground(path, raster.read_labels(path)[0])
    return MaskFile(path, mask, (1.0, 1.0), "px", None, labels)


def _read_nifti(path: Path) -> MaskFile:
    """The array is reversed to (z, y, x); axes of length 1 are dropped, so a single slice is a 2D
    image."""
    header = nifti.read_header(path)
    shape = header.image.shape
    long_axes = [axis for axis, length in enumerate(shape) if length != 1]
    if len(long_axes) not in (2, 3) or long_axes[-1] > 2:
        raise InputError(f"{path} has shape {shape}: give one image or one volume.")
    mask, labels = _foreground(path, nifti.voxels(header).squeeze().T)
    unknown = "" if header.spacing_recorded else "the header records no spacing, 1 mm is taken"
    return MaskFile(
        path,
        np.ascontiguousarray(mask),
        tuple(float(header.spacing_mm[axis]) for axis in reversed(long_axes)),
        "mm",
        header.affine_mm,
        labels,
        tuple(doubt for doubt in (unknown, header.doubt) if doubt),
    )


def _foreground(path: Path, values: np.ndarray) -> tuple[np.ndarray, int]:
    """The mask in an array of any real type, and how many labels it merges. Raises InputError if it
    is not a mask."""
    inside = values[values != 0]
    if (inside != inside[:1]).any() and nearly_whole(values):
        values = np.rint(values)
        inside = values[values != 0]
    if not (inside != inside[:1]).any():
        return values != 0, 1
    low, high = inside.min(), inside.max()
    if (
        inside.size < values.size
        and low >= 1
        and high <= LARGEST_LABEL
        and (inside == np.floor(inside)).all()
    ):
        return values != 0, len(np.unique(inside))
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
    if not apart <= nifti.SAME_GRID * min(truth.spacing):
        raise InputError(
            f"{names} differ in affine by up to {apart:.3g} mm (position or orientation): bring"
            f" both onto one grid."
        )


def _millimetres(file: MaskFile) -> str:
    return " x ".join(f"{step:g}" for step in file.spacing) + " mm"
