"""Two masks -> one row of numbers: named definitions, one rule for empty masks, never NaN.

Tools of the field mean different numbers by "HD95" and "ASSD" (Q11, Q28), so every definition has
its own column:

    dice               2 |P and T| / (|P| + |T|), counted in voxels
    precision          |P and T| / |P|
    recall             |P and T| / |T|
    hd95               95th percentile of both directed surface-distance sets, pooled (MedPy)
    hd95_max           the larger of the two directed 95th percentiles (MONAI)
    assd               mean of both directed sets, pooled (MedPy 0.5.2, MONAI)
    assd_mean          mean of the two directed means (MedPy up to 0.5.1)
    nsd                share of the surface voxels of both masks that lie within `nsd_tolerance`
                       of the other surface, a distance equal to the tolerance included
                       (MONAI's surface dice with use_subvoxels=False)
    volume_difference  (|P| - |T|) / |T|: +0.1 means 10 % too large

P is the prediction, T the truth; surfaces and distances as in benchmark/metrics/surfaces.py;
percentiles interpolate linearly. Distances are in the units of the spacing (mm, or pixels with
spacing 1).

Empty masks. Where exactly one mask is empty, every score takes its worst value: under the policy
"penalty" the distances become the diagonal of the image (square root of the sum of (voxels x
spacing) squared), longer than any distance between two voxels of it. Two empty masks agree.

    prediction  truth    dice  precision  recall  nsd  distances  volume  missed  empty_truth
    empty       present  0     0          0       0    diagonal   -1      True    False
    present     empty    0     0          0       0    diagonal   +1      False   True
    empty       empty    1     1          1       1    0          0       False   True

The policy "centre-pixel" (Q10) differs in the first row alone: the four distances are measured from
a single voxel at index n // 2 of each axis, as the authors' release does, which makes a miss look
near. A truth without foreground cannot occur there (Q9), so the other rows stay.

A volume of one slice, (1, y, x), is measured as the 2D image it is; as a volume each of its voxels
would be surface. Left out: averages over cases (reports) and files (crosswalk).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmark.core.registry import check_name
from benchmark.metrics.surfaces import SurfaceDistances, bounding_box, surface_distances

EMPTY_POLICIES = ("penalty", "centre-pixel")

# Name, meaning and origin of each score, for tables that are read without this file.
DEFINITIONS = {
    "dice": "2 |P and T| / (|P| + |T|), in voxels",
    "precision": "|P and T| / |P|, in voxels",
    "recall": "|P and T| / |T|, in voxels",
    "hd95": "95th percentile of both directed surface distances, pooled (MedPy)",
    "hd95_max": "larger of the two directed 95th percentiles (MONAI)",
    "assd": "mean of both directed surface distances, pooled (MedPy 0.5.2, MONAI)",
    "assd_mean": "mean of the two directed means (MedPy up to 0.5.1)",
    "nsd": "share of surface voxels within the tolerance of the other surface (MONAI, no"
    " subvoxels)",
}
DISTANCES = ("hd95", "hd95_max", "assd", "assd_mean")

# Relative slack of the nsd tolerance: three steps of 0.7 mm are 2.1 mm although floats say
# 2.0999999999999996.
ROUNDING = 1e-9


@dataclass(frozen=True)
class CaseMetrics:
    """The metrics of one case: plain floats, ints and bools, all finite, see the module's
    docstring.

    Scores in [0, 1]; distances >= 0 in the units of the spacing; `volume_difference` >= -1.
    `missed`: the truth has foreground, the prediction none. `empty_truth`: the truth has no
    foreground.
    """

    dice: float
    precision: float
    recall: float
    hd95: float
    hd95_max: float
    assd: float
    assd_mean: float
    nsd: float
    volume_difference: float
    truth_voxels: int
    prediction_voxels: int
    missed: bool
    empty_truth: bool

    def as_dict(self) -> dict[str, float | int | bool]:
        """Column name -> value, in the order above."""
        return asdict(self)


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

    prediction_voxels, truth_voxels = (
        int(np.count_nonzero(prediction)),
        int(np.count_nonzero(truth)),
    )
    dice, precision, recall = _overlap(prediction, truth, prediction_voxels, truth_voxels)
    missed = prediction_voxels == 0 and truth_voxels > 0
    if prediction_voxels and truth_voxels:
        distances = surface_distances(prediction, truth, spacing)
        lengths, nsd = _summaries(distances), _nsd(distances, nsd_tolerance)
        volume_difference = (prediction_voxels - truth_voxels) / truth_voxels
    else:
        if missed and empty_policy == "centre-pixel":
            lengths = _summaries(surface_distances(_centre_voxel(truth.shape), truth, spacing))
        else:
            differ = prediction_voxels != truth_voxels
            lengths = dict.fromkeys(DISTANCES, _diagonal(truth.shape, spacing) if differ else 0.0)
        nsd = dice
        volume_difference = float(bool(prediction_voxels)) - float(bool(truth_voxels))
    return CaseMetrics(
        dice=dice,
        precision=precision,
        recall=recall,
        **lengths,
        nsd=nsd,
        volume_difference=volume_difference,
        truth_voxels=truth_voxels,
        prediction_voxels=prediction_voxels,
        missed=missed,
        empty_truth=truth_voxels == 0,
    )


def _overlap(
    prediction: np.ndarray, truth: np.ndarray, n_prediction: int, n_truth: int
) -> tuple[float, float, float]:
    """Dice, precision, recall. One empty mask: all 0; two: all 1."""
    if not (n_prediction and n_truth):
        agreement = float(n_prediction == n_truth)
        return agreement, agreement, agreement
    box = bounding_box(truth)
    common = int(np.count_nonzero(prediction[box] & truth[box]))
    return 2 * common / (n_prediction + n_truth), common / n_prediction, common / n_truth


def _summaries(distances: SurfaceDistances) -> dict[str, float]:
    """The four distances of DISTANCES from the two directed sets."""
    forth, back = distances.prediction_to_truth, distances.truth_to_prediction
    pooled = np.concatenate((forth, back))
    return {
        "hd95": float(np.percentile(pooled, 95)),
        "hd95_max": float(max(np.percentile(forth, 95), np.percentile(back, 95))),
        "assd": float(pooled.mean()),
        "assd_mean": float((forth.mean() + back.mean()) / 2),
    }


def _nsd(distances: SurfaceDistances, tolerance: float) -> float:
    forth, back = distances.prediction_to_truth, distances.truth_to_prediction
    limit = tolerance * (1 + ROUNDING)
    within = np.count_nonzero(forth <= limit) + np.count_nonzero(back <= limit)
    return float(within / (forth.size + back.size))


def _centre_voxel(shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(n // 2 for n in shape)] = True
    return mask


def _diagonal(shape: tuple[int, ...], spacing: Sequence[float]) -> float:
    return float(np.linalg.norm(np.multiply(shape, spacing)))


def _as_bool(name: str, mask: np.ndarray) -> np.ndarray:
    if not isinstance(mask, np.ndarray) or mask.dtype not in (np.bool_, np.uint8):
        found = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ValueError(f"the {name} must be a bool or uint8 array, not {found}")
    if mask.ndim not in (2, 3) or mask.size == 0:
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
