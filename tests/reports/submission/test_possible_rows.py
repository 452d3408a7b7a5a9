"""Impossible values: no row of real masks is refused, and every edit that breaks a relation is
named."""

import numpy as np
import pytest

from benchmark.metrics.definitions import CaseRow
from benchmark.metrics.scoring import score_case
from reports.submission.possible_rows import impossible
from tests.reports.submission.made import tiny_spec

SPEC = tiny_spec()


def spec_of(policy: str, tolerance: float):
    protocol = SPEC.protocol.model_copy(update={"empty_mask": policy})
    return SPEC.model_copy(
        update={
            "protocol": protocol,
            "preset": SPEC.preset.model_copy(update={"nsd_tolerance": tolerance}),
        }
    )


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two masks of one shape: noise, boxes, single voxels, nothing at all."""
    shape = tuple(rng.integers(1, 9, 3))

    def mask() -> np.ndarray:
        kind, made = rng.integers(5), np.zeros(shape, np.uint8)
        if kind == 0:
            return (rng.random(shape) < rng.random()).astype(np.uint8)
        if kind == 1:
            made[tuple(rng.integers(0, n) for n in shape)] = 1
        elif kind == 2:
            made[tuple(slice(*sorted(rng.integers(0, n + 1, 2))) for n in shape)] = 1
        elif kind == 3:
            made[:] = 1
        return made

    first = mask()
    return first, first.copy() if rng.random() < 0.1 else mask()


def row_of(prediction, truth, policy="penalty", tolerance=2.0, spacing=(3.0, 0.6, 0.7)) -> CaseRow:
    return score_case(
        "a",
        prediction,
        list(range(len(truth))),
        truth,
        spacing,
        "mm",
        empty_mask=policy,
        resize_z=False,
        nsd_tolerance=tolerance,
    )


@pytest.mark.parametrize("policy", ["penalty", "centre-pixel"])
def test_no_row_of_two_masks_is_impossible(policy):
    rng, kinds = np.random.default_rng(5), set()
    for _ in range(1500):
        prediction, truth = drawn(rng)
        tolerance, spacing = (
            float(rng.choice([0.5, 1.0, 2.0, 8.0])),
            tuple(rng.choice([0.5, 0.7, 1.0, 3.0], 3)),
        )
        row = row_of(prediction, truth, policy, tolerance, spacing)
        assert impossible(row, spec_of(policy, tolerance)) == [], (row, prediction.shape)
        kinds.add((row.missed, row.empty_truth, row.dice == 1, row.dice == 0, row.nsd == 1))
    assert len(kinds) >= 7


def shifted() -> CaseRow:
    truth = np.zeros((6, 20, 20), np.uint8)
    truth[1:5, 4:14, 5:15] = 1
    return row_of(np.roll(truth, 2, 1), truth)


def missed() -> CaseRow:
    truth = np.zeros((6, 20, 20), np.uint8)
    truth[1:5, 4:14, 5:15] = 1
    return row_of(truth * 0, truth)


@pytest.mark.parametrize(
    ("row", "change", "says"),
    [
        (shifted, {"dice": 0.9}, "dice 0.9 where"),
        (shifted, {"dice": 0.8000000001}, "dice 0.8000000001 where"),
        (
            shifted,
            {"precision": 0.81},
            "recall 0.8 where 400 predicted, 400 true and 324 common voxels give 0.81",
        ),
        (shifted, {"recall": 0.81}, "recall 0.81"),
        (
            shifted,
            {"dice": 0.7, "precision": 0.7, "recall": 0.7, "prediction_voxels": 401},
            "volume_difference",
        ),
        (shifted, {"volume_difference": 0.1}, "volume_difference 0.1"),
        (shifted, {"missed": True}, "missed is True"),
        (shifted, {"empty_truth": True}, "empty_truth is True"),
        (shifted, {"hd95": 100.0}, "hd95 100.0 is more than 40 times assd"),
        (shifted, {"hd95_max": 100.0}, "hd95_max 100.0 is more than 80 times"),
        (shifted, {"assd": 2.5, "assd_mean": 1.0}, "more than 2 times assd_mean"),
        (shifted, {"assd": 0.0}, "a mean distance is 0"),
        (shifted, {"nsd": 0.2}, "is too small where a share of 0.8"),
        (shifted, {"nsd": 1.0, "hd95_max": 3.0}, "nsd is 1 at a tolerance of 2"),
        (shifted, {"dice": 1.0, "precision": 1.0, "recall": 1.0}, "so all distances are 0"),
        (shifted, {"dice": 0.0, "precision": 0.0, "recall": 0.0, "hd95": 0.0}, "no distance is 0"),
        (missed, {"dice": 0.1}, "dice 0.1 where a mask is empty"),
        (missed, {"nsd": 0.5}, "nsd 0.5 where a mask is empty"),
        (missed, {"hd95": 3.0}, "all distances are the diagonal"),
        (missed, {"volume_difference": 0.0}, "volume_difference 0.0"),
        (missed, {"missed": False}, "missed is False with 0 predicted"),
    ],
)
def test_edited_rows_are_named(row, change, says):
    made = row()
    assert impossible(made, SPEC) == []
    told = impossible(made.model_copy(update=change), SPEC)
    assert any(says in text for text in told), told


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dice": 0.5}, "dice 0.5 where 1 predicted, 400 true and 1 common voxels give"),
        ({"precision": 0.5}, "precision 0.5 where 1 predicted"),
        ({"precision": 0.0}, "recall 0.0025 where 1 predicted, 400 true and 0 common"),
        ({"recall": 1.0}, "recall 1.0"),
        ({"volume_difference": 0.0}, "volume_difference 0.0"),
    ],
)
def test_a_miss_scored_at_the_centre_has_the_scores_of_one_voxel(change, says):
    truth = np.zeros((6, 20, 20), np.uint8)
    truth[1:5, 4:14, 5:15] = 1
    made, spec = row_of(truth * 0, truth, "centre-pixel"), spec_of("centre-pixel", 2.0)
    assert (made.precision, made.dice) == (1, 2 / 401)
    assert impossible(made, spec) == []
    told = impossible(made.model_copy(update=change), spec)
    assert any(says in text for text in told), told
