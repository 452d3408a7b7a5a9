"""One rule per kind of claim: what differences between methods say of it.

Differences are of Dice (of the measure: `nearer`), range 0-1, with t intervals over trainings and
cases (reports/statistics/differences.py). A rule that looks at several rows needs all of them, each
at 95 %, or any one of them, each at 5 % of error divided by their number; so a row is no evidence
because it was picked as the best. Not here: which rows a claim needs (evidence.py), how many runs a
verdict needs (claims.py).
"""

from collections.abc import Sequence

import numpy as np

from reports.claims.printed import PrintedGain
from reports.statistics.differences import Difference
from reports.statistics.paired import ALPHA, MARGIN
from reports.statistics.student import quantile

HOLDS, SMALLER, FAILS, OPEN = "holds", "smaller", "does not hold", "undecided"


def gain_as_printed(ours: Difference, printed: PrintedGain) -> str:
    """The gain over none, held against the printed one.

    A gain is shown if the 95 % interval excludes 0 on the printed side. It is smaller than printed
    if the 95 % interval of the difference to the printed gain says so; the printed gain has an
    error too, from its SDs and number of cases. Not reproduced: no gain is shown, it is smaller
    than printed, and the whole interval lies below half of the printed gain.
    """
    low, high = _ends(ours, turned=printed.gain < 0)
    shown, smaller = low > 0, _smaller(ours, printed)
    if shown:
        return SMALLER if smaller else HOLDS
    return FAILS if smaller and high < abs(printed.gain) / 2 else OPEN


def gain_elsewhere(ours: Difference, printed: PrintedGain) -> str:
    """On other images the gain need not have the printed size.

    Holds if the 95 % interval excludes 0 on the printed side. Does not hold if it excludes 0 on the
    other side, or if the 90 % interval lies within one point of 0 where more was printed.
    """
    low, high = _ends(ours, turned=printed.gain < 0)
    if low > 0:
        return HOLDS
    none_to_speak_of = abs(printed.gain) > MARGIN and _within(ours, MARGIN)
    return FAILS if high < 0 or none_to_speak_of else OPEN


def best(rivals: Sequence[Difference]) -> str:
    """A row of Table II minus each of the ten others.

    Holds if it is better than every other row. Fails if one of them is better, at 5 % of error
    divided by their number.
    """
    if all(_ends(one)[0] > 0 for one in rivals):
        return HOLDS
    return FAILS if _any_below(rivals) else OPEN


def no_better(singles: Sequence[Difference]) -> str:
    """DeepStack minus each single transform.

    Holds if DeepStack is less than a point better than one of them, at 5 % of error divided by
    their number. Fails if DeepStack is better than every one of them.
    """
    if all(_ends(one)[0] > 0 for one in singles):
        return FAILS
    near = any(_ends(one, ALPHA / len(singles))[1] < MARGIN for one in singles)
    return HOLDS if near else OPEN


def smaller_spread(ratio: float, p_value: float) -> str:
    """SD over cases against that of none, over the same seeds of both, by Pitman and Morgan's test
    for paired samples."""
    if not p_value < ALPHA:
        return OPEN
    return HOLDS if ratio < 1 else FAILS


def nearer(measures: Sequence[Difference]) -> str:
    """The five measures of Table I on samples made from held-out cases: how much nearer to the real
    images those of the paper's method are than its rival's.

    Holds if all five say nearer; fails if one says farther, at 5 % of error divided by five. The
    size of the printed differences is not asked for.
    """
    if all(_ends(one)[0] > 0 for one in measures):
        return HOLDS
    return FAILS if _any_below(measures) else OPEN


def levels_off(rise: Difference, beyond: Difference, region: float) -> str:
    """The rise from n = 0 to n = 10, and the mean of all larger n minus n = 10.

    Holds if there is a rise and the 90 % interval of what comes after lies within the region, which
    is half of the printed gain. Fails if there is a fall in place of the rise, or if what comes
    after lies wholly outside the region.
    """
    if _ends(rise)[1] < 0 or _outside(beyond, region):
        return FAILS
    return HOLDS if _ends(rise)[0] > 0 and _within(beyond, region) else OPEN


def flat(points: Sequence[Difference], region: float) -> str:
    """Every point from alpha = 0.2 to 0.8 minus their mean.

    Holds if all 90 % intervals lie within the region, which is half of the printed gain. Fails if
    one lies wholly outside it, at 5 % of error divided by their number.
    """
    if any(_outside(one, region, ALPHA / len(points)) for one in points):
        return FAILS
    return HOLDS if all(_within(one, region) for one in points) else OPEN


def middle_is_best(sizes: Sequence[tuple[Difference, Difference]]) -> str:
    """Every middle patch size minus single pixels, and minus whole images.

    Holds if one middle size is better than both, at 5 % of error divided by the number of sizes.
    Fails if one of the two ends is better than every middle size, or equal to it within one point.
    """
    share = ALPHA / len(sizes)
    if any(all(_ends(one, share)[0] > 0 for one in pair) for pair in sizes):
        return HOLDS
    for end in zip(*sizes, strict=True):
        if all(_ends(one)[1] < 0 or _within(one, MARGIN) for one in end):
            return FAILS
    return OPEN


def all_gain(gains: Sequence[Difference]) -> str:
    """The gain over none of each of the five networks of Fig. 7.

    Holds if every one gains. Fails if one loses, at 5 % of error divided by five.
    """
    if all(_ends(one)[0] > 0 for one in gains):
        return HOLDS
    return FAILS if _any_below(gains) else OPEN


def reachable(differences: Sequence[Difference], region: float) -> bool:
    """Whether the intervals are narrow enough to lie within the region, if nothing differed at
    all."""
    return all(_half_width(one, 2 * ALPHA) < region for one in differences)


def _smaller(ours: Difference, printed: PrintedGain) -> bool:
    """Whether the 95 % interval of printed minus ours lies above 0, or below for a printed loss,
    with both errors."""
    error = float(np.hypot(ours.error, printed.error))
    short = (printed.gain - ours.mean) * np.sign(printed.gain)
    if not error:
        return short > 0
    spread = ours.error**4 / ours.degrees + printed.error**4 / printed.degrees
    return short > quantile(1 - ALPHA / 2, error**4 / spread) * error


def _ends(one: Difference, alpha: float = ALPHA, *, turned: bool = False) -> tuple[float, float]:
    """The ends of the interval of level 1 - alpha; of the difference turned round, if asked."""
    found = one.interval(1 - alpha)
    return (-found.high, -found.low) if turned else (found.low, found.high)


def _any_below(several: Sequence[Difference]) -> bool:
    """Whether one of them is below 0, at 5 % of error divided by their number."""
    return any(_ends(one, ALPHA / len(several))[1] < 0 for one in several)


def _within(one: Difference, region: float) -> bool:
    """Whether the 90 % interval lies inside [-region, region]."""
    low, high = _ends(one, 2 * ALPHA)
    return -region < low and high < region


def _outside(one: Difference, region: float, alpha: float = ALPHA) -> bool:
    low, high = _ends(one, alpha)
    return low > region or high < -region


def _half_width(one: Difference, alpha: float) -> float:
    low, high = _ends(one, alpha)
    return (high - low) / 2
