"""A predicted mask of a case and the case's truth -> one case row, under the protocol's rules. Not
here: the metrics themselves (case.py), reading masks."""

from collections.abc import Sequence

import numpy as np

from benchmark.metrics.case import case_metrics
from benchmark.metrics.definitions import CaseRow


def score_case(
    case: str,
    prediction: np.ndarray,
    z: Sequence[int],
    truth: np.ndarray,
    spacing: Sequence[float],
    unit: str,
    *,
    empty_mask: str,
    resize_z: bool,
    nsd_tolerance: float,
) -> CaseRow:
    """The row of a test case.

    prediction: uint8 {0, 1} (len(z), y, x), the planes of the native slices `z`; truth: uint8 {0,
    1} (z, y, x), all native slices. A case of which no slice passed the foreground rule (Q9) has no
    plane; nothing was predicted there, and it still counts. Raises what `case_metrics` raises.
    """
    depth = truth.shape[0]
    if len(z):
        truth = truth[list(z)]
    else:
        prediction = np.zeros_like(truth)
    if resize_z:
        prediction, truth = stretch_z(prediction, depth), stretch_z(truth, depth)
    metrics = case_metrics(
        prediction, truth, spacing, empty_policy=empty_mask, nsd_tolerance=nsd_tolerance
    )
    return CaseRow(case=case, unit=unit, **metrics.model_dump())


def stretch_z(volume: np.ndarray, slices: int) -> np.ndarray:
    """(k, y, x) -> (slices, y, x) by nearest neighbour along z, as the release does (Q23)."""
    nearest = np.minimum(
        ((np.arange(slices) + 0.5) * len(volume) / slices).astype(int), len(volume) - 1
    )
    return volume[nearest]
