"""Tests on paired case values: signed rank with Holm, equivalence, spread, smallest detectable
difference.

All of them treat the cases as the sample and the trained networks as given: they say nothing about
how much a result would move if the networks were trained again, which the intervals of
resampling.py take in.
"""

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

ALPHA = 0.05
POWER = 0.8
MARGIN = 0.01  # equivalence: one Dice point


def signed_rank(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 where every difference is zero, nan without a
    case."""
    if len(differences) == 0:
        return float("nan")
    if not np.any(differences):
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


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


def equivalence(differences: np.ndarray, margin: float = MARGIN) -> float:
    """p of two one-sided t tests that the mean difference lies outside [-margin, margin]; nan for
    fewer than two cases.

    A small p says: the two are equal within the margin.
    """
    if len(differences) < 2:
        return float("nan")
    if np.ptp(differences) == 0:
        return 0.0 if abs(differences[0]) < margin else 1.0
    return float(DescrStatsW(differences).ttost_mean(-margin, margin)[0])


def spread_ratio(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(SD of a / SD of b, two-sided p of Pitman and Morgan's test for paired samples); nan below
    three cases."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan"), float("nan")
    ratio = float(np.std(a, ddof=1) / np.std(b, ddof=1))
    if np.ptp(a - b) == 0 or np.ptp(a + b) == 0:
        return ratio, 1.0
    return ratio, float(stats.pearsonr(a + b, a - b).pvalue)


def smallest_detectable(
    standard_error: float, n: int, alpha: float = ALPHA, power: float = POWER
) -> float:
    """The smallest true mean difference that a two-sided paired t test over n cases finds with the
    given power.

    standard_error: of the mean difference. In the unit of the standard error.
    """
    if n < 2 or not np.isfinite(standard_error):
        return float("nan")
    effect = TTestPower().solve_power(nobs=n, alpha=alpha, power=power, alternative="two-sided")
    # statsmodels gives an array of one for some n
    return float(np.ravel(effect)[0] * standard_error * np.sqrt(n))
