"""Two masks -> the metrics of definitions.py: one rule for empty masks, never NaN.

Surfaces and distances as in surfaces.py; percentiles interpolate linearly. Distances are in the
units of the spacing (mm, or pixels with spacing 1). A volume of one slice, (1, y, x), is measured
as the 2D image it is; as a volume each of its voxels would be surface.

Empty masks. Where exactly one mask is empty, every metric takes its worst value: under the policy
"penalty" the distances become the diagonal of the image (square root of the sum of (voxels x
spacing) squared), longer than any distance between two voxels of it. Two empty masks agree.

    prediction  truth    fractions  distances  volume_difference  missed  empty_truth
    empty       present  0          diagonal   -1                 True    False
    present     empty    0          diagonal   +1                 False   True
    empty       empty    1          0          0                  False   True

The policy "centre-pixel" (Q10) differs in the first row alone: fractions and distances are those of
a single voxel at index n // 2 of each axis, which the authors' release sets before it measures. A
miss then looks near, and finds something where the centre lies in the truth. The volume is that of
the prediction as it was made. A truth without foreground cannot occur there (Q9), so the other rows
stay.

Not here: averages over cases (reports) and files (crosswalk.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmark.core.registry import check_name
from benchmark.metrics.definitions import METRICS, CaseMetrics, of_empty_masks
from benchmark.metrics.surfaces import SurfaceDistances, bounding_box, surface_distances

EMPTY_POLICIES = ("penalty", "centre-pixel")

# Relative slack of the nsd tolerance: three steps of 0.7 mm are 2.1 mm although floats say
# 2.0999999999999996.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Pair:
    """What the metrics read of two masks with foreground: voxels of each and in common, and the
    directed surface distances in the units of the spacing."""

    predicted: int
    true: int
    common: int
    distances: SurfaceDistances
    tolerance: float

    @property
    def forth(self) -> np.ndarray:
        return self.distances.prediction_to_truth

    @property
    def back(self) -> np.ndarray:
        return self.distances.truth_to_prediction

    @cached_property
    def pooled(self) -> np.ndarray:
        return np.concatenate((self.forth, self.back))


def _within_tolerance(pair: Pair) -> float:
    limit = pair.tolerance * (1 + ROUNDING)
    within = np.count_nonzero(pair.forth <= limit) + np.count_nonzero(pair.back <= limit)
    return within / pair.pooled.size


# Each metric of definitions.py where both masks have foreground.
COMPUTED: Mapping[str, Callable[[Pair], float]] = {
    "dice": lambda pair: 2 * pair.common / (pair.predicted + pair.true),
    "precision": lambda pair: pair.common / pair.predicted,
    "recall": lambda pair: pair.common / pair.true,
    "hd95": lambda pair: np.percentile(pair.pooled, 95),
    "hd95_max": lambda pair: max(np.percentile(one, 95) for one in (pair.forth, pair.back)),
    "assd": lambda pair: pair.pooled.mean(),
    "assd_mean": lambda pair: (pair.forth.mean() + pair.back.mean()) / 2,
    "nsd": _within_tolerance,
    "volume_difference": lambda pair: (pair.predicted - pair.true) / pair.true,
}


def case_metrics(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: Sequence[float],
    *,
    empty_policy: str,
    nsd_tolerance: float,
) -> CaseMetrics:
    """Measures one predicted mask against its truth.

    `prediction`, `truth`: bool or uint8 in {0, 1}, (z, y, x) or (y, x), same shape. `spacing`:
    distance between voxel centres along each axis. `empty_policy`: one of EMPTY_POLICIES.
    `nsd_tolerance`: >= 0, in the units of the spacing. Raises InputError for an unknown policy,
    ValueError for masks, spacing or tolerance that break these rules.
    """
    check_name("empty-mask policy", empty_policy, EMPTY_POLICIES)
    prediction, truth = _as_bool("prediction", prediction), _as_bool("truth", truth)
    spacing = _checked_geometry(prediction, truth, spacing)
    if not (np.isfinite(nsd_tolerance) and nsd_tolerance >= 0):
        raise ValueError(f"the nsd tolerance must be finite and not negative, not {nsd_tolerance}")
    if truth.ndim == 3 and len(truth) == 1:
        prediction, truth, spacing = prediction[0], truth[0], spacing[1:]

    predicted, true = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
    missed = bool(true) and not predicted
    if predicted and true:
        pair = _pair(prediction, truth, spacing, nsd_tolerance)
        values = {name: float(COMPUTED[name](pair)) for name in METRICS}
    else:
        diagonal = float(np.linalg.norm(np.multiply(truth.shape, spacing)))
        values = {
            name: of_empty_masks(metric, bool(predicted), bool(true), diagonal)
            for name, metric in METRICS.items()
        }
    if missed and empty_policy == "centre-pixel":
        pair = _pair(_centre_voxel(truth.shape), truth, spacing, nsd_tolerance)
        measured = (name for name, metric in METRICS.items() if metric.kind != "ratio")
        values |= {name: float(COMPUTED[name](pair)) for name in measured}
    return CaseMetrics(
        **values,
        truth_voxels=true,
        prediction_voxels=predicted,
        missed=missed,
        empty_truth=not true,
    )


def _pair(
    prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float], tolerance: float
) -> Pair:
    box = bounding_box(truth)
    return Pair(
        predicted=int(np.count_nonzero(prediction)),
        true=int(np.count_nonzero(truth)),
        common=int(np.count_nonzero(prediction[box] & truth[box])),
        distances=surface_distances(prediction, truth, spacing),
        tolerance=tolerance,
    )


def _centre_voxel(shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(n // 2 for n in shape)] = True
    return mask


def _as_bool(name: str, mask: np.ndarray) -> np.ndarray:
    if not isinstance(mask, np.ndarray) or mask.dtype not in (np.bool_, np.uint8):
        found = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ValueError(f"the {name} must be a bool or uint8 array, not {found}")
    if mask.ndim not in (2, 3) or not mask.size:
        raise ValueError(
            f"the {name} must be (z, y, x) or (y, x) with at least one voxel, not {mask.shape}"
        )
    if mask.dtype == np.uint8:
        if mask.max() > 1:
            raise ValueError(f"the {name} must hold 0 and 1 only, not {mask.max()}")
        mask = mask.view(np.bool_)
    return mask


def _checked_geometry(
    prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float]
) -> tuple[float, ...]:
    if prediction.shape != truth.shape:
        raise ValueError(
            f"prediction {prediction.shape} and truth {truth.shape} must have one shape"
        )
    spacing = tuple(float(step) for step in spacing)
    if len(spacing) != truth.ndim or not all(np.isfinite(step) and step > 0 for step in spacing):
        raise ValueError(f"the spacing must be {truth.ndim} positive finite numbers, not {spacing}")
    return spacing
