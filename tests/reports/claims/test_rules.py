"""Every rule at its limits: just above, at and just below each of them, on both sides of 0.

Differences here have a standard error of 1 point and countless degrees of freedom, so their 95 %
interval reaches 1.96 points to each side of the mean, and their 90 % interval 1.64.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from reports.claims import rules
from reports.claims.printed import PrintedGain, case_correlation, printed_gain
from reports.claims.rules import FAILS, HOLDS, OPEN, SMALLER
from reports.statistics.differences import Difference
from reports.statistics.student import quantile

COUNTLESS = 1e9
E95, E90 = (float(stats.norm.isf(share)) for share in (0.025, 0.05))
STEP = 0.01  # points beside a limit


def at(mean, error=1.0, degrees=COUNTLESS, **more):
    """A difference in points as a rule sees it."""
    given = {"folds": 3, "least_seeds": 3, "seeds": (0, 1, 2), "paired": True}
    return Difference(
        n=40,
        mean=mean / 100,
        error=error / 100,
        degrees=degrees,
        case_error=error / 100,
        trainings_known=True,
        **given | more,
    )


def reach(among):
    """Half the 95 % interval, in points, of one of several at 5 % divided by their number."""
    return float(stats.norm.isf(0.025 / among))


def printed(gain, error=0.0):
    return PrintedGain(gain / 100, error / 100, 40)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("mean", "gain", "outcome"),
    [
        # a gain is shown, and the printed one lies in its interval
        (E95 + STEP, 3.0, HOLDS),
        (8.0, 6.0, HOLDS),
        (20.0, 6.0, HOLDS),
        (6.0 - E95 + STEP, 6.0, HOLDS),
        # it is shown, and the printed one lies above
        (6.0 - E95 - STEP, 6.0, SMALLER),
        (E95 + STEP, 6.0, SMALLER),
        (E95 + STEP, 9.0, SMALLER),
        # none is shown: half of the printed gain lies above the interval, or in it
        (E95 - STEP, 9.0, FAILS),
        (E95 - STEP, 6.0, OPEN),
        (3.0 - E95 + STEP, 6.0, OPEN),
        (3.0 - E95 - STEP, 6.0, FAILS),
        (0.0, 6.0, FAILS),
        (-5.0, 6.0, FAILS),
        # what was printed is too small to be told from nothing
        (0.0, 1.0, OPEN),
        (1.0 - E95 + STEP, 1.0, OPEN),
        (1.0 - E95 - STEP, 1.0, OPEN),
        (0.5 - E95 + STEP, 1.0, OPEN),
        (0.5 - E95 - STEP, 1.0, FAILS),
    ],
)
def test_a_gain_as_printed(sign, mean, gain, outcome):
    found = rules.gain_as_printed(at(sign * mean), printed(sign * gain))
    assert found == outcome


@pytest.mark.parametrize("sign", [1, -1])
def test_the_printed_gain_has_an_error_of_its_own(sign):
    short = rules.gain_as_printed(at(sign * 3.0), printed(sign * 6.0))
    assert short == SMALLER
    # with an error of 1 point each, the difference of 3 points has one of 1.41
    assert rules.gain_as_printed(at(sign * 3.0), printed(sign * 6.0, 1.0)) == SMALLER
    assert rules.gain_as_printed(at(sign * 3.0), printed(sign * 6.0, 1.2)) == HOLDS
    # and nothing is refuted that may have been luck in print
    assert rules.gain_as_printed(at(0.0), printed(sign * 6.0, 1.0)) == FAILS
    assert rules.gain_as_printed(at(0.0), printed(sign * 6.0, 3.0)) == OPEN


def test_few_degrees_of_freedom_widen_the_comparison_with_the_printed_gain():
    assert rules.gain_as_printed(at(4.4, 0.7, COUNTLESS), printed(6.0)) == SMALLER
    assert rules.gain_as_printed(at(4.4, 0.7, 4), printed(6.0)) == HOLDS
    for degrees, outcome in ((1_000_000, SMALLER), (2, HOLDS)):
        uncertain = PrintedGain(0.06, 0.014, degrees)
        assert rules.gain_as_printed(at(3.0, 0.01), uncertain) == outcome
    assert rules.gain_as_printed(at(5.0, 0.0), printed(6.0)) == SMALLER
    assert rules.gain_as_printed(at(7.0, 0.0), printed(6.0)) == HOLDS


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("mean", "error", "gain", "outcome"),
    [
        (E95 + STEP, 1.0, 6.0, HOLDS),
        (E95 - STEP, 1.0, 6.0, OPEN),
        (0.0, 1.0, 6.0, OPEN),
        (-E95 + STEP, 1.0, 6.0, OPEN),
        (-E95 - STEP, 1.0, 6.0, FAILS),
        # equal within a point
        (1 - 0.5 * E90 - STEP, 0.5, 6.0, FAILS),
        (1 - 0.5 * E90 + STEP, 0.5, 6.0, OPEN),
        (-(1 - 0.5 * E90 - STEP), 0.5, 6.0, FAILS),
        (-(1 - 0.5 * E90 + STEP), 0.5, 6.0, OPEN),
        # unless no more than that was printed
        (0.0, 0.5, 1.0 + STEP, FAILS),
        (0.0, 0.5, 1.0 - STEP, OPEN),
        # a small gain is a gain
        (0.5, 0.2, 6.0, HOLDS),
    ],
)
def test_a_gain_elsewhere(sign, mean, error, gain, outcome):
    assert rules.gain_elsewhere(at(sign * mean, error), printed(sign * gain)) == outcome


@pytest.mark.parametrize(
    ("rule", "count"), [(rules.best, 10), (rules.nearer, 5), (rules.all_gain, 5)]
)
def test_all_must_be_above_and_one_below_counts_as_one_of_many(rule, count):
    def among(mean):
        return [*(at(5.0) for _ in range(count - 1)), at(mean)]

    assert rule(among(E95 + STEP)) == HOLDS
    assert rule(among(E95 - STEP)) == OPEN
    assert rule(among(-E95 - STEP)) == OPEN
    assert rule(among(-reach(count) + STEP)) == OPEN
    assert rule(among(-reach(count) - STEP)) == FAILS
    assert rule([at(-5.0)] * count) == FAILS


def test_deepstack_is_no_better_than_a_single_transform():
    def among(mean, others=5.0):
        return [*(at(others) for _ in range(7)), at(mean)]

    assert rules.no_better(among(E95 + STEP)) == FAILS
    assert rules.no_better(among(E95 - STEP)) == OPEN
    assert rules.no_better(among(1 - reach(8) + STEP)) == OPEN
    assert rules.no_better(among(1 - reach(8) - STEP)) == HOLDS
    assert rules.no_better(among(1 - E95 - STEP)) == OPEN
    assert rules.no_better([at(-5.0)] * 8) == HOLDS


@pytest.mark.parametrize(
    ("ratio", "p_value", "outcome"),
    [
        (0.9, 0.0499, HOLDS),
        (0.9, 0.05, OPEN),
        (1.1, 0.0499, FAILS),
        (1.1, 0.05, OPEN),
        (1.0, 0.0499, FAILS),
        (0.9, float("nan"), OPEN),
    ],
)
def test_a_spread_is_smaller_only_where_the_test_says_so(ratio, p_value, outcome):
    assert rules.smaller_spread(ratio, p_value) == outcome


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("rise", "beyond", "outcome"),
    [
        (E95 + STEP, 0.0, HOLDS),
        (E95 - STEP, 0.0, OPEN),
        (-E95 + STEP, 0.0, OPEN),
        (-E95 - STEP, 0.0, FAILS),
        (4.0, 3 - E90 - STEP, HOLDS),
        (4.0, 3 - E90 + STEP, OPEN),
        (4.0, 3 + E95 - STEP, OPEN),
        (4.0, 3 + E95 + STEP, FAILS),
    ],
)
def test_a_curve_levels_off(sign, rise, beyond, outcome):
    assert rules.levels_off(at(rise), at(sign * beyond), 0.03) == outcome


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("mean", "outcome"),
    [
        (3 - E90 - STEP, HOLDS),
        (3 - E90 + STEP, OPEN),
        (3 + E95 + STEP, OPEN),
        (3 + reach(4) - STEP, OPEN),
        (3 + reach(4) + STEP, FAILS),
    ],
)
def test_a_curve_is_flat(sign, mean, outcome):
    assert rules.flat([at(0.0), at(0.5), at(-0.5), at(sign * mean)], 0.03) == outcome


def test_the_errors_of_both_gains_have_degrees_of_freedom():
    """Errors of 1 and 2 points with 4 and 9 degrees are one of 5 ** 0.5 with 25 / (1/4 + 16/9)
    (Welch and Satterthwaite); the difference reaches to its t value times that."""
    free = 25 / (1 / 4 + 16 / 9)
    limit = float(stats.t.isf(0.025, free)) * 5**0.5
    uncertain = PrintedGain(0.30, 0.02, 9)
    assert rules.gain_as_printed(at(30 - limit - STEP, 1.0, 4), uncertain) == SMALLER
    assert rules.gain_as_printed(at(30 - limit + STEP, 1.0, 4), uncertain) == HOLDS
    lost = PrintedGain(-0.30, 0.02, 9)
    assert rules.gain_as_printed(at(limit + STEP - 30, 1.0, 4), lost) == SMALLER
    assert rules.gain_as_printed(at(limit - STEP - 30, 1.0, 4), lost) == HOLDS


def test_a_region_can_be_reached_or_not():
    assert rules.reachable([at(5.0)], (E90 + STEP) / 100)
    assert not rules.reachable([at(5.0)], (E90 - STEP) / 100)
    assert not rules.reachable([at(0.0, 0.1), at(0.0)], (E90 - STEP) / 100)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("pairs", "outcome"),
    [
        # of two middle sizes one is better than both ends
        ([(reach(2) + STEP, 9.0), (-9.0, -9.0)], HOLDS),
        ([(reach(2) - STEP, 9.0), (0.0, 0.0)], OPEN),
        ([(E95 + STEP, 9.0), (0.0, 0.0)], OPEN),
        # better than one end each
        ([(9.0, 0.0), (0.0, 9.0)], OPEN),
        # one end is better than all middle sizes
        ([(-E95 - STEP, 9.0), (-9.0, 9.0)], FAILS),
        ([(-E95 + STEP, 9.0), (-9.0, 9.0)], OPEN),
        ([(-9.0, 9.0), (9.0, -9.0)], OPEN),
    ],
)
def test_a_middle_patch_is_best(turned, pairs, outcome):
    sizes = [tuple(at(mean) for mean in (pair[::-1] if turned else pair)) for pair in pairs]
    assert rules.middle_is_best(sizes) == outcome


@pytest.mark.parametrize("sign", [1, -1])
def test_a_middle_patch_that_equals_an_end_is_not_best(sign):
    near, far = 1 - 0.5 * E90 - STEP, 1 - 0.5 * E90 + STEP
    assert rules.middle_is_best([(at(sign * near, 0.5), at(9.0))]) == FAILS
    assert rules.middle_is_best([(at(sign * far, 0.5), at(9.0))]) == OPEN


def test_a_printed_gain_of_nothing_is_looked_for_above_0():
    assert rules.gain_as_printed(at(5.0), printed(0.0)) == HOLDS
    assert rules.gain_as_printed(at(-5.0), printed(0.0)) == OPEN
    assert rules.gain_elsewhere(at(5.0), printed(0.0)) == HOLDS
    assert rules.gain_elsewhere(at(-5.0), printed(0.0)) == FAILS
    # as much as the margin was not more than it
    assert rules.gain_elsewhere(at(0.0, 0.1), printed(1.0)) == OPEN


def exactly(mean):
    """A difference without any error: its interval is a point, which may lie on a limit."""
    return at(mean, 0.0)


def test_a_limit_itself_is_not_beyond_the_limit():
    assert rules.gain_as_printed(exactly(0.0), printed(6.0)) == FAILS
    assert rules.gain_as_printed(exactly(6.0), printed(6.0)) == HOLDS
    assert rules.gain_elsewhere(exactly(0.0), printed(1.0)) == OPEN
    assert rules.gain_elsewhere(exactly(0.0), printed(2.0)) == FAILS
    for rule, count in ((rules.best, 10), (rules.nearer, 5), (rules.all_gain, 5)):
        assert rule([*[at(5.0)] * (count - 1), exactly(0.0)]) == OPEN
    assert rules.no_better([exactly(0.0), at(5.0)]) == HOLDS
    assert rules.no_better([at(0.5), exactly(1.0)]) == OPEN
    assert rules.levels_off(exactly(0.0), exactly(0.0), 0.03) == OPEN
    for sign in (1, -1):
        assert rules.levels_off(at(5.0), exactly(sign * 3.0), 0.03) == OPEN
        assert rules.flat([exactly(0.0), exactly(sign * 3.0)], 0.03) == OPEN
    assert rules.middle_is_best([(exactly(0.0), at(9.0))]) == FAILS
    assert not rules.reachable([exactly(5.0)], 0.0)


def test_an_interval_that_ends_at_a_limit_is_not_beyond_it():
    reach = at(0.0).interval().high
    ends_at_0 = replace(at(0.0), mean=-reach)
    assert ends_at_0.interval().high == 0
    assert rules.middle_is_best([(ends_at_0, at(9.0))]) == OPEN
    assert rules.gain_elsewhere(ends_at_0, printed(6.0)) == OPEN
    assert rules.levels_off(ends_at_0, at(0.0), 0.03) == OPEN
    for rule in (rules.best, rules.nearer, rules.all_gain):
        assert rule([ends_at_0]) == OPEN
    # half of what was printed is where the interval ends
    twice = PrintedGain(2 * reach, 0.0, 40)
    assert rules.gain_as_printed(at(0.0), twice) == OPEN
    assert rules.gain_as_printed(at(-STEP), twice) == FAILS


def test_a_printed_gain_at_the_end_of_its_interval_is_not_above_ours():
    """Numbers in whose sums no bit is lost: an error of 1, and eight degrees of freedom."""
    limit = 1.0 + float(quantile(0.975, 8))
    for gain, outcome in ((limit, HOLDS), (np.nextafter(limit, 9.0), SMALLER)):
        assert rules.gain_as_printed(exactly(100.0), PrintedGain(gain, 1.0, 8)) == outcome


def test_the_error_of_a_printed_gain_follows_from_its_sds_cases_and_trainings():
    alone = printed_gain("prostate", "DiffBoost")
    assert alone.gain == pytest.approx(0.061)
    assert alone.error == pytest.approx(((10.36**2 + 6.69**2) / 32) ** 0.5 / 100)
    together = printed_gain("prostate", "DiffBoost", correlation=0.9)
    squares = 10.36**2 + 6.69**2 - 1.8 * 10.36 * 6.69
    assert together.error == pytest.approx((squares / 32) ** 0.5 / 100)
    trained = printed_gain("prostate", "DiffBoost", correlation=0.9, training=1e-4, folds=3)
    assert trained.error**2 == pytest.approx(together.error**2 + 2e-4 / 3)
    assert printed_gain("spleen", "RandomMirror").gain < 0
    assert printed_gain("spleen", "Baseline") is None
    assert printed_gain("spleen", "unknown") is None


def test_the_correlation_of_cases_is_taken_over_runs_of_equal_seed():
    nan = float("nan")
    a = np.array([[0.1, 0.2, 0.3, 0.4], [0.2, nan, 0.4, 0.5]])
    assert case_correlation(a, 0.5 * a + 0.1) == pytest.approx(1.0)
    assert case_correlation(a, 1 - a) == pytest.approx(-1.0)
    assert case_correlation(a[:, :2], np.full((2, 2), nan)) == 0.0
    assert case_correlation(np.full((2, 4), 0.5), a) == 0.0


@pytest.mark.parametrize("mean", [-3, 0, 2])
def test_half_the_width_of_an_interval_is_that_around_any_mean(mean):
    assert rules._half_width(at(mean), 0.05) == pytest.approx(E95 / 100)
    assert rules._half_width(at(mean, error=2.0), 0.10) == pytest.approx(2 * E90 / 100)
