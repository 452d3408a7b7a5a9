"""Mean differences of methods with t intervals: paired by fold, seed and case.

In every fold two methods are compared on the seeds that both ran; where they share none, on all
seeds of each. The variance of the mean difference has two parts: that of the cases' differences
inside the folds, and that of the trainings, pooled over all methods of the comparison
(training_variance.py). Cases of one patient count as one unit. Degrees of freedom are
Satterthwaite's (1946, doi 10.2307/3002019). The folds are those of the data set and no sample, so
the true value is the mean over all trainings and over all cases that these could have been.

What the 95 % interval covers by simulation with the variances of the published records stands in
docs/measurements.md (tests/bench/bench_coverage.py). Not here: many pairs at once (verdicts.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from reports.statistics.case_grid import Cells, seed_means
from reports.statistics.power import Design, smallest_detectable
from reports.statistics.student import beyond, quantile
from reports.statistics.training_variance import TrainingVariance, training_variance

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over n cases with its interval and standard error, nan where there are too few."""

    n: int
    mean: float
    low: float
    high: float
    error: float

    def scaled(self, factor: float) -> "Interval":
        """All numbers times a factor > 0, for example 100 for percentage points."""
        return Interval(
            self.n, *(factor * value for value in (self.mean, self.low, self.high, self.error))
        )


@dataclass(frozen=True)
class Difference:
    """A mean difference over n cases.

    Args:
        n: cases that are compared.
        mean: of the cases' differences, seeds averaged first; nan without a case.
        error: standard error; 0 where all values are equal, nan below two patients.
        degrees: of freedom of the error; may be broken.
        case_error: the part of the error that the cases' differences make up.
        folds: how many folds are compared.
        least_seeds: the fewest seeds of a method that are compared in a fold.
        seeds: the seeds that are compared, of any of the methods.
        paired: whether the methods share the seeds of every fold.
        trainings_known: whether the error holds the trainings' part; it cannot where no method of
            the comparison has two seeds of a fold.
    """

    n: int
    mean: float
    error: float
    degrees: float
    case_error: float
    folds: int
    least_seeds: int
    seeds: tuple[int, ...]
    paired: bool
    trainings_known: bool

    def interval(self, level: float = LEVEL) -> Interval:
        """The t interval of the mean."""
        reach = quantile((1 + level) / 2, self.degrees) * self.error if self.error else 0.0
        return Interval(self.n, self.mean, self.mean - reach, self.mean + reach, self.error)

    @property
    def p(self) -> float:
        """Two-sided p of no difference; it is below 0.05 exactly if the 95 % interval excludes
        0."""
        return self._beyond(abs(self.mean), 2.0)

    def p_equal(self, margin: float) -> float:
        """p of two one-sided tests that the difference lies outside [-margin, margin]; small: the
        methods are equal within the margin."""
        return self._beyond(margin - abs(self.mean), 1.0)

    def detectable(self, alpha: float = 1 - LEVEL) -> float:
        """The smallest true difference that this design finds in 80 % of repetitions."""
        return smallest_detectable(self.error, self.degrees, alpha)

    def _beyond(self, distance: float, sides: float) -> float:
        if not self.error:
            return 0.0 if distance > 0 else 1.0
        return sides * beyond(distance / self.error, self.degrees)


NAN = float("nan")
NOTHING = Difference(
    n=0,
    mean=NAN,
    error=NAN,
    degrees=NAN,
    case_error=NAN,
    folds=0,
    least_seeds=0,
    seeds=(),
    paired=True,
    trainings_known=False,
)


@dataclass(frozen=True)
class _Fold:
    """One fold of a contrast: differences (cases,), nan where a method lacks the case."""

    by_case: np.ndarray
    units: np.ndarray
    seeds: tuple[int, ...]
    least_seeds: int
    paired: bool
    weight: float  # of the training variance in the variance of the fold's mean


class Differences:
    """Every difference of the methods of one comparison, with the training variance they share."""

    def __init__(self, cells: Cells):
        self.cells = cells
        self._found: dict[tuple, Difference] = {}

    @cached_property
    def paired_variance(self) -> TrainingVariance:
        """Of trainings of equal seeds; where none can be compared so, that of all trainings."""
        found = training_variance(self.cells, same_seeds=True)
        return found if found.degrees else self.variance

    @cached_property
    def variance(self) -> TrainingVariance:
        """Of trainings, seeds not told apart."""
        return training_variance(self.cells, same_seeds=False)

    def interval(self, a: str, b: str, level: float = LEVEL) -> Interval:
        """Mean of a - b with its interval."""
        return self.of(a, b).interval(level)

    def runs(self, label: str) -> Difference:
        """The mean of one method, with its folds and seeds."""
        return self.contrast({label: 1.0})

    @property
    def trainings_known(self) -> bool:
        """Whether any method has two seeds of a fold, so that errors hold the trainings' part."""
        return self.variance.degrees > 0

    def of(self, a: str, b: str) -> Difference:
        """a - b."""
        return self.contrast({a: 1.0, b: -1.0})

    def contrast(self, weights: Mapping[str, float]) -> Difference:
        """The sum of the methods' means, each times its weight. Weights that add up to 0 make a
        difference."""
        key = tuple(weights.items())
        if key not in self._found:
            self._found[key] = self._contrast(weights)
        return self._found[key]

    def design(self, labels: Sequence[str]) -> Design | None:
        """What a difference of two methods of this comparison is made of, on average over the
        pairs of `labels`; None where no pair shares a seed."""
        pairs = [self.of(a, b) for a, b in combinations(labels, 2)]
        pairs = [one for one in pairs if one.paired and one.error > 0]
        if not pairs:
            return None
        variance = self.paired_variance
        rest = [2 * variance.rest / one.least_seeds for one in pairs]
        case = [one.n * one.case_error**2 - part for one, part in zip(pairs, rest, strict=True)]
        return Design(
            cases=max(one.n for one in pairs),
            folds=max(one.folds for one in pairs),
            case=max(float(np.mean(case)), 0.0),
            rest=variance.rest,
            training=variance.value,
            training_degrees=variance.degrees,
        )

    def _contrast(self, weights: Mapping[str, float]) -> Difference:
        places = [self.cells.labels.index(label) for label in weights]
        values = self.cells.values[places]
        factors = np.array(list(weights.values()))
        found = [self._fold(values, factors, fold) for fold in np.unique(self.cells.folds)]
        folds = [fold for fold in found if fold]
        if not folds:
            return NOTHING
        error, degrees, case_error = self._error(folds)
        by_case = np.concatenate([fold.by_case for fold in folds])
        return Difference(
            n=len(by_case),
            mean=float(by_case.mean()),
            error=error,
            degrees=degrees,
            case_error=case_error,
            folds=len(folds),
            least_seeds=min(fold.least_seeds for fold in folds),
            seeds=tuple(sorted({seed for fold in folds for seed in fold.seeds})),
            paired=all(fold.paired for fold in folds),
            trainings_known=self.trainings_known,
        )

    def _fold(self, values: np.ndarray, factors: np.ndarray, fold: int) -> _Fold | None:
        """None where a method has no run of the fold, or no case is common to all."""
        members = self.cells.folds == fold
        block = values[:, :, members]
        ran = np.isfinite(block).any(2)
        shared = ran.all(0)
        if not ran.any(1).all():
            return None
        if shared.any():
            by_case = seed_means((factors[:, None, None] * block[:, shared]).sum(0))
            weight = float((factors**2).sum() / shared.sum())
        else:
            means = np.stack([seed_means(runs) for runs in block])
            by_case = (factors[:, None] * means).sum(0)
            weight = float((factors**2 / ran.sum(1)).sum())
        there = np.isfinite(by_case)
        if not there.any():
            return None
        used = shared if shared.any() else ran.any(0)
        return _Fold(
            by_case[there],
            self.cells.units[members][there],
            tuple(seed for seed, use in zip(self.cells.seeds, used, strict=True) if use),
            int(shared.sum() or ran.sum(1).min()),
            bool(shared.any()),
            weight,
        )

    def _error(self, folds: list[_Fold]) -> tuple[float, float, float]:
        """(standard error, degrees of freedom, the cases' part of it) of the mean over all
        cases."""
        count = sum(len(fold.by_case) for fold in folds)
        squares = [_unit_squares(fold) for fold in folds]
        units = sum(len(found) for found in squares)
        if units <= len(folds):
            return NAN, NAN, NAN
        if not any(fold.by_case.any() for fold in folds):
            return 0.0, float("inf"), 0.0
        factor = units / (units - len(folds)) / count**2
        # value, mean square behind it, its degrees of freedom
        parts = [(factor * float(sum(found.sum() for found in squares)),) * 2]
        degrees = [units - len(folds)]
        for paired, variance in ((True, self.paired_variance), (False, self.variance)):
            weight = sum(
                (len(fold.by_case) / count) ** 2 * fold.weight
                for fold in folds
                if fold.paired == paired
            )
            if weight and variance.degrees:
                parts.append((weight * variance.value, weight * variance.raw))
                degrees.append(variance.degrees)
        total = sum(value for value, _ in parts)
        spread = sum(raw**2 / free for (_, raw), free in zip(parts, degrees, strict=True))
        free = float(total**2 / spread) if spread else float("inf")
        return float(np.sqrt(total)), free, float(np.sqrt(parts[0][0]))


def _unit_squares(fold: _Fold) -> np.ndarray:
    """(units,): the squared sum of what the cases of a patient differ from the fold's mean."""
    left = fold.by_case - fold.by_case.mean()
    _, places = np.unique(fold.units, return_inverse=True)
    return np.bincount(places, left) ** 2
