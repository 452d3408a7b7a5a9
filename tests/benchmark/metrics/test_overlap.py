"""Dice of stacks of masks: two empty masks agree, and a slice without a label is not judged."""

import numpy as np
import pytest

from benchmark.metrics.overlap import dice, labelled_dice, mean_case_dice


def test_dice_of_slices():
    masks = np.zeros((4, 4, 4), np.uint8)
    masks[0, :2], masks[1, :2], masks[2, 0] = 1, 1, 1
    predicted = np.zeros_like(masks)
    predicted[0, :2], predicted[1, 1:3], predicted[3, 0] = 1, 1, 1
    found = labelled_dice(predicted, masks)
    assert found[:3] == pytest.approx([1.0, 0.5, 0.0])
    assert np.isnan(found[3]), "no label, no agreement"
    assert dice(predicted, masks) == pytest.approx([1.0, 0.5, 0.0, 0.0])
    assert dice(masks[3:], masks[3:]) == 1, "two empty masks agree"


def test_volume_dice_is_a_mean_over_cases():
    probability = np.zeros((4, 2, 2), np.float32)
    masks = np.zeros((4, 2, 2), np.uint8)
    probability[0], masks[0] = 0.9, 1
    masks[2, 0, 0] = 1
    assert mean_case_dice(probability, masks, np.array([0, 0, 1, 2])) == pytest.approx(
        (1 + 0 + 1) / 3
    )
