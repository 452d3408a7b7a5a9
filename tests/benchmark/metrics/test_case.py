"""Our metrics against MedPy and MONAI, on paper, with empty masks and with wrong input."""

from math import hypot, isfinite, sqrt
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from medpy.metric import binary as medpy
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from monai.metrics.utils import get_edge_surface_distance
from scipy.ndimage import binary_dilation, binary_erosion

from benchmark.core.errors import InputError
from benchmark.metrics.case import COMPUTED, case_metrics
from benchmark.metrics.definitions import DISTANCES, METRICS, CaseMetrics

SCORES = ("dice", "precision", "recall", "nsd")


def measure(prediction, truth, spacing=None, policy="penalty", tolerance=1.0) -> CaseMetrics:
    spacing = (1.0,) * np.ndim(truth) if spacing is None else spacing
    return case_metrics(prediction, truth, spacing, empty_policy=policy, nsd_tolerance=tolerance)


def joint_crop(*masks: np.ndarray) -> list[np.ndarray]:
    """The masks in their joint bounding box plus one background voxel on every side, found without
    our code."""
    inside = np.argwhere(np.logical_or.reduce(masks))
    box = tuple(
        slice(a, b + 1) for a, b in zip(inside.min(axis=0), inside.max(axis=0), strict=True)
    )
    return [np.pad(mask[box], 1) for mask in masks]


def assert_equals_references(
    prediction: np.ndarray, truth: np.ndarray, spacing, tolerance: float = 1.0
) -> None:
    ours = measure(prediction, truth, spacing, tolerance=tolerance)
    small_prediction, small_truth = joint_crop(prediction.astype(bool), truth.astype(bool))
    assert_equals_medpy(ours, small_prediction, small_truth, spacing)
    assert_equals_monai(ours, small_prediction, small_truth, spacing, tolerance)


def assert_equals_medpy(
    ours: CaseMetrics, prediction: np.ndarray, truth: np.ndarray, spacing
) -> None:
    assert ours.hd95 == pytest.approx(medpy.hd95(prediction, truth, spacing), rel=1e-9, abs=1e-9)
    assert ours.assd == pytest.approx(medpy.assd(prediction, truth, spacing), rel=1e-9, abs=1e-9)
    assert ours.dice == pytest.approx(medpy.dc(prediction, truth), abs=1e-12)
    assert ours.precision == pytest.approx(medpy.precision(prediction, truth), abs=1e-12)
    assert ours.recall == pytest.approx(medpy.recall(prediction, truth), abs=1e-12)
    assert ours.volume_difference == pytest.approx(medpy.ravd(prediction, truth), abs=1e-12)


def assert_equals_monai(
    ours: CaseMetrics, prediction: np.ndarray, truth: np.ndarray, spacing, tolerance: float
) -> None:
    """MONAI keeps distances in float32, hence the relative 1e-6.

    Its percentile also finds the rank in float32, which costs it a digit: its own distances with a
    percentile in float64 agree to 1e-6, the percentile as it comes to 1e-5.
    """
    directed = get_edge_surface_distance(
        *map(torch.from_numpy, (prediction, truth)), spacing=spacing, symmetric=True
    )[1]
    assert ours.hd95_max == pytest.approx(
        max(np.percentile(d.double().numpy(), 95) for d in directed), rel=1e-6, abs=1e-6
    )
    assert ours.assd_mean == pytest.approx(
        sum(d.double().mean().item() for d in directed) / 2, rel=1e-6, abs=1e-6
    )
    one_hot = [torch.from_numpy(np.stack([~mask, mask])[None]) for mask in (prediction, truth)]
    hd95 = compute_hausdorff_distance(*one_hot, percentile=95, spacing=spacing).item()
    assd = compute_average_surface_distance(*one_hot, symmetric=True, spacing=spacing).item()
    nsd = compute_surface_dice(*one_hot, class_thresholds=[tolerance], spacing=spacing).item()
    assert ours.hd95_max == pytest.approx(hd95, rel=1e-5, abs=1e-6)
    assert ours.assd == pytest.approx(assd, rel=1e-6, abs=1e-6)
    assert ours.nsd == pytest.approx(nsd, abs=1e-6)


def ellipsoid(shape, centre, radii) -> np.ndarray:
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True)) <= 1


def corrupted(truth: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Predictions as networks make them: displaced, too large, ragged, and with false islands far
    away."""
    ragged = truth ^ (
        binary_dilation(truth) & ~binary_erosion(truth) & (rng.random(truth.shape) < 0.4)
    )
    return {
        "shifted": np.roll(truth, (1, -4, 6), axis=(0, 1, 2)),
        "dilated": binary_dilation(truth, iterations=2),
        "ragged": ragged,
        "islands": ragged | (rng.random(truth.shape) < 2e-5),
    }


# ---- equality with the reference tools ----


def read_label(path: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    image = nibabel.load(path)
    return np.asarray(image.dataobj).T > 0, tuple(
        float(step) for step in image.header.get_zooms()[::-1]
    )


def prostate_labels(data_root: Path) -> list[Path]:
    labels = sorted((data_root / "msd" / "Task05_Prostate" / "labelsTr").glob("prostate_*.nii.gz"))
    assert len(labels) == 32
    return labels


@pytest.mark.data
@pytest.mark.parametrize("kind", ["shifted", "dilated", "ragged", "islands"])
def test_a_real_volume_equals_medpy_and_monai(data_root, kind):
    truth, spacing = read_label(prostate_labels(data_root)[12])
    assert_equals_references(
        corrupted(truth, np.random.default_rng(1))[kind], truth, spacing, tolerance=spacing[1]
    )


@pytest.mark.data
def test_all_real_volumes_equal_medpy_and_monai(data_root):
    for number, path in enumerate(prostate_labels(data_root)):
        truth, spacing = read_label(path)
        predictions = list(corrupted(truth, np.random.default_rng(number)).values())
        assert_equals_references(predictions[number % 3], truth, spacing, tolerance=2.0)


@pytest.mark.parametrize("seed", range(6))
def test_random_masks_in_two_and_three_dimensions_equal_medpy_and_monai(seed):
    rng = np.random.default_rng(seed)
    for shape, spacing in (((9, 14, 11), (3.0, 0.6, 0.65)), ((31, 27), (0.4, 1.7))):
        prediction, truth = (rng.random(shape) < share for share in rng.uniform(0.02, 0.9, 2))
        assert_equals_references(prediction, truth, spacing, tolerance=2.1)


def test_mean_of_means_is_that_of_the_old_medpy():
    truth, prediction = (
        ellipsoid((9, 30, 30), (4, 12, 15), (3, 7, 9)),
        ellipsoid((9, 30, 30), (5, 15, 15), (3, 9, 6)),
    )
    spacing = (3.0, 0.6, 0.6)
    directed = medpy.asd(prediction, truth, spacing), medpy.asd(truth, prediction, spacing)
    assert measure(prediction, truth, spacing).assd_mean == pytest.approx(
        sum(directed) / 2, rel=1e-9
    )


def test_masks_at_the_image_border_equal_medpy_on_the_whole_array():
    truth = np.zeros((6, 20, 20), np.uint8)
    truth[0:3, 0:9, 11:20] = 1
    prediction = np.zeros_like(truth)
    prediction[2:6, 0:12, 8:20] = 1
    spacing = (2.5, 0.7, 0.7)
    assert_equals_medpy(measure(prediction, truth, spacing), prediction, truth, spacing)
    full = np.ones_like(truth)
    assert_equals_medpy(measure(full, truth, spacing), full, truth, spacing)
    assert_equals_medpy(measure(truth[1], full[1], (0.5, 2.0)), truth[1], full[1], (0.5, 2.0))


def test_one_voxel_masks():
    prediction, truth = np.zeros((2, 5, 8, 9), bool)
    prediction[1, 2, 3] = truth[4, 6, 8] = True
    spacing = (2.0, 0.5, 1.5)
    ours = measure(prediction, truth, spacing)
    apart = sqrt((3 * 2.0) ** 2 + (4 * 0.5) ** 2 + (5 * 1.5) ** 2)
    for name in DISTANCES:
        assert getattr(ours, name) == pytest.approx(apart, abs=1e-12)
    assert (ours.dice, ours.nsd, ours.volume_difference) == (0, 0, 0)
    assert not ours.missed
    assert_equals_medpy(ours, prediction, truth, spacing)


# ---- definitions, on paper ----


def test_overlap_on_paper():
    truth, prediction = np.zeros((2, 4, 4), bool)
    truth[0, :4] = True
    prediction[0, 1:4] = prediction[1, 1:4] = prediction[2, 1:3] = True
    ours = measure(prediction, truth)
    assert (ours.dice, ours.precision, ours.recall) == (2 * 3 / 12, 3 / 8, 3 / 4)
    assert (ours.volume_difference, ours.prediction_voxels, ours.truth_voxels) == (1.0, 8, 4)


def test_nothing_is_divided_by_nothing():
    truth, prediction = np.zeros((2, 3, 5, 6), bool)
    truth[1, 1:4, 1:4], prediction[1, 2:5, 2:6] = True, True
    truth[1, 2, 2], prediction[1, 3, 3] = False, False
    given = [prediction, truth, np.zeros_like(truth), np.ones_like(truth)]
    with np.errstate(all="raise"):
        for one in given:
            for other in given:
                assert measure(one, other).dice == measure(other, one).dice


def test_pooled_and_directed_definitions_differ_on_paper():
    """Truth: one row of 19 pixels. Prediction: its first pixel and one pixel 10 above it."""
    truth, prediction = np.zeros((2, 11, 19), bool)
    truth[10] = True
    prediction[10, 0] = prediction[0, 0] = True
    forth, back = [0.0, 10.0], [min(float(x), hypot(x, 10)) for x in range(19)]
    ours = measure(prediction, truth, tolerance=2.0)
    assert ours.assd == pytest.approx((10 + sum(back)) / 21)
    assert ours.assd_mean == pytest.approx((5 + sum(back) / 19) / 2)
    assert ours.hd95 == pytest.approx(np.percentile(forth + back, 95))
    assert ours.hd95_max == pytest.approx(0.95 * 18)
    assert ours.hd95 != ours.hd95_max
    assert ours.nsd == pytest.approx((1 + 3) / 21)


@pytest.mark.parametrize("offset", range(6))
def test_a_distance_equal_to_the_nsd_tolerance_counts_wherever_the_mask_lies(offset):
    truth, prediction = np.zeros((2, 12, 5), bool)
    truth[offset, 2] = prediction[offset + 3, 2] = True
    assert measure(prediction, truth, (0.7, 0.7), tolerance=2.1).nsd == 1
    assert measure(prediction, truth, (0.7, 0.7), tolerance=2.0999).nsd == 0
    # three steps of 0.1 are 0.30000000000000004 in floats
    assert measure(prediction, truth, (0.1, 0.1), tolerance=0.3).nsd == 1
    assert measure(prediction, truth, (0.1, 0.1), tolerance=0.2999).nsd == 0


def test_a_volume_of_one_slice_is_measured_as_an_image():
    truth, prediction = (
        ellipsoid((40, 40), (20, 20), (9, 12)),
        ellipsoid((40, 40), (22, 19), (11, 9)),
    )
    flat = measure(prediction, truth, (0.5, 0.8))
    assert measure(prediction[None], truth[None], (3.0, 0.5, 0.8)) == flat
    assert medpy.assd(prediction[None], truth[None], (3.0, 0.5, 0.8)) != pytest.approx(
        flat.assd, rel=0.1
    )


# ---- empty masks ----


def empty_table(policy: str) -> dict[str, CaseMetrics]:
    mask = ellipsoid((6, 20, 30), (2, 6, 8), (2, 4, 5))
    nothing = np.zeros_like(mask)
    spacing = (3.0, 0.5, 0.5)
    return {
        "miss": measure(nothing, mask, spacing, policy),
        "false alarm": measure(mask, nothing, spacing, policy),
        "both": measure(nothing, nothing, spacing, policy),
    }


@pytest.mark.parametrize("policy", ["penalty", "centre-pixel"])
def test_empty_masks_follow_the_table(policy):
    table = empty_table(policy)
    diagonal = sqrt((6 * 3.0) ** 2 + (20 * 0.5) ** 2 + (30 * 0.5) ** 2)
    for name, distance, score, difference, missed, empty_truth in (
        ("miss", diagonal, 0, -1, True, False),
        ("false alarm", diagonal, 0, 1, False, True),
        ("both", 0, 1, 0, False, True),
    ):
        if (policy, name) == ("centre-pixel", "miss"):
            continue
        ours = table[name]
        assert [getattr(ours, score_name) for score_name in SCORES] == [score] * 4
        assert (ours.volume_difference, ours.missed, ours.empty_truth) == (
            difference,
            missed,
            empty_truth,
        )
        assert [getattr(ours, column) for column in DISTANCES] == pytest.approx([distance] * 4)


def test_centre_pixel_measures_a_miss_from_the_image_centre():
    mask = ellipsoid((6, 20, 30), (2, 6, 8), (2, 4, 5))
    centre = np.zeros_like(mask)
    centre[3, 10, 15] = True
    miss, expected = empty_table("centre-pixel")["miss"], measure(centre, mask, (3.0, 0.5, 0.5))
    for name in DISTANCES:
        assert getattr(miss, name) == getattr(expected, name)
        assert getattr(miss, name) < getattr(empty_table("penalty")["miss"], name)
    assert [getattr(miss, name) for name in SCORES] == [getattr(expected, name) for name in SCORES]
    assert (miss.prediction_voxels, miss.missed, miss.volume_difference) == (0, True, -1)


def test_centre_pixel_is_set_before_the_overlap_is_measured():
    """Q10: 48 true voxels around the centre; the one voxel set there is found."""
    truth = np.zeros((4, 20, 20), bool)
    truth[1:4, 8:12, 8:12] = True
    miss = measure(np.zeros_like(truth), truth, policy="centre-pixel")
    assert (miss.truth_voxels, miss.precision) == (48, 1)
    assert (miss.dice, miss.recall) == (2 / 49, 1 / 48)
    assert round(miss.dice, 3) == 0.041
    assert measure(np.zeros_like(truth), truth).dice == 0


def test_every_column_is_a_plain_finite_number():
    for ours in (
        *empty_table("penalty").values(),
        measure(np.ones((3, 3), bool), np.eye(3, dtype=bool)),
    ):
        columns = ours.model_dump()
        assert list(columns) == list(CaseMetrics.model_fields)
        assert all(
            type(value) in (int, float, bool) and isfinite(value) for value in columns.values()
        )
        assert all(isinstance(columns[name], float) for name in METRICS)


# ---- wrong input ----


@pytest.mark.parametrize(
    ("prediction", "truth", "spacing", "message"),
    [
        (np.zeros((3, 4), bool), np.zeros((4, 3), bool), (1, 1), "one shape"),
        (
            np.zeros((3, 4)),
            np.zeros((3, 4), bool),
            (1, 1),
            "prediction must be a bool or uint8 array, not float64",
        ),
        ([[0, 1]], np.zeros((1, 2), bool), (1, 1), "not list"),
        (
            np.zeros((3, 4), bool),
            np.full((3, 4), 255, np.uint8),
            (1, 1),
            "truth must hold 0 and 1 only, not 255",
        ),
        (np.zeros(4, bool), np.zeros(4, bool), (1,), "at least one voxel"),
        (np.zeros((0, 4, 4), bool), np.zeros((0, 4, 4), bool), (1, 1, 1), "at least one voxel"),
        (np.zeros((3, 4), bool), np.zeros((3, 4), bool), (1, 1, 1), "2 positive finite numbers"),
        (np.zeros((3, 4), bool), np.zeros((3, 4), bool), (1,), "2 positive finite numbers"),
        (np.zeros((1, 1, 3, 4), bool), np.zeros((1, 1, 3, 4), bool), (1,) * 4, "at least one vox"),
        (np.zeros((3, 4), bool), np.full((3, 4), 2, np.uint8), (1, 1), "0 and 1 only, not 2"),
        (np.zeros((3, 4), bool), np.zeros((3, 4), bool), (1, 0), "positive finite"),
        (np.zeros((3, 4), bool), np.zeros((3, 4), bool), (1, -1), "positive finite"),
        (np.zeros((3, 4), bool), np.zeros((3, 4), bool), (1, float("nan")), "positive finite"),
        (np.zeros((3, 4), bool), np.zeros((3, 4), bool), (1, float("inf")), "positive finite"),
    ],
)
def test_wrong_masks_and_spacings_are_refused(prediction, truth, spacing, message):
    with pytest.raises(ValueError, match=message):
        case_metrics(prediction, truth, spacing, empty_policy="penalty", nsd_tolerance=1.0)


def test_wrong_policy_and_tolerance_are_refused():
    mask = np.eye(3, dtype=bool)
    with pytest.raises(InputError, match="did you mean 'penalty'"):
        measure(mask, mask, policy="penality")
    for tolerance in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tolerance"):
            measure(mask, mask, tolerance=tolerance)


def test_every_metric_that_is_defined_is_computed():
    assert list(COMPUTED) == list(METRICS)
    assert list(METRICS) == list(CaseMetrics.model_fields)[: len(METRICS)]
