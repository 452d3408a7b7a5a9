"""Masks as users store them, read right; everything that is not a pair of masks, refused in one
sentence."""

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from medpy.metric import binary as medpy
from PIL import Image

from benchmark.core.errors import InputError
from benchmark.metrics.crosswalk import Crosswalk
from benchmark.metrics.crosswalk import crosswalk as measured
from datasets.files.masks import read_mask, read_pair

KEYS = ["dice", "precision", "recall", "hd95", "hd95_max", "assd", "assd_mean", "nsd"]


def crosswalk(prediction: Path, truth: Path, **options) -> Crosswalk:
    """The measures of two files, as the command takes them."""
    predicted, true = read_pair(prediction, truth)
    return measured(predicted.mask, true.mask, true.spacing, true.unit, **options)


def ellipse(shape, centre, radii) -> np.ndarray:
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True)) <= 1


TRUTH_2D, PREDICTION_2D = (
    ellipse((40, 50), (18, 22), (9, 13)),
    ellipse((40, 50), (20, 25), (10, 11)),
)
TRUTH_3D, PREDICTION_3D = (  # (x, y, z), as NIfTI has it
    ellipse((30, 34, 12), (14, 15, 5), (8, 10, 3)),
    ellipse((30, 34, 12), (16, 15, 6), (9, 8, 4)),
)


def save_png(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path)
    return path


def save_nifti(
    path: Path, array: np.ndarray, spacing=(0.6, 0.7, 3.0), affine=None, unit="mm"
) -> Path:
    affine = np.diag([*spacing, 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def grey(mask: np.ndarray, inside: int = 255) -> np.ndarray:
    return mask.astype(np.uint8) * np.uint8(inside)


def rgba(colour, alpha) -> np.ndarray:
    return np.dstack(
        [np.broadcast_to(channel, TRUTH_2D.shape) for channel in (*colour, alpha)]
    ).astype(np.uint8)


@pytest.fixture
def nifti_pair(tmp_path):
    return (
        save_nifti(tmp_path / "prediction.nii.gz", PREDICTION_3D.astype(np.uint8)),
        save_nifti(tmp_path / "truth.nii.gz", TRUTH_3D.astype(np.uint8)),
    )


# ---- values ----


def test_nifti_pair_in_millimetres_of_the_header(nifti_pair):
    found = crosswalk(*nifti_pair, nsd_tolerance=2.0)
    numbers = json.loads(json.dumps(found.as_json(), allow_nan=False))
    spacing = (0.6, 0.7, 3.0)
    assert list(numbers) == KEYS
    assert numbers["hd95"] == pytest.approx(medpy.hd95(PREDICTION_3D, TRUTH_3D, spacing), rel=1e-6)
    assert numbers["assd"] == pytest.approx(medpy.assd(PREDICTION_3D, TRUTH_3D, spacing), rel=1e-6)
    assert numbers["dice"] == pytest.approx(medpy.dc(PREDICTION_3D, TRUTH_3D), rel=1e-12)
    assert numbers["precision"] == pytest.approx(
        medpy.precision(PREDICTION_3D, TRUTH_3D), rel=1e-12
    )
    assert numbers["recall"] == pytest.approx(medpy.recall(PREDICTION_3D, TRUTH_3D), rel=1e-12)
    assert found.unit == "mm"
    assert [file.notes for file in read_pair(*nifti_pair)] == [[], []]


def test_png_pair_in_pixels(tmp_path):
    found = crosswalk(
        save_png(tmp_path / "p.png", grey(PREDICTION_2D)),
        save_png(tmp_path / "t.PNG", grey(TRUTH_2D)),
    )
    assert found.as_json()["hd95"] == pytest.approx(medpy.hd95(PREDICTION_2D, TRUTH_2D), rel=1e-9)
    assert found.unit == "px"
    name, value, unit, definition = found.rows()[-1]
    assert (name, value, unit) == ("nsd", found.metrics.nsd, "")
    assert definition.endswith("tolerance 1 px")
    assert [row[2] for row in found.rows()] == ["", "", "", "px", "px", "px", "px", ""]


def test_prediction_and_truth_are_not_mixed_up(tmp_path):
    small, large = ellipse((40, 50), (20, 25), (4, 4)), ellipse((40, 50), (20, 25), (9, 9))
    found = crosswalk(
        save_png(tmp_path / "small.png", grey(small)), save_png(tmp_path / "large.png", grey(large))
    )
    assert found.metrics.precision == 1
    assert found.metrics.recall < 0.3


def test_empty_masks_are_measured_and_noted(tmp_path):
    nothing = save_png(tmp_path / "nothing.png", grey(np.zeros_like(TRUTH_2D)))
    truth = save_png(tmp_path / "truth.png", grey(TRUTH_2D))
    missed = crosswalk(nothing, truth)
    assert missed.metrics.missed
    assert missed.as_json()["hd95"] == pytest.approx(np.hypot(40, 50))
    (note,) = read_mask(nothing).notes
    assert "nothing.png has no foreground" in note and read_mask(truth).notes == []
    assert crosswalk(nothing, nothing).metrics.dice == 1


# ---- ways to store a mask ----

T = TRUTH_2D
GRADIENT = np.linspace(0, 250, T.size).reshape(T.shape).astype(np.uint8)
PNG_STYLES = {
    "8 bit, 0 and 255": grey(T),
    "8 bit, 0 and 1": grey(T, 1),
    "1 bit": T,
    "16 bit": T.astype(np.uint16) * 65535,
    "RGB white": np.dstack([grey(T)] * 3),
    "RGB red": np.dstack([grey(T), grey(T, 0), grey(T, 0)]),
    "grey and alpha": np.dstack([grey(T), np.full(T.shape, 255, np.uint8)]),
    "RGBA opaque": rgba([grey(T)] * 3, 255),
    "white on transparent": rgba([grey(T)] * 3, grey(T)),
    "mask in alpha, white everywhere": rgba([255] * 3, grey(T)),
    "mask in alpha, black everywhere": rgba([0] * 3, grey(T)),
    "red, half transparent": rgba([grey(T), 0, 0], grey(T, 128)),
    "transparent pixels that hide colours": rgba([np.where(T, 255, GRADIENT)] * 3, grey(T)),
}


@pytest.mark.parametrize("style", PNG_STYLES)
def test_png_styles(tmp_path, style):
    found = read_mask(save_png(tmp_path / "mask.png", PNG_STYLES[style]))
    np.testing.assert_array_equal(found.mask, TRUTH_2D)
    assert found.mask.dtype == bool
    assert found.spacing == (1.0, 1.0)


def test_palette_png(tmp_path):
    image = Image.fromarray(grey(TRUTH_2D, 1), mode="P")
    image.putpalette([0, 0, 0, 128, 0, 0])
    image.save(tmp_path / "palette.png")
    with Image.open(tmp_path / "palette.png") as stored:
        assert stored.mode == "P"
    np.testing.assert_array_equal(read_mask(tmp_path / "palette.png").mask, TRUTH_2D)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("inside", [1, 100])
def test_nifti_types(tmp_path, dtype, inside):
    path = save_nifti(tmp_path / "mask.nii", TRUTH_3D.astype(dtype) * dtype(inside))
    found = read_mask(path)
    np.testing.assert_array_equal(found.mask, TRUTH_3D.T)
    assert found.spacing == pytest.approx((3.0, 0.7, 0.6))
    assert found.labels == 1


def test_labels_are_merged_with_a_note(tmp_path, nifti_pair):
    zones = TRUTH_3D.astype(np.uint8) + (TRUTH_3D & (np.arange(30)[:, None, None] > 14))
    zoned = crosswalk(nifti_pair[0], save_nifti(tmp_path / "zones.nii.gz", zones))
    assert zoned.metrics == crosswalk(*nifti_pair).metrics
    assert read_mask(tmp_path / "zones.nii.gz").notes == [
        f"{tmp_path / 'zones.nii.gz'}: 2 labels merged into one foreground."
    ]


def test_a_nifti_of_one_slice_is_an_image_along_any_axis(tmp_path):
    for number, axis in enumerate((2, 1)):
        stored = [
            np.expand_dims(mask.T, axis).astype(np.uint8) for mask in (PREDICTION_2D, TRUTH_2D)
        ]
        spacing = np.insert([0.5, 0.8], axis, 4.0)
        paths = [
            save_nifti(tmp_path / f"{number}{side}.nii", array, spacing)
            for side, array in zip("pt", stored, strict=True)
        ]
        assert crosswalk(*paths).metrics.assd == pytest.approx(
            medpy.assd(PREDICTION_2D, TRUTH_2D, (0.8, 0.5)), rel=1e-6
        )


def test_other_units_become_millimetres(tmp_path, nifti_pair):
    metres = [
        save_nifti(
            tmp_path / f"{side}.nii", array.astype(np.uint8), (0.0006, 0.0007, 0.003), unit="meter"
        )
        for side, array in (("p", PREDICTION_3D), ("t", TRUTH_3D))
    ]
    assert crosswalk(*metres).as_json() == pytest.approx(crosswalk(*nifti_pair).as_json(), rel=1e-5)


def test_rounding_of_an_affine_is_not_a_difference(tmp_path, nifti_pair):
    affine = np.diag([0.6, 0.7, 3.0, 1.0])
    affine[:3] += 1e-5
    moved = save_nifti(tmp_path / "moved.nii.gz", TRUTH_3D.astype(np.uint8), affine=affine)
    found, expected = (
        crosswalk(nifti_pair[0], truth).as_json() for truth in (moved, nifti_pair[1])
    )
    assert found == pytest.approx(expected, rel=1e-4)


# ---- refusals ----


def assert_refused(words: str, *paths: Path, **options) -> None:
    with pytest.raises(InputError) as refusal:
        crosswalk(*paths, **options)
    message = str(refusal.value)
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "Traceback" not in message


def test_files_that_are_no_masks_are_refused(tmp_path, nifti_pair):
    good = nifti_pair[1]
    assert_refused("does not exist", tmp_path / "absent.nii.gz", good)
    assert_refused("is not a file", tmp_path, good)
    (tmp_path / "mask.tif").write_bytes(b"II*")
    assert_refused("neither .nii, .nii.gz nor .png", tmp_path / "mask.tif", good)
    for name in ("text.nii", "text.nii.gz", "text.png", "empty.nii.gz", "empty.png"):
        (tmp_path / name).write_bytes(b"not an image" * name.startswith("text"))
        assert_refused("cannot read", tmp_path / name, good)


def test_broken_files_are_refused(tmp_path, nifti_pair):
    whole = nifti_pair[1].read_bytes()
    plain = gzip.decompress(whole)
    png = save_png(tmp_path / "whole.png", grey(GRADIENT > 100)).read_bytes()
    broken = {
        "cut.nii.gz": whole[: len(whole) // 2],
        "cut.nii": plain[:-500],
        "header.nii": plain[:300],
        "cut.png": png[:60],
    }
    broken["flipped.nii.gz"] = whole[:60] + bytes(byte ^ 255 for byte in whole[60:90]) + whole[90:]
    broken["flipped.png"] = png[:50] + bytes(byte ^ 255 for byte in png[50:70]) + png[70:]
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        assert_refused("cannot read", tmp_path / name, nifti_pair[1])


@pytest.mark.parametrize(
    "values",
    [
        GRADIENT,
        grey(T, 100) + grey(~T, 50),
        grey(T) // 2 + GRADIENT // 4,
        np.dstack([GRADIENT] * 3),
    ],
)
def test_grey_png_is_not_thresholded(tmp_path, values):
    assert_refused(
        "is not a mask",
        save_png(tmp_path / "grey.png", values),
        save_png(tmp_path / "t.png", grey(T)),
    )


def test_three_colours_are_no_mask(tmp_path):
    blue = np.dstack([grey(T) * (GRADIENT > 100)] * 2 + [grey(T)])
    assert_refused(
        "is not a mask", save_png(tmp_path / "c.png", blue), save_png(tmp_path / "t.png", grey(T))
    )


def test_grey_nifti_is_not_thresholded(tmp_path, nifti_pair):
    ramp = np.linspace(0, 1, TRUTH_3D.size, dtype=np.float32).reshape(TRUTH_3D.shape)
    hole = TRUTH_3D.astype(np.float32)
    hole[3, 3, 3] = np.nan
    for number, array in enumerate((ramp, ramp * 1000 - 500, hole, (ramp * 11).astype(np.int16))):
        assert_refused(
            "is not a mask", save_nifti(tmp_path / f"{number}.nii", array), nifti_pair[1]
        )
    colours = np.zeros(TRUTH_3D.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert_refused("is not a mask", save_nifti(tmp_path / "rgb.nii", colours), nifti_pair[1])


def test_nifti_that_is_neither_image_nor_volume_is_refused(tmp_path, nifti_pair):
    for shape in ((6, 6, 6, 2), (9, 1, 1)):
        path = save_nifti(tmp_path / f"{len(shape)}d.nii", np.ones(shape, np.uint8))
        assert_refused("give one image or one volume", path, nifti_pair[1])


def test_grids_that_differ_are_refused(tmp_path, nifti_pair):
    truth, mask = nifti_pair[1], PREDICTION_3D.astype(np.uint8)
    png = save_png(tmp_path / "p.png", grey(PREDICTION_2D))
    assert_refused("different kinds", png, truth)
    assert_refused(
        "differ in shape, (40, 49) and (40, 50)", save_png(tmp_path / "n.png", grey(T[:, 1:])), png
    )
    assert_refused("differ in shape", save_nifti(tmp_path / "s.nii", mask[:, :, 1:]), truth)
    assert_refused(
        "differ in spacing, 3 x 0.7 x 0.8 mm and",
        save_nifti(tmp_path / "v.nii", mask, (0.8, 0.7, 3.0)),
        truth,
    )
    moved, turned = np.diag([0.6, 0.7, 3.0, 1.0]), np.diag([-0.6, 0.7, 3.0, 1.0])
    moved[2, 3] = 3.0
    assert_refused(
        "differ in affine by up to 3 mm", save_nifti(tmp_path / "m.nii", mask, affine=moved), truth
    )
    assert_refused("differ in affine", save_nifti(tmp_path / "t.nii", mask, affine=turned), truth)


def test_a_header_without_spacing_is_refused(tmp_path, nifti_pair):
    raw = bytearray(gzip.decompress(nifti_pair[0].read_bytes()))
    raw[80:84] = np.float32(np.nan).tobytes()  # pixdim[1]
    (tmp_path / "nan.nii").write_bytes(raw)
    assert_refused("voxel spacing", tmp_path / "nan.nii", nifti_pair[1])


def test_a_bad_tolerance_is_refused(nifti_pair):
    assert_refused("nsd tolerance", *nifti_pair, nsd_tolerance=-1.0)
    assert_refused("nsd tolerance", *nifti_pair, nsd_tolerance=float("nan"))


# ---- real files ----


@pytest.mark.data
def test_real_label_map_of_two_zones(data_root, tmp_path):
    path = sorted((data_root / "msd" / "Task05_Prostate" / "labelsTr").glob("prostate_*.nii.gz"))[0]
    image = nibabel.load(path)
    truth = np.asarray(image.dataobj) > 0
    prediction = np.roll(truth, (3, -2, 0), axis=(0, 1, 2))
    nibabel.save(
        nibabel.Nifti1Image(prediction.astype(np.uint8), image.affine, image.header),
        tmp_path / "p.nii.gz",
    )
    found = crosswalk(tmp_path / "p.nii.gz", path)
    assert found.metrics.dice == pytest.approx(medpy.dc(prediction, truth))
    assert "2 labels merged" in read_mask(path).notes[0]


@pytest.mark.data
def test_real_one_bit_masks_are_not_all_zero(data_root):
    paths = sorted((data_root / "busi" / "Dataset_BUSI_with_GT" / "malignant").glob("*_mask.png"))[
        :5
    ]
    assert paths
    for path in paths:
        assert read_mask(path).mask.any()
