"""NIfTI volumes in display orientation, and masks written back in the file's own axes.

A volume is turned to the nearest of the 24 axis orders whose rows run anterior to posterior, whose
columns run patient right to left and whose slices run inferior to superior, without resampling;
`write_mask` undoes exactly that turn. Two headers record no orientation, though their affine seems
to: the identity, which programs write around an array in image order, and the matrix that
libraries make up for a header without one, centred and with the first axis flipped. Not here:
pairing images with labels.
"""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel import orientations
from nibabel.filebasedimages import ImageFileError

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line_of

# Stored (x, y, z) axes that give (z, y, x) arrays as a viewer shows them, once transposed.
_DISPLAY_AXES = "LPS"
_MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001}
READ_ERRORS = (OSError, EOFError, ValueError, zlib.error, ImageFileError)


@dataclass(frozen=True)
class Geometry:
    """What a header says, in display order: shape and spacing (z, y, x), the spacing's unit ("mm"
    or "voxel"), the file's affine (4, 4) and axis codes (assumed ones where none are recorded), and
    the channels (1 for 3D files)."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    spacing_unit: str
    affine: np.ndarray
    orientation: str
    orientation_recorded: bool
    channels: int


def _open(path: Path) -> nibabel.Nifti1Image:
    try:
        image = nibabel.load(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; restore the file.") from error
    except READ_ERRORS as error:
        raise InputError(
            f"cannot read {path} as NIfTI: {one_line_of(error)}; replace it by a good copy."
        ) from error
    if len(image.shape) not in (3, 4) or 0 in image.shape:
        raise InputError(
            f"{path} has shape {image.shape}; a volume needs 3 axes, or 4 with channels last."
        )
    return image


def _stored_axes(image: nibabel.Nifti1Image, path: Path) -> tuple[str, bool]:
    """Axis codes of the stored array such as "RAS", and whether the header records them."""
    affine = image.affine
    if not np.isfinite(affine).all() or np.isnan(orientations.io_orientation(affine)).any():
        raise InputError(
            f"{path} has an affine that maps no axis to the patient; repair its header."
        )
    if image.header.get_xyzt_units()[0] == "unknown" and image.header["qform_code"] == 0:
        if np.array_equal(affine, np.eye(4)):
            return "LPS", False
        made_up = image.header.get_base_affine()
        # The third offset may differ: files were cut or padded along z after a library had made the
        # matrix up.
        difference = np.abs(affine - made_up)
        if difference[:, :3].max() < 1e-4 and difference[:2, 3].max() < 1e-3:
            return "RAS", False
    return "".join(nibabel.aff2axcodes(affine)), True


def _turn(image: nibabel.Nifti1Image, path: Path) -> np.ndarray:
    """The (3, 2) orientation transform from the file's axes to the display axes."""
    own = orientations.axcodes2ornt(_stored_axes(image, path)[0])
    return orientations.ornt_transform(own, orientations.axcodes2ornt(_DISPLAY_AXES))


def _to_display(data: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return orientations.apply_orientation(data, turn).transpose(2, 1, 0)


def _to_file(data: np.ndarray, turn: np.ndarray) -> np.ndarray:
    back = np.empty_like(turn)
    for axis, (target, flip) in enumerate(turn):
        back[int(target)] = (axis, flip)
    return orientations.apply_orientation(data.transpose(2, 1, 0), back)


def read_geometry(path: Path) -> Geometry:
    """The header's geometry, without reading voxels. Raises InputError for unreadable files and
    impossible spacings.

    The unit is mm where the header says so (metres and microns are converted) or where it names no
    unit but holds other zooms than 1; a header without unit and with zooms of 1 recorded nothing:
    spacing 1, unit "voxel".
    """
    image = _open(path)
    turn = _turn(image, path)
    axes, axes_recorded = _stored_axes(image, path)
    zooms = np.array(image.header.get_zooms()[:3], dtype=np.float64)
    if not np.isfinite(zooms).all() or (zooms <= 0).any():
        raise InputError(
            f"{path} has voxel spacings {zooms.tolist()}, which must be above 0; repair its header."
        )
    unit = image.header.get_xyzt_units()[0]
    recorded = unit in _MM_PER_UNIT or not np.allclose(zooms, 1.0, rtol=0, atol=1e-6)
    spacing = zooms * _MM_PER_UNIT.get(unit, 1.0)
    shape, ordered = np.empty(3, dtype=int), np.empty(3)
    for axis, (target, _) in enumerate(turn):
        shape[2 - int(target)], ordered[2 - int(target)] = image.shape[axis], spacing[axis]
    # Headers store float32; six digits keep 0.6 from becoming 0.60000002.
    z, row, column = (round(step, 6) for step in ordered.tolist()) if recorded else (1.0, 1.0, 1.0)
    return Geometry(
        shape=tuple(shape.tolist()),
        spacing=(z, row, column),
        spacing_unit="mm" if recorded else "voxel",
        affine=np.array(image.affine, dtype=np.float64),
        orientation=axes,
        orientation_recorded=axes_recorded,
        channels=image.shape[3] if len(image.shape) == 4 else 1,
    )


def read_volume(path: Path, channel: int = 0) -> np.ndarray:
    """float32 (z, y, x) of one channel in display orientation, the header's slope and intercept
    applied."""
    image = _open(path)
    return _to_display(_voxels(image, path, channel, np.float32), _turn(image, path))


def read_labels(path: Path, like: Path) -> np.ndarray:
    """Whole numbers (z, y, x) of a label map in display orientation, in the file's integer type
    where it has one.

    like: the image it belongs to, whose orientation counts where either header records none. Raises
    InputError where the file holds fractions.
    """
    image, reference = _open(path), _open(like)
    data = _voxels(image, path, 0, None)
    if data.dtype.kind == "f":
        whole = np.rint(data)
        if not np.array_equal(data, whole):
            raise InputError(f"the mask {path} holds fractions or NaN; store whole-number labels.")
        data = whole.astype(np.int32)
    both_recorded = _stored_axes(image, path)[1] and _stored_axes(reference, like)[1]
    return _to_display(data, _turn(image, path) if both_recorded else _turn(reference, like))


def _voxels(image: nibabel.Nifti1Image, path: Path, channel: int, dtype: type | None) -> np.ndarray:
    try:
        data = image.dataobj[..., channel] if len(image.shape) == 4 else image.dataobj
        data = np.asanyarray(data, dtype=dtype)
    except READ_ERRORS as error:
        raise InputError(
            f"cannot read the voxels of {path}: {one_line_of(error)}; the file is damaged, replace"
            f" it by a good copy."
        ) from error
    if data.dtype.kind not in "buif":
        raise InputError(
            f"{path} holds voxels of type {data.dtype}; only whole and real numbers are images."
        )
    return data


def write_mask(mask: np.ndarray, like: Path, out: Path) -> Path:
    """Writes a mask (z, y, x) in display orientation as uint8 NIfTI with the axes, affine and units
    of `like`.

    Returns the path written. Raises InputError where the shape is not that of `like`.
    """
    reference = _open(like)
    data = np.ascontiguousarray(_to_file(np.asarray(mask, dtype=np.uint8), _turn(reference, like)))
    if data.shape != reference.shape[:3]:
        raise InputError(
            f"a mask of shape {mask.shape} does not fit {like}, whose own axes are"
            f" {reference.shape[:3]}."
        )
    header = reference.header.copy()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(data.shape)
    header["scl_slope"], header["scl_inter"], header["cal_max"], header["cal_min"] = 1, 0, 0, 0
    return _save(nibabel.Nifti1Image(data, reference.affine, header), out)


def write_display_mask(mask: np.ndarray, spacing_mm: tuple[float, float, float], out: Path) -> Path:
    """Writes a mask (z, y, x) that belongs to no file as uint8 NIfTI with axes LPS; returns the
    path written."""
    depth_mm, row_mm, column_mm = spacing_mm
    data = np.ascontiguousarray(np.asarray(mask, dtype=np.uint8).transpose(2, 1, 0))
    image = nibabel.Nifti1Image(data, np.diag([-column_mm, -row_mm, depth_mm, 1.0]))
    image.header.set_xyzt_units("mm")
    return _save(image, out)


def _save(image: nibabel.Nifti1Image, out: Path) -> Path:
    out = out if out.name.endswith((".nii", ".nii.gz")) else out.with_name(out.name + ".nii.gz")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".part-{out.name}")
    nibabel.save(image, temporary)
    os.replace(temporary, out)
    return out


def same_place(image: Path, label: Path) -> bool:
    """Whether two headers put voxels at the same place, to a hundredth of a mm; True where one
    records no place."""
    first, second = _open(image), _open(label)
    if not (_stored_axes(first, image)[1] and _stored_axes(second, label)[1]):
        return True
    return bool(np.allclose(first.affine, second.affine, rtol=0, atol=1e-2))
