"""Tests on paired case values: Holm's correction, and spread against spread.

Not here: mean differences (differences.py).
"""

import numpy as np
from scipy import stats

ALPHA = 0.05
MARGIN = 0.01  # equivalence: one Dice point


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjusted p of all tests of a table, in any shape; nan stays nan and counts as no
    test."""
    p_values = np.asarray(p_values, float)
    adjusted = np.full(p_values.shape, np.nan)
    tested = np.isfinite(p_values)
    found = p_values[tested]
    order = np.argsort(found, kind="stable")
    steps = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1))
    found[order] = np.minimum(steps, 1)
    adjusted[tested] = found
    return adjusted


def spread_ratio(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(SD of a / SD of b, two-sided p of Pitman and Morgan's test for paired samples); nan below
    three cases."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan"), float("nan")
    ratio = float(np.std(a, ddof=1) / np.std(b, ddof=1))
    if np.ptp(a - b) == 0 or np.ptp(a + b) == 0:
        return ratio, 1.0
    return ratio, float(stats.pearsonr(a + b, a - b).pvalue)
