"""Dice of stacks of masks on the working grid, for choosing checkpoints and judging samples. Not
here: the metrics of a test case, on its native grid (case.py)."""

import numpy as np

SELECTION_BATCH = 8  # slices of the release's loader (Q16)


def dice(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Dice of each pair of masks: (N, ...) both, bool or 0 and 1 -> float64 (N,). Two empty masks
    agree: 1."""
    predicted, truth = (stack.reshape(len(stack), -1).astype(bool) for stack in (predicted, truth))
    stacks = predicted, truth, predicted & truth
    return dice_of_counts(np.stack([stack.sum(1) for stack in stacks], axis=1))


def dice_of_counts(counts: np.ndarray) -> np.ndarray:
    """Dice float64 (N,) of int64 (N, 3): pixels that are predicted, that are true, and both."""
    total = counts[:, 0] + counts[:, 1]
    return np.divide(2 * counts[:, 2], total, out=np.ones(len(total)), where=total > 0)


def labelled_dice(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """As `dice`; nan where the truth is empty, for which it has no meaning."""
    return np.where(truth.reshape(len(truth), -1).any(1), dice(predicted, truth), np.nan)


def volume_dice(predicted: np.ndarray, truth: np.ndarray) -> float:
    """As `labelled_dice`, of all slices of a case together: (N, S, S) both."""
    return labelled_dice(predicted[None], truth[None]).item()


def mean_case_dice(counts: np.ndarray, case_index: np.ndarray) -> float:
    """Mean over cases of the volume Dice: counts int64 (N, 3) of slices as in `dice_of_counts`,
    case_index (N,) says whose slice each is."""
    rows = (case_index == case for case in np.unique(case_index))
    return float(np.mean([dice_of_counts(counts[here].sum(0)[None]) for here in rows]))


def mean_batch_dice(counts: np.ndarray) -> float:
    """Mean over batches of neighbouring slices of the Dice of a batch (Q38): counts int64 (N, 3) of
    slices as in `dice_of_counts`, in file order."""
    batches = (
        slice(first, first + SELECTION_BATCH) for first in range(0, len(counts), SELECTION_BATCH)
    )
    return float(np.mean([dice_of_counts(counts[here].sum(0)[None]) for here in batches]))
