"""How much a result moves when a network is trained again, pooled over the methods of a comparison.

A training is one fold with one seed, so trainings are nested in folds. Few methods have several
seeds, so one variance is estimated from all of them; a method with one seed borrows it. Not here:
the differences that it enters (differences.py).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reports.statistics.case_grid import Cells


@dataclass(frozen=True)
class TrainingVariance:
    """A variance component of one training's mean, in the square of the metric's unit.

    value: without what the cases of the fold add by chance, never below 0. raw: with it, the mean
    square that the degrees of freedom belong to. rest: variance of a training's value at one case
    beyond its mean (of one patient's case, where patients have several). degrees: 0 where no
    method has two seeds of a fold; all others are then 0, and nothing is known of the trainings.
    """

    value: float = 0.0
    raw: float = 0.0
    rest: float = 0.0
    degrees: int = 0


def training_variance(cells: Cells, *, same_seeds: bool) -> TrainingVariance:
    """The variance of a training's mean over its fold's cases, pooled over folds and methods.

    same_seeds: of what is left after an effect of each seed that all methods share, which cancels
    where methods are compared on the same seeds. Methods of equal values count once.
    """
    total = inside = rest = 0.0
    degrees = 0
    methods = np.unique(cells.values, axis=0, equal_nan=True)
    for fold in np.unique(cells.folds):
        members = cells.folds == fold
        found = _of_fold(methods[:, :, members], cells.units[members], same_seeds)
        total, inside, degrees = total + found[0], inside + found[1], degrees + found[2]
        rest += found[1] * members.sum()
    if not degrees:
        return TrainingVariance()
    value = max(total - inside, 0.0) / degrees
    return TrainingVariance(value, total / degrees, float(rest) / degrees, degrees)


def _of_fold(values: np.ndarray, units: np.ndarray, same_seeds: bool) -> tuple[float, float, int]:
    """(methods, seeds, cases) of a fold -> sum of squares of the training means, the part of it
    that the cases add, degrees of freedom."""
    ran = np.isfinite(values).any(2)
    runs = values[ran]
    complete = np.isfinite(runs).all(0)
    runs, units = runs[:, complete], units[complete]
    count = len(np.unique(units))
    if len(runs) < 2 or count < 2:
        return 0.0, 0.0, 0
    project = _projection(ran.tobytes(), ran.shape, same_seeds)
    left = project @ runs
    means = left.mean(1)
    sums = (left - means[:, None]) @ (units[:, None] == np.unique(units))
    inside = (sums**2).sum() * count / (count - 1) / runs.shape[1] ** 2
    return float((means**2).sum()), float(inside), round(float(np.trace(project)))


@lru_cache(maxsize=64)  # the folds of a comparison mostly ran the same
def _projection(ran: bytes, shape: tuple[int, int], same_seeds: bool) -> np.ndarray:
    """(runs, runs): takes the effects of methods, and of seeds if same_seeds, out of the runs. ran:
    bool (methods, seeds), as bytes."""
    method, seed = np.nonzero(np.frombuffer(ran, bool).reshape(shape))
    effects = [np.eye(shape[0])[method]]
    if same_seeds:
        effects.append(np.eye(shape[1])[seed])
    design = np.hstack(effects)
    return np.eye(len(design)) - design @ np.linalg.pinv(design)
