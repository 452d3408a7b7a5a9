"""The phantoms: pure functions of (index, seed, size), plausible in their units, neither trivial
nor blank."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from datasets.phantoms import breast, prostate, spleen
from datasets.phantoms.shapes import ellipsoid_mm, largest_component, make_space, smooth_noise
from datasets.tasks.catalogue import TASKS

PHANTOMS = {"prostate": prostate, "spleen": spleen, "breast": breast}
NAMES = tuple(PHANTOMS)
VOLUMES = ("prostate", "spleen")


@cache
def sample(name: str, index: int, seed: int = 11, size: int = 64):
    image, mask, spacing = PHANTOMS[name].case(index, seed, size)
    image.setflags(write=False)
    mask.setflags(write=False)
    return image, mask, spacing


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a * b).sum()) / float(a.sum() + b.sum())


def best_threshold_dice(image: np.ndarray, mask: np.ndarray) -> float:
    """The best Dice that "all voxels above (or below) one level" can reach when the level is chosen
    with the truth."""
    order = np.argsort(image, axis=None)
    hits = np.cumsum(mask.ravel()[order], dtype=np.float64)
    taken, total = np.arange(1, hits.size + 1), hits[-1]
    below = 2 * hits / (taken + total)
    above = 2 * (total - hits) / (hits.size - taken + total)
    return float(max(below.max(), above.max()))


def test_every_task_names_its_phantom_and_every_phantom_has_a_version():
    assert {task.name: task.phantom for task in TASKS.values()} == {
        name: phantom.__name__ for name, phantom in PHANTOMS.items()
    }
    assert all(isinstance(phantom.VERSION, int) for phantom in PHANTOMS.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_a_pure_function(name):
    case = PHANTOMS[name].case
    np.random.seed(1)
    first = case(2, 11, 48)
    np.random.seed(2)
    case(5, 7, 32)  # an unrelated call in between changes nothing
    again = case(2, 11, 48)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    assert first[2] == again[2]
    for other in (case(3, 11, 48), case(2, 12, 48)):
        assert other[0].shape != first[0].shape or not np.array_equal(other[0], first[0])
        assert other[1].shape != first[1].shape or not np.array_equal(other[1], first[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [32, 50, 96])
def test_shapes_types_and_ranges(name, size):
    image, mask, spacing = sample(name, 1, size=size)
    assert image.dtype == np.float32 and mask.dtype == np.uint8
    assert image.shape == mask.shape and image.shape[1:] == (size, size)
    assert np.isfinite(image).all() and image.std() > 0
    assert set(np.unique(mask)) == {0, 1}
    assert len(spacing) == 3 and all(isinstance(s, float) and s > 0 for s in spacing)
    assert spacing[1] == spacing[2]
    assert image.shape[0] == 1 if name == "breast" else 16 <= image.shape[0] <= 23


@pytest.mark.parametrize("name", NAMES)
def test_the_same_patient_at_every_size(name):
    for index in range(3):
        small, large = sample(name, index), sample(name, index, size=192)
        assert small[2][0] == large[2][0]
        assert small[2][1] * 64 == pytest.approx(large[2][1] * 192)
        z = large[1].shape[0]
        assert z == small[1].shape[0]
        reduced = large[1].reshape(z, 64, 3, 64, 3).mean((2, 4)) >= 0.5
        assert dice(small[1], reduced.astype(np.uint8)) > 0.93


@pytest.mark.parametrize("name", NAMES)
def test_masks_are_one_piece_of_plausible_size(name):
    shares = []
    for index in range(12):
        mask, spacing = sample(name, index)[1:]
        assert ndimage.label(mask)[1] == 1
        shares.append(mask.sum(axis=(1, 2)).max() / 64**2)
        if name != "breast":
            assert 8 < mask.sum() * np.prod(spacing) / 1000 < 600  # millilitres
    assert min(shares) > 0.003 and max(shares) < 0.5
    assert max(shares) / min(shares) > 2  # patients differ


@pytest.mark.parametrize("name", VOLUMES)
def test_the_ends_of_a_volume_are_empty(name):
    for index in range(12):
        present = sample(name, index)[1].any(axis=(1, 2))
        assert not present[0] and not present[-1] and present.sum() >= 4


@pytest.mark.parametrize("name", NAMES)
def test_a_threshold_does_not_solve_it(name):
    scores = [best_threshold_dice(*sample(name, index)[:2]) for index in range(12)]
    assert np.mean(scores) < 0.6


@pytest.mark.parametrize("name", NAMES)
def test_the_border_is_visible(name):
    """Within a few pixels of the border the organ differs from what surrounds it, in most cases."""
    differences = []
    for index in range(12):
        image, mask, _ = sample(name, index, size=96)
        disk = ndimage.generate_binary_structure(3, 1)
        disk[0] = disk[2] = False
        inside = ndimage.binary_erosion(mask, disk, iterations=1)
        ring = ndimage.binary_dilation(mask, disk, iterations=6) & ~ndimage.binary_dilation(
            mask, disk, iterations=2
        )
        if inside.any():
            spread = image[inside | ring].std()
            differences.append(abs(np.median(image[inside]) - np.median(image[ring])) / spread)
    assert np.median(differences) > 0.3


def test_ct_has_the_hounsfield_units_of_its_tissues():
    for index in range(6):
        image, mask, spacing = sample("spleen", index)
        assert image.min() >= -1024 and np.array_equal(image, np.rint(image))
        assert np.median(image[:, :2, :2]) == pytest.approx(-1000, abs=25)  # air in the corners
        assert 0.002 < (image > 250).mean() < 0.1 and image.max() > 350  # bone
        # The liver fills the patient's right half of the middle slices: the commonest soft tissue
        # there.
        middle = image[image.shape[0] // 2, 16:40, 10:28]
        liver = np.median(middle[(middle > 0) & (middle < 200)])
        assert 0 < liver < 160
        assert 30 < np.median(image[mask == 1]) < 180
        # anisotropic
        assert spacing[0] >= 5.0 and spacing[0] / sample("spleen", index, size=192)[2][1] > 1.5


def test_ct_spleen_lies_left_and_behind_with_the_liver_right():
    for index in range(6):
        image, mask, _ = sample("spleen", index)
        _, y, x = np.nonzero(mask)
        body = np.nonzero(image > -300)
        assert x.mean() > body[2].mean() + 8  # the patient's left is the image's right
        assert y.mean() > body[1].mean() - 2


def test_ct_phases_and_spacings_differ_between_cases():
    spleens = [np.median(sample("spleen", i)[0][sample("spleen", i)[1] == 1]) for i in range(12)]
    assert max(spleens) - min(spleens) > 35
    assert len({sample("spleen", i)[2][0] for i in range(12)}) > 1


def test_mri_cases_come_from_different_scanners():
    cases = [sample("prostate", i) for i in range(16)]
    assert all(image.min() >= 0 for image, _, _ in cases)
    fields = [spacing[1] * 64 for _, _, spacing in cases]
    assert max(fields) / min(fields) > 1.5
    assert len({spacing[0] for _, _, spacing in cases}) >= 3
    gains = [np.percentile(image, 99) for image, _, _ in cases]
    assert max(gains) / min(gains) > 2


def test_mri_noise_is_rician():
    """Where there is no signal the magnitude is Rayleigh distributed: mean / deviation = sqrt(pi /
    (4 - pi))."""
    ratios = []
    for index in range(40):
        image, _, spacing = sample("prostate", index, seed=3, size=48)
        if spacing[1] * 48 > 280:  # the whole body is in the image, so that its corners are air
            corner = np.concatenate([image[:, :4, :4], image[:, :4, -4:]]).astype(np.float64)
            ratios.append(corner.mean() / corner.std())
    assert len(ratios) >= 2
    assert np.median(ratios) == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.1)


def test_speckle_is_rayleigh_like_and_wider_than_deep():
    """One look of an even medium, before compression, is a Rayleigh field that is correlated across
    the beam."""
    space = make_space(1, 256, 1.0, 0.15, (0.0, 19.2, 0.0))
    scan = breast._draw_scan(np.random.default_rng(0))
    scan = type(scan)(
        **{**vars(scan), "field": 38.4, "looks": 1, "dynamic_range": 60.0, "gain": 40.0}
    )
    even = np.zeros(space.shape, np.float32)
    shown = breast._acquire(np.random.default_rng(1), space, scan, even, even, even)
    envelope = (10 ** ((shown * 60 / 255 - 40) / 20))[0, 60:200]
    assert envelope.mean() / envelope.std() == pytest.approx(1.91, rel=0.12)
    centred = envelope - envelope.mean()
    deep = (centred[1:] * centred[:-1]).mean() / centred.var()
    wide = (centred[:, 1:] * centred[:, :-1]).mean() / centred.var()
    assert wide > deep > 0.02 and wide > 0.4
    more = type(scan)(**{**vars(scan), "looks": 6})
    calmer = breast._acquire(np.random.default_rng(1), space, more, even, even, even)
    assert calmer.std() < 0.6 * shown.std()


def test_ultrasound_is_whole_grey_levels_and_darkens_with_depth():
    top, bottom = [], []
    for index in range(12):
        image = sample("breast", index)[0]
        assert image.min() >= 0 and image.max() <= 255 and np.array_equal(image, np.rint(image))
        top.append(image[0, 4:24].mean())
        bottom.append(image[0, -16:].mean())
    assert np.mean(top) > np.mean(bottom) + 20


def test_breast_strata_are_balanced_and_differ_in_shape():
    strata = [breast.stratum(index, 11) for index in range(24)]
    assert set(strata) == {"benign", "malignant"}
    assert all(set(strata[k : k + 2]) == {"benign", "malignant"} for k in range(0, 24, 2))
    assert strata == [breast.stratum(index, 11) for index in range(24)]
    assert [breast.stratum(i, 12) for i in range(24)] != strata
    rough = {"benign": [], "malignant": []}
    for index, stratum in enumerate(strata):
        mask = sample("breast", index, size=128)[1][0].astype(bool)
        edge = (mask & ~ndimage.binary_erosion(mask)).sum()
        # grows with irregularity; does not depend on size
        rough[stratum].append(edge**2 / mask.sum())
    assert np.median(rough["malignant"]) > 1.1 * np.median(rough["benign"])


def test_smooth_noise_has_unit_deviation_and_its_scale():
    space = make_space(8, 96, 4.0, 2.0)
    noise = smooth_noise(np.random.default_rng(0), space, (8.0, 12.0, 12.0))
    assert noise.dtype == np.float32 and noise.shape == (8, 96, 96)
    assert abs(noise.mean()) < 0.15 and noise.std() == pytest.approx(1, abs=0.15)
    near = np.corrcoef(noise[..., :-1].ravel(), noise[..., 1:].ravel())[0, 1]
    far = np.corrcoef(noise[..., :-30].ravel(), noise[..., 30:].ravel())[0, 1]
    assert near > 0.9 and abs(far) < 0.2


def test_ellipsoid_distance_is_signed_and_right_near_the_surface():
    space = make_space(9, 81, 5.0, 1.0)
    distance = ellipsoid_mm(space, (0, 0, 0), (1e6, 10, 20))
    assert distance[4, 40, 40] <= 0 and distance[4, 40, 65] == pytest.approx(5, abs=1.0)
    assert abs(distance[4, 50, 40]) < 1e-3 and abs(distance[4, 40, 20]) < 1e-3
    turned = ellipsoid_mm(space, (0, 0, 0), (1e6, 10, 20), tilt_deg=90)
    assert abs(turned[4, 60, 40]) < 1e-3


def test_largest_component_keeps_one_piece():
    mask = np.zeros((2, 8, 8), bool)
    mask[0, :2, :2] = mask[1, 4:8, 4:8] = True
    kept = largest_component(mask)
    assert kept.dtype == np.uint8 and kept.sum() == 16 and kept[1, 5, 5] == 1
    assert largest_component(np.zeros((1, 4, 4), bool)).sum() == 0
