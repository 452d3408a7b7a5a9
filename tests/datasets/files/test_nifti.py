"""Volumes are turned to display orientation by their headers, and masks written back in the file's
own axes."""

import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.core.errors import InputError
from datasets.files import nifti
from tests.support.made_images import save_nifti

SHAPE = (7, 6, 5)


def turned_affine(order, flips, angle, zooms=(0.5, 0.7, 3.0)) -> np.ndarray:
    """Axes permuted and flipped, then tilted by `angle` about the patient's x axis."""
    linear = np.zeros((3, 3))
    for axis, (target, flip) in enumerate(zip(order, flips, strict=True)):
        linear[target, axis] = flip * zooms[axis]
    tilt = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = tilt @ linear
    affine[:3, 3] = (11, -22, 33)
    return affine


def world(affine: np.ndarray) -> np.ndarray:
    """Patient coordinates (3, x, y, z) in mm, RAS, of every stored voxel."""
    index = np.stack(np.meshgrid(*(np.arange(side) for side in SHAPE), indexing="ij"))
    return np.einsum("ij,jxyz->ixyz", affine[:3, :3], index) + affine[:3, 3][:, None, None, None]


orders = st.sampled_from(list(itertools.permutations(range(3))))
flips = st.sampled_from(list(itertools.product((1, -1), repeat=3)))


@settings(max_examples=30, deadline=None)
@given(orders, flips, st.floats(-0.5, 0.5))
def test_rows_run_to_posterior_columns_to_left_slices_to_superior(
    tmp_path_factory, order, flips, angle
):
    affine = turned_affine(order, flips, angle)
    folder = tmp_path_factory.mktemp("nifti")
    right, anterior, superior = world(affine)
    volumes = [
        nifti.read_volume(save_nifti(folder / f"{name}.nii", values.astype(np.float32), affine))
        for name, values in (("left", -right), ("posterior", -anterior), ("superior", superior))
    ]
    left, posterior, superior = volumes
    assert np.diff(left, axis=2).min() > 0
    assert np.diff(posterior, axis=1).min() > 0
    assert np.diff(superior, axis=0).min() > 0


@settings(max_examples=30, deadline=None)
@given(orders, flips, st.floats(-0.5, 0.5), st.integers(0, 99))
def test_a_mask_comes_back_in_the_files_own_axes(tmp_path_factory, order, flips, angle, seed):
    affine = turned_affine(order, flips, angle)
    folder = tmp_path_factory.mktemp("nifti")
    stored = np.random.default_rng(seed).integers(0, 2, SHAPE, dtype=np.uint8)
    image = save_nifti(folder / "image.nii.gz", stored.astype(np.int16), affine)
    label = save_nifti(folder / "label.nii.gz", stored, affine)
    out = nifti.write_mask(nifti.read_labels(label, image), image, folder / "out" / "mask.nii.gz")
    written = nibabel.load(out)
    assert np.array_equal(np.asarray(written.dataobj), stored)
    assert np.array_equal(written.affine, nibabel.load(image).affine)
    assert written.header.get_data_dtype() == np.uint8
    assert written.header.get_xyzt_units()[0] == "mm"
    assert [path.name for path in out.parent.iterdir()] == ["mask.nii.gz"]


def test_spacing_follows_the_axes(tmp_path):
    path = save_nifti(
        tmp_path / "a.nii", np.zeros(SHAPE, np.int16), turned_affine((2, 0, 1), (1, -1, 1), 0.0)
    )
    geometry = nifti.read_geometry(path)
    # Stored axes run along superior (0.5 mm), right (0.7 mm), anterior (3 mm).
    assert geometry.spacing == (0.5, 3.0, 0.7)
    assert geometry.shape == (7, 5, 6)
    assert geometry.orientation == "SLA"


@pytest.mark.parametrize(
    ("zoom", "unit", "expected"),
    [
        (0.8, "mm", ((0.8,) * 3, "mm")),
        (1.0, "mm", ((1.0,) * 3, "mm")),
        (0.8, None, ((0.8,) * 3, "mm")),
        (1.0, None, ((1.0,) * 3, "voxel")),
        (0.001, "meter", ((1.0,) * 3, "mm")),
        (800.0, "micron", ((0.8,) * 3, "mm")),
    ],
)
def test_units_of_spacing(tmp_path, zoom, unit, expected):
    affine = np.diag([zoom, zoom, zoom, 1])
    affine[0, 3] = 5
    geometry = nifti.read_geometry(
        save_nifti(tmp_path / "a.nii", np.zeros(SHAPE, np.int16), affine, unit)
    )
    assert (geometry.spacing, geometry.spacing_unit) == expected


def test_an_identity_without_unit_is_an_array_in_image_order(tmp_path):
    stored = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path = save_nifti(tmp_path / "a.nii", stored, np.eye(4), None)
    assert np.array_equal(nifti.read_volume(path), stored.transpose(2, 1, 0))
    geometry = nifti.read_geometry(path)
    assert (geometry.orientation, geometry.orientation_recorded) == ("LPS", False)
    assert (
        nifti.read_geometry(save_nifti(tmp_path / "b.nii", stored, np.eye(4), "mm")).orientation
        == "RAS"
    )


def test_the_matrix_a_library_makes_up_records_no_orientation(tmp_path):
    stored = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    bare = nibabel.Nifti1Image(stored, None)
    bare.header.set_zooms((0.5, 0.5, 3.0))
    made_up = bare.header.get_base_affine()
    assert nibabel.aff2axcodes(made_up) == ("L", "A", "S")
    made_up[2, 3] -= 3.75
    path = save_nifti(tmp_path / "a.nii", stored, made_up, None)
    assert nifti.read_geometry(path).orientation_recorded is False
    assert np.array_equal(nifti.read_volume(path), stored[::-1, ::-1].transpose(2, 1, 0))
    moved = made_up.copy()
    moved[0, 3] += 12
    recorded = nifti.read_geometry(save_nifti(tmp_path / "b.nii", stored, moved, None))
    assert (recorded.orientation, recorded.orientation_recorded) == ("LAS", True)


def test_labels_without_orientation_follow_their_image(tmp_path):
    stored = np.random.default_rng(0).integers(0, 2, SHAPE, dtype=np.uint8)
    image = save_nifti(tmp_path / "image.nii", stored.astype(np.int16), np.diag([0.5, 0.5, 3, 1]))
    label = save_nifti(tmp_path / "label.nii", stored, np.eye(4), None)
    assert np.array_equal(nifti.read_labels(label, image), nifti.read_volume(image))


def test_channels(tmp_path):
    stored = np.random.default_rng(0).normal(size=(*SHAPE, 2)).astype(np.float32)
    affine = np.diag([-0.5, -0.5, 3, 1])
    path = save_nifti(tmp_path / "a.nii.gz", stored, affine)
    assert nifti.read_geometry(path).channels == 2
    assert np.array_equal(nifti.read_volume(path, 1), stored[..., 1].transpose(2, 1, 0))


def test_slope_and_intercept_are_applied(tmp_path):
    image = nibabel.Nifti1Image(np.full(SHAPE, 10, np.int16), np.diag([-0.5, -0.5, 3, 1]))
    image.header.set_slope_inter(2, -1000)
    nibabel.save(image, tmp_path / "a.nii")
    assert np.all(
        nifti.read_volume(tmp_path / "a.nii") == nibabel.load(tmp_path / "a.nii").get_fdata().max()
    )


def test_damaged_files_are_named(tmp_path):
    good = save_nifti(tmp_path / "good.nii.gz", np.random.default_rng(0).normal(size=(30, 30, 9)))
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(good.read_bytes()[:-4000])
    with pytest.raises(InputError, match="cut.nii.gz.*damaged"):
        nifti.read_volume(cut)
    (tmp_path / "text.nii.gz").write_text("no image")
    with pytest.raises(InputError, match="text.nii.gz"):
        nifti.read_geometry(tmp_path / "text.nii.gz")
    with pytest.raises(InputError, match="gone.nii.gz does not exist"):
        nifti.read_volume(tmp_path / "gone.nii.gz")
    with pytest.raises(InputError, match="3 axes"):
        nifti.read_geometry(save_nifti(tmp_path / "flat.nii", np.zeros((5, 5), np.int16)))
    with pytest.raises(InputError, match="fractions"):
        nifti.read_labels(save_nifti(tmp_path / "half.nii", np.full(SHAPE, 0.5, np.float32)), good)


def test_a_mask_of_another_shape_is_refused(tmp_path):
    like = save_nifti(tmp_path / "a.nii", np.zeros(SHAPE, np.int16))
    with pytest.raises(InputError, match="does not fit"):
        nifti.write_mask(np.zeros((5, 5, 5), np.uint8), like, tmp_path / "mask.nii.gz")


def test_a_label_at_another_place_than_its_image_is_refused(tmp_path):
    affine = turned_affine((0, 1, 2), (1, 1, 1), 0.1)
    image = save_nifti(tmp_path / "a.nii", np.zeros(SHAPE, np.int16), affine)

    def apart(change: np.ndarray) -> float:
        label = save_nifti(tmp_path / "b.nii", np.zeros(SHAPE, np.uint8), affine + change)
        return nifti.distance_apart(nifti.read_header(label), nifti.read_header(image))

    def shift(millimetres: float) -> np.ndarray:
        change = np.zeros((4, 4))
        change[1, 3] = millimetres
        return change

    assert apart(shift(0)) == 0
    assert apart(shift(0.2)) == pytest.approx(0.4, rel=1e-3)
    nifti.read_labels(tmp_path / "b.nii", image)
    assert apart(shift(2)) == pytest.approx(4, rel=1e-3)
    with pytest.raises(InputError, match="b.nii and its image .*a.nii lie 4 voxels apart"):
        nifti.read_labels(tmp_path / "b.nii", image)
    nothing = save_nifti(tmp_path / "d.nii", np.zeros(SHAPE, np.uint8), np.eye(4), None)
    assert nifti.distance_apart(nifti.read_header(nothing), nifti.read_header(image)) == 0


def test_a_label_stored_in_other_axes_than_its_image_lies_where_it_belongs(tmp_path):
    stored = np.random.default_rng(0).integers(0, 2, SHAPE, dtype=np.uint8)
    affine = turned_affine((0, 1, 2), (1, 1, 1), 0.1)
    image = save_nifti(tmp_path / "image.nii", stored.astype(np.int16), affine)
    flipped = affine.copy()
    flipped[:3, 3] += affine[:3, 0] * (SHAPE[0] - 1)
    flipped[:3, 0] *= -1
    label = save_nifti(tmp_path / "label.nii", stored[::-1], flipped)
    assert np.array_equal(nifti.read_labels(label, image), nifti.read_volume(image))
    mirrored = save_nifti(tmp_path / "mirrored.nii", stored, flipped)
    assert not np.array_equal(nifti.read_labels(mirrored, image), nifti.read_volume(image))
    alone = affine.copy()
    alone[:3, 0] *= -1
    with pytest.raises(InputError, match="lie .* voxels apart"):
        nifti.read_labels(save_nifti(tmp_path / "turned.nii", stored, alone), image)
