"""The paper's printed gains with the error that their own cases and trainings leave. Not here: the
table (reports/comparison/paper_numbers.py)."""

from dataclasses import dataclass

import numpy as np

from reports.comparison.paper_files import BASELINE
from reports.comparison.paper_numbers import paper_cases, table2


@dataclass(frozen=True)
class PrintedGain:
    """A printed gain in Dice over the paper's Baseline, range -1 to 1, with its standard error and
    the degrees of freedom of that."""

    gain: float
    error: float
    degrees: int


def printed_gain(
    dataset: str, name: str, *, correlation: float = 0.0, training: float = 0.0, folds: int = 3
) -> PrintedGain | None:
    """The gain of a row of Table II, or None where it has none.

    Args:
        correlation: of the case values of the two rows. The paper prints two SDs over the same
            cases; how far the cases of two trainings agree is taken from our runs. 0 gives the
            widest error.
        training: variance of one training's mean Dice over a fold, from our runs.
        folds: how many trainings a printed row is the mean of.
    """
    base, row = (table2().get((dataset, one, "dice")) for one in (BASELINE, name))
    if base is None or row is None or name == BASELINE:
        return None
    cases = paper_cases(dataset)
    squares = base.sd**2 + row.sd**2 - 2 * correlation * base.sd * row.sd
    error = float(np.sqrt(squares / 1e4 / cases + 2 * training / folds))
    return PrintedGain((row.mean - base.mean) / 100, error, cases - 1)


def case_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of the case values of two methods over single trainings of the same seed; 0
    where fewer than three are there. a, b: (seeds, cases), nan where there is no run."""
    there = np.isfinite(a) & np.isfinite(b)
    if there.sum() < 3 or np.ptp(a[there]) == 0 or np.ptp(b[there]) == 0:
        return 0.0
    return float(np.corrcoef(a[there], b[there])[0, 1])
