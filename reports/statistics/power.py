"""What a design can show: differences that are found in 80 % of repetitions, and seeds needed.

Not here: the variance of trainings (training_variance.py), intervals (differences.py).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr

from reports.statistics.paired import ALPHA
from reports.statistics.student import quantile

POWER = 0.8
MOST_SEEDS = 1_000


def smallest_detectable(
    error: float, degrees: float, alpha: float = ALPHA, power: float = POWER
) -> float:
    """The smallest true difference that a two-sided t test finds with the given power.

    error: standard error of the difference, with its degrees of freedom. In the unit of the error;
    nan where either is.
    """
    if not np.isfinite(error) or not degrees > 0:
        return float("nan")
    if not error:
        return 0.0
    free = min(degrees, 1e6)  # beyond that t is normal, and scipy's noncentral t fails
    critical = quantile(1 - alpha / 2, free)

    def missing(effect: float) -> float:
        # the other side's share is below 1e-4 at any power that is asked for
        return 1.0 - float(nctdtr(free, effect, critical)) - power

    middle = critical + quantile(power, free)
    return float(error * brentq(missing, 0.0, 2 * middle + 1))


@dataclass(frozen=True)
class Design:
    """Two methods that are compared on the same seeds, and the variances behind a difference.

    Args:
        cases: all test cases; folds: how many folds they stand in.
        case: variance of a case's difference over all trainings.
        rest: variance of one training's value at one case, beyond its mean.
        training: variance of one training's mean over a fold.
        training_degrees: of freedom that `training` was estimated with; 0: it is unknown.

    Variances are in the square of the metric's unit.
    """

    cases: int
    folds: int
    case: float
    rest: float
    training: float
    training_degrees: int

    def detectable(self, seeds: int | None, alpha: float = ALPHA, power: float = POWER) -> float:
        """The smallest difference found with the given power by `seeds` seeds of each method; None:
        by so many that only the cases are left to chance."""
        cases = self.case / self.cases
        trainings = 0.0
        if seeds:
            cases += 2 * self.rest / seeds / self.cases
            trainings = 2 * self.training / seeds / self.folds
        spread = cases**2 / max(self.cases - self.folds, 1)
        if trainings and self.training_degrees:
            spread += trainings**2 / self.training_degrees
        total = cases + trainings
        degrees = total**2 / spread if spread else float("inf")
        return smallest_detectable(float(np.sqrt(total)), degrees, alpha, power)

    def can_be_equal(self, margin: float) -> bool:
        """Whether enough seeds could show that two methods are equal within the margin: the 90 %
        interval that the cases alone leave is narrower than twice the margin."""
        degrees = max(self.cases - self.folds, 1)
        reach = quantile(1 - ALPHA, degrees) * np.sqrt(self.case / self.cases)
        return bool(reach < margin)

    def seeds_needed(self, difference: float, alpha: float = ALPHA) -> int | None:
        """The fewest seeds, 2 or more, that find a true difference in 80 % of repetitions; None
        where no number of seeds does, for then there are too few cases."""
        if not self.detectable(None, alpha) < difference:
            return None
        few, many = 1, 2
        while self.detectable(many, alpha) > difference:
            few, many = many, 2 * many
            if few > MOST_SEEDS:
                return None
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (
                (few, middle) if self.detectable(middle, alpha) <= difference else (middle, many)
            )
        return many
