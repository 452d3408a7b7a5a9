"""NIfTI volumes in display orientation, and masks written back in the file's own axes.

A volume is turned to the nearest of the 24 axis orders whose rows run anterior to posterior, whose
columns run patient right to left and whose slices run inferior to superior, without resampling;
`write_mask` undoes exactly that turn. All geometry comes from the affine, which is the sform where
there is one; pixdim beside it may say something else. Two headers record no orientation, though
their affine seems to: the identity, which programs write around an array in image order, and the
matrix that libraries make up for a header without one, centred and with the first axis flipped. Not
here: pairing images with labels.
"""

import gzip
import itertools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel import orientations
from nibabel.affines import voxel_sizes
from nibabel.imageglobals import logger as nibabel_log

from benchmark.core.errors import InputError
from datasets.files.labels import readable, whole_numbers

# Stored (x, y, z) axes that give (z, y, x) arrays as a viewer shows them, once transposed.
_DISPLAY_AXES = "LPS"
# The last three bits of xyzt_units; 0 says that the unit is unknown, and is taken for mm.
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
# Spacings and places of a header are rounded by its writer; more than this share is a difference.
_ROUNDING = 1e-3
# Shares of the smallest voxel: a grid less far apart is the same, rounded by its writer; one more
# than half a voxel apart puts labels on pixels that they do not belong to.
SAME_GRID, OTHER_PIXELS = 0.05, 0.5


@dataclass(frozen=True)
class Header:
    """An opened file: the geometry of its stored (x, y, z) array, taken from its affine alone.

    Args:
        path, image: the file.
        affine_mm: (4, 4) voxel to patient in mm.
        spacing_mm: (3,), along the stored axes; 1 where `spacing_recorded` is not true.
        pixdim_mm: (3,), what the field pixdim says.
        axes: codes such as "RAS", assumed ones unless `axes_recorded`.
    """

    path: Path
    image: nibabel.Nifti1Image
    affine_mm: np.ndarray
    spacing_mm: np.ndarray
    pixdim_mm: np.ndarray
    spacing_recorded: bool
    axes: str
    axes_recorded: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the stored array, without channels; a lacking axis has length 1."""
        x, y, z = (*self.image.shape, 1, 1)[:3]
        return x, y, z

    @property
    def channels(self) -> int:
        return int(np.prod(self.image.shape[3:]))

    @property
    def turn(self) -> np.ndarray:
        """The (3, 2) orientation transform from the file's axes to the display axes."""
        own = orientations.axcodes2ornt(self.axes)
        return orientations.ornt_transform(own, orientations.axcodes2ornt(_DISPLAY_AXES))

    @property
    def display_affine_mm(self) -> np.ndarray:
        """(4, 4) of the array once it is turned."""
        return self.affine_mm @ orientations.inv_ornt_aff(self.turn, self.shape)

    @property
    def doubt(self) -> str:
        """The end of a sentence where pixdim or the qform contradicts the affine, else ''."""
        if np.allclose(self.pixdim_mm, self.spacing_mm, rtol=_ROUNDING, atol=0):
            return self._doubt_of_qform()
        return (
            f"pixdim says {_sides(self.pixdim_mm)} and the affine, which is used, says"
            f" {_sides(self.spacing_mm)}"
        )

    def _doubt_of_qform(self) -> str:
        with _quiet(), readable(self.path, f"cannot read the qform of {self.path}"):
            qform = self.image.header.get_qform(coded=True)[0]
            sform = self.image.header.get_sform(coded=True)[0]
        if qform is None or sform is None:
            return ""
        corners = np.diag([*self.shape, 1])
        apart = np.linalg.norm(((qform - sform) @ corners)[:3], axis=0).max()
        if apart <= OTHER_PIXELS * voxel_sizes(sform).min():
            return ""
        return "qform and sform put voxels at different places, and the sform is used"


@dataclass(frozen=True)
class Geometry:
    """What a header says, in display order: shape and spacing (z, y, x), the spacing's unit ("mm"
    or "voxel"), the file's affine (4, 4) and axis codes (assumed ones where none are recorded), the
    channels (1 for 3D files), and `doubt`, the end of a sentence where pixdim or the qform
    contradicts the affine."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    spacing_unit: str
    affine: np.ndarray
    orientation: str
    orientation_recorded: bool
    channels: int
    doubt: str


def read_header(path: Path) -> Header:
    """Opens a file without reading its voxels. Raises InputError for other files than NIfTI, voxels
    that are no real numbers, and headers that place no voxel."""
    with _quiet(), readable(path, f"cannot read {path} as NIfTI"):
        image = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Image):
            raise InputError(
                f"{path} is no NIfTI file but {type(image).__name__}; convert it to .nii.gz."
            )
        unit_code = _unit_code(image)
        dtype, affine = image.get_data_dtype(), np.array(image.affine, dtype=np.float64)
        pixdim = _stored_pixdim(image)
        _check_voxels_follow(image)
    if unit_code not in _MM_PER_UNIT:
        raise InputError(
            f"{path} has xyzt_units {unit_code}, a unit of length that NIfTI does not define;"
            f" repair its header."
        )
    if dtype.kind not in "buif":
        raise InputError(
            f"{path} is not a mask or an image: its voxels are {dtype}; store one whole or real"
            f" number per voxel."
        )
    if any(side < 1 for side in image.shape):
        raise InputError(f"{path} has shape {image.shape}; every axis needs a voxel.")
    sizes = voxel_sizes(affine)
    placed_by_pixdim = image.header["sform_code"] == 0
    sides = [*sizes, *pixdim] if placed_by_pixdim else [*sizes, *np.where(pixdim == 0, 1, pixdim)]
    if not np.isfinite(sides).all() or (sizes <= 0).any() or 0 in sides:
        raise InputError(
            f"{path} has the voxel spacing {_sides(pixdim if placed_by_pixdim else sizes)} mm"
            f" (pixdim {_sides(pixdim)}); set positive numbers in its header."
        )
    axes, axes_recorded = _stored_axes(image, affine, path)
    unit = _MM_PER_UNIT[unit_code]
    return Header(
        path=path,
        image=image,
        affine_mm=np.vstack([affine[:3] * unit, affine[3:]]),
        spacing_mm=np.round(sizes * unit, 6),  # float32 in the file: 0.6, not 0.60000002
        pixdim_mm=np.abs(pixdim) * unit,
        spacing_recorded=unit_code != 0 or not np.allclose(sizes, 1.0, rtol=0, atol=1e-6),
        axes=axes,
        axes_recorded=axes_recorded,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """nibabel prints what it mends; what matters of it is said here."""
    before = nibabel_log.level
    nibabel_log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        nibabel_log.setLevel(before)


def _check_voxels_follow(image: nibabel.Nifti1Image) -> None:
    """Raises InputError for a header that lets nibabel read its own bytes as voxels, or drop a
    scale without a word."""
    path = image.file_map["image"].filename
    one_file = image.file_map["image"] is image.file_map.get("header", image.file_map["image"])
    if one_file and image.dataobj.offset < image.header["sizeof_hdr"]:
        raise InputError(
            f"{path} has vox_offset {image.dataobj.offset}, which lies inside its header; repair"
            f" its header (352 in a plain .nii file)."
        )
    stored = _stored_header(image)
    scale = float(stored["scl_slope"]), float(stored["scl_inter"])
    if np.isinf(scale).any():
        raise InputError(
            f"{path} has the scale {scale[0]:g} and the shift {scale[1]:g}; repair it."
        )


def _unit_code(image: nibabel.Nifti1Image) -> int:
    return int(image.header["xyzt_units"]) % 8


def _stored_pixdim(image: nibabel.Nifti1Image) -> np.ndarray:
    """(3,) as the file has it: on loading, nibabel puts 1 for 0; 1 for axes that it lacks."""
    pixdim = np.array(_stored_header(image)["pixdim"][1:4], dtype=np.float64)
    pixdim[len(image.shape) :] = 1
    return pixdim


def _stored_header(image: nibabel.Nifti1Image) -> nibabel.Nifti1Header:
    """The header as the file has it, with nothing mended."""
    with image.file_map["image"].get_prepare_fileobj("rb") as file:
        return image.header_class.from_fileobj(file, check=False)


def _stored_axes(image: nibabel.Nifti1Image, affine: np.ndarray, path: Path) -> tuple[str, bool]:
    """Axis codes of the stored array such as "RAS", and whether the header records them."""
    with readable(path, f"cannot read the affine of {path}"):
        maps_all = not np.isnan(orientations.io_orientation(affine)).any()
    if not np.isfinite(affine).all() or not maps_all:
        raise InputError(
            f"{path} has an affine that maps no axis to the patient; repair its header."
        )
    if _unit_code(image) == 0 and image.header["qform_code"] == 0:
        if np.array_equal(affine, np.eye(4)):
            return "LPS", False
        made_up = image.header.get_base_affine()
        # The third offset may differ: files were cut or padded along z after a library had made the
        # matrix up.
        difference = np.abs(affine - made_up)
        if difference[:, :3].max() < 1e-4 and difference[:2, 3].max() < 1e-3:
            return "RAS", False
    placed = image.header["qform_code"] > 0 or image.header["sform_code"] > 0
    return "".join(nibabel.aff2axcodes(affine)), bool(placed)


def _read_volume_header(path: Path) -> Header:
    header = read_header(path)
    if len(header.image.shape) not in (3, 4):
        raise InputError(
            f"{path} has shape {header.image.shape}; a volume needs 3 axes, or 4 with channels"
            f" last."
        )
    return header


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
    unit but its affine has other voxel sizes than 1; a header without unit and with sizes of 1
    recorded nothing: spacing 1, unit "voxel".
    """
    header = _read_volume_header(path)
    shape, ordered = np.empty(3, dtype=int), np.empty(3)
    for axis, (target, _) in enumerate(header.turn):
        place = 2 - int(target)
        shape[place], ordered[place] = header.shape[axis], header.spacing_mm[axis]
    recorded = header.spacing_recorded
    z, row, column = ordered.tolist() if recorded else (1.0, 1.0, 1.0)
    return Geometry(
        shape=tuple(shape.tolist()),
        spacing=(z, row, column),
        spacing_unit="mm" if recorded else "voxel",
        affine=np.array(header.image.affine, dtype=np.float64),
        orientation=header.axes,
        orientation_recorded=header.axes_recorded,
        channels=header.channels,
        doubt=header.doubt,
    )


def read_volume(path: Path, channel: int = 0) -> np.ndarray:
    """float32 (z, y, x) of one channel in display orientation, the header's slope and intercept
    applied."""
    header = _read_volume_header(path)
    image = header.image
    data = voxels(header, channel if len(image.shape) == 4 else None, np.float32)
    return _to_display(data, header.turn)


def read_labels(path: Path, like: Path) -> np.ndarray:
    """Whole numbers (z, y, x) of a label map in display orientation, in the file's integer type
    where it has one.

    like: the image it belongs to, whose orientation counts where either header records none. Raises
    InputError where the file holds fractions or several channels, and where `check_label` does.
    """
    label, image = check_label(path, like)
    data = voxels(label, 0 if len(label.image.shape) == 4 else None)
    both_recorded = label.axes_recorded and image.axes_recorded
    return _to_display(whole_numbers(data, path), (label if both_recorded else image).turn)


def check_label(path: Path, like: Path) -> tuple[Header, Header]:
    """The headers of a label map and of its image. Raises InputError where the label has several
    channels (one-hot, probabilities, several raters), or lies elsewhere than the image."""
    label, image = _read_volume_header(path), _read_volume_header(like)
    if label.channels > 1:
        raise InputError(
            f"the mask {path} has shape {label.image.shape}, {label.channels} channels; store one"
            f" volume of label numbers (of a one-hot mask, the place of the highest channel)."
        )
    if (distance := distance_apart(label, image)) > OTHER_PIXELS:
        raise InputError(
            f"by their headers, the mask {path} and its image {like} lie {distance:.3g} voxels"
            f" apart; resample the mask to its image, or repair the header that is wrong."
        )
    return label, image


def distance_apart(one: Header, other: Header) -> float:
    """How far two files put the same voxel of the turned array apart at most, in sides of the
    smallest voxel; 0 where one records no place, and where the shapes differ."""
    if not (one.axes_recorded and other.axes_recorded) or sorted(one.shape) != sorted(other.shape):
        return 0.0
    difference = one.display_affine_mm - other.display_affine_mm
    far = max(one.shape) - 1
    corners = np.array([(*corner, 1) for corner in itertools.product((0, far), repeat=3)])
    apart = np.linalg.norm(difference[:3] @ corners.T, axis=0).max()
    return float(apart / other.spacing_mm.min())


def voxels(header: Header, channel: int | None = None, dtype: type | None = None) -> np.ndarray:
    """The stored array, or one place of its fourth axis, slope and intercept applied."""
    with readable(header.path, f"cannot read the voxels of {header.path}"):
        _check_sums(header.path)
        stored = header.image.dataobj
        return np.asanyarray(stored if channel is None else stored[..., channel], dtype=dtype)


def _check_sums(path: Path) -> None:
    """Reads a compressed file to its end, where its checksum stands: nibabel stops at the last
    voxel, and takes what a damaged file unpacks to."""
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass


def write_mask(mask: np.ndarray, like: Path, out: Path) -> Path:
    """Writes a mask (z, y, x) in display orientation as uint8 NIfTI with the axes, affine and units
    of `like`.

    Returns the path written. Raises InputError where the shape is not that of `like`.
    """
    reference = _read_volume_header(like)
    data = np.ascontiguousarray(_to_file(np.asarray(mask, dtype=np.uint8), reference.turn))
    if data.shape != reference.shape:
        raise InputError(
            f"a mask of shape {mask.shape} does not fit {like}, whose own axes are"
            f" {reference.shape}."
        )
    header = reference.image.header.copy()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(data.shape)
    header["scl_slope"], header["scl_inter"], header["cal_max"], header["cal_min"] = 1, 0, 0, 0
    return _save(nibabel.Nifti1Image(data, reference.image.affine, header), out)


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


def _sides(spacing: np.ndarray) -> str:
    return " x ".join(f"{side:.4g}" for side in spacing)
