"""Dice of stacks of masks: two empty masks agree, and a slice without a label is not judged."""

import numpy as np
import pytest

from benchmark.metrics.overlap import (
    dice,
    dice_of_counts,
    labelled_dice,
    mean_batch_dice,
    mean_case_dice,
    volume_dice,
)


def counts(probability: np.ndarray, masks: np.ndarray) -> np.ndarray:
    found, truth = probability > 0.5, masks > 0
    return np.stack([stack.sum((1, 2)) for stack in (found, truth, found & truth)], axis=1)


def test_dice_of_slices():
    masks = np.zeros((4, 4, 4), np.uint8)
    masks[0, :2], masks[1, :2], masks[2, 0] = 1, 1, 1
    predicted = np.zeros_like(masks)
    predicted[0, :2], predicted[1, 1:3], predicted[3, 0] = 1, 1, 1
    found = labelled_dice(predicted, masks)
    assert found[:3] == pytest.approx([1.0, 0.5, 0.0])
    assert np.isnan(found[3]), "no label, no agreement"
    assert dice(predicted, masks) == pytest.approx([1.0, 0.5, 0.0, 0.0])
    with np.errstate(all="raise"):
        assert dice(masks[3:], masks[3:]) == 1, "two empty masks agree"
        assert dice(predicted > 0, masks > 0) == pytest.approx([1.0, 0.5, 0.0, 0.0])


def test_volume_dice_is_a_mean_over_cases():
    probability = np.zeros((4, 2, 2), np.float32)
    masks = np.zeros((4, 2, 2), np.uint8)
    probability[0], masks[0] = 0.9, 1
    masks[2, 0, 0] = 1
    assert mean_case_dice(counts(probability, masks), np.array([0, 0, 1, 2])) == pytest.approx(
        (1 + 0 + 1) / 3
    )


def test_batch_dice_is_a_mean_over_batches_of_eight_neighbouring_slices():
    """Q38, over 19 slices: two whole batches and the three slices that are left."""
    rng = np.random.default_rng(0)
    probability = rng.random((19, 6, 6), np.float32)
    masks = (rng.random((19, 6, 6)) > 0.7).astype(np.uint8)
    masks[16:] = 0
    probability[16:] *= 0.5
    found = []
    for first, last in ((0, 8), (8, 16), (16, 19)):
        predicted, truth = probability[first:last] > 0.5, masks[first:last] > 0
        total = int(predicted.sum()) + int(truth.sum())
        found.append(2 * int((predicted & truth).sum()) / total if total else 1.0)
    assert found[2] == 1.0
    assert mean_batch_dice(counts(probability, masks)) == pytest.approx(sum(found) / 3)
    by_case = mean_case_dice(counts(probability, masks), np.arange(19) // 10)
    assert mean_batch_dice(counts(probability, masks)) != pytest.approx(by_case)


def test_dice_of_counts_of_hardly_any_pixels():
    counts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1], [1, 1, 0], [3, 1, 1]])
    with np.errstate(all="raise"):
        assert dice_of_counts(counts).tolist() == [1, 0, 0, 1, 0, 0.5]


def test_the_dice_of_a_volume_counts_its_slices_together():
    truth = np.zeros((3, 2, 2), np.uint8)
    truth[0], truth[1, 0, 0] = 1, 1
    predicted = truth.copy()
    predicted[1], predicted[2, 1, 1] = 0, 1
    # 5 true, 5 predicted, 4 common
    assert volume_dice(predicted, truth) == pytest.approx(0.8)
    assert volume_dice(truth, truth) == 1
    assert np.isnan(volume_dice(predicted, np.zeros_like(truth)))
    assert type(volume_dice(predicted, truth)) is float
