"""Values that no pair of masks can have: exact relations between the numbers of one case row.

With P predicted voxels, T true ones and C in common, the row holds Dice = 2C / (P + T), precision
= C / P, recall = C / T and (P - T) / T, so that three numbers follow from P, T and the whole
number C (and IoU = Dice / (2 - Dice) with them). The distances are looser: they are bounded by
each other and by the surface Dice. Not here: rows recomputed from masks (masks.py), which decides
everything.
"""

import math

from benchmark.metrics.definitions import DISTANCES, METRICS, CaseRow, of_empty_masks
from benchmark.spec.run import RunSpec

SLACK = 1e-8  # relative; of relations between sums of distances
# A 95th percentile with linear interpolation: at least a fortieth of two or more values lies at or
# above it.
LEAST_SHARE = 1 / 40
LONGEST = 1e5  # of any distance, in any unit


def impossible(row: CaseRow, spec: RunSpec) -> list[str]:
    """What cannot be in this row, one phrase each."""
    predicted, true = row.prediction_voxels, row.truth_voxels
    centre_pixel = row.missed and spec.protocol.empty_mask == "centre-pixel"
    told = []
    if row.missed != (predicted == 0 < true):
        told.append(f"missed is {row.missed} with {predicted} predicted and {true} true voxels")
    if row.empty_truth != (true == 0):
        told.append(f"empty_truth is {row.empty_truth} with {true} true voxels")
    if max(row.measured(DISTANCES).values()) > LONGEST:
        told.append(f"a distance is above {LONGEST:g} {row.unit}")
    if predicted and true:
        return told + _of_two_masks(row, spec.preset.nsd_tolerance)
    return told + (_of_a_centre_pixel(row) if centre_pixel else _of_an_empty_mask(row))


def _of_two_masks(row: CaseRow, tolerance: float) -> list[str]:
    predicted, true = row.prediction_voxels, row.truth_voxels
    common = round(row.precision * predicted)
    told = _of_overlap(row, predicted, common, (predicted - true) / true)
    if common > min(predicted, true):
        told.append(
            f"precision {row.precision} of {predicted} voxels finds more than the {true} true ones"
        )
    return told + _of_distances(row, tolerance, same=common == predicted == true, apart=common == 0)


def _of_overlap(row: CaseRow, predicted: int, common: int, difference: float) -> list[str]:
    """What does not follow from the voxels, the predicted ones, the true ones of the row and those
    in common."""
    exact = {
        "precision": common / predicted,
        "recall": common / row.truth_voxels,
        "dice": 2 * common / (predicted + row.truth_voxels),
        "volume_difference": difference,
    }
    return [
        f"{name} {getattr(row, name)} where {predicted} predicted, {row.truth_voxels} true and"
        f" {common} common voxels give {value}"
        for name, value in exact.items()
        if getattr(row, name) != value
    ]


def _of_distances(row: CaseRow, tolerance: float, same: bool, apart: bool) -> list[str]:
    """The distances against each other, against the surface Dice, and against masks that agree or
    never meet."""
    told = []
    values = row.measured(DISTANCES).values()
    if same and (any(values) or row.nsd != 1):
        told.append("the masks agree in every voxel, so all distances are 0 and nsd is 1")
    if apart and not all(values):
        told.append("the masks have no voxel in common, so no distance is 0")
    if any(values) and not all((row.assd, row.assd_mean)):
        told.append("a mean distance is 0 where another distance is not")
    highest = 1 + SLACK
    for low, high, factor in (
        ("hd95", "assd", 1 / LEAST_SHARE),
        ("hd95_max", "assd_mean", 2 / LEAST_SHARE),
        ("assd", "assd_mean", 2),
    ):
        limit = factor * getattr(row, high)
        if getattr(row, low) > limit * highest:
            told.append(
                f"{low} {getattr(row, low)} is more than {factor:g} times {high}"
                f" {getattr(row, high)}"
            )
    if row.assd * highest < (1 - row.nsd) * tolerance:
        told.append(
            f"assd {row.assd} is too small where a share of {1 - row.nsd:.4g} lies beyond"
            f" {tolerance:g}"
        )
    if row.nsd == 1 and max(values) > tolerance * highest:
        told.append(f"nsd is 1 at a tolerance of {tolerance:g}, but a distance is {max(values)}")
    return told


def _of_a_centre_pixel(row: CaseRow) -> list[str]:
    """A miss, scored as one voxel (Q10); the volume is that of the empty prediction."""
    return _of_overlap(row, 1, int(row.precision > 0), -1.0)


def _of_an_empty_mask(row: CaseRow) -> list[str]:
    """benchmark/metrics/case.py, the table of empty masks."""
    predicted, true = row.prediction_voxels, row.truth_voxels
    told = []
    for name, given in row.measured(n for n in METRICS if n not in DISTANCES).items():
        value = of_empty_masks(METRICS[name], predicted > 0, true > 0, math.nan)
        if given != value:
            told.append(f"{name} {given} where a mask is empty, so it is {value:g}")
    agreement = predicted == true
    distances = set(row.measured(DISTANCES).values())
    if agreement and distances != {0.0}:
        told.append("both masks are empty, so all distances are 0")
    if not agreement and (len(distances) != 1 or min(distances) <= 0):
        told.append("one mask is empty, so all distances are the diagonal of the image")
    return told
