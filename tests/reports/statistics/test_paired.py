"""Paired tests against reference implementations, and their errors where the truth is known."""

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from reports.statistics.paired import (
    ALPHA,
    POWER,
    equivalence,
    holm,
    signed_rank,
    smallest_detectable,
    spread_ratio,
)

REPETITIONS = 2_000


def rejections(test, draw):
    """Share of simulated samples whose p is below 0.05."""
    return np.mean(
        [test(*draw(np.random.default_rng([11, number]))) < 0.05 for number in range(REPETITIONS)]
    )


def test_signed_rank_keeps_its_level_and_finds_a_shift():
    assert 0.035 <= rejections(signed_rank, lambda rng: (rng.laplace(0, 0.03, 32),)) <= 0.065
    assert rejections(signed_rank, lambda rng: (rng.laplace(0.03, 0.03, 32),)) > 0.95


def test_signed_rank_of_small_samples_is_exact():
    # All n differences positive: 2 of the 2**n sign patterns are as extreme.
    assert signed_rank(np.arange(1.0, 7.0)) == pytest.approx(2 / 2**6)
    assert signed_rank(np.zeros(5)) == 1.0
    assert np.isnan(signed_rank(np.array([])))


def test_holm_by_hand_and_against_statsmodels():
    np.testing.assert_allclose(
        holm(np.array([0.01, np.nan, 0.04, 0.03])), [0.03, np.nan, 0.06, 0.06]
    )
    p_values = np.random.default_rng(0).uniform(size=40) ** 3
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_holm_holds_the_error_of_a_whole_table():
    wrong = 0
    for number in range(400):
        rng = np.random.default_rng([5, number])
        base = rng.normal(0, 0.02, 24)
        wrong += (
            holm(np.array([signed_rank(rng.normal(0, 0.03, 24) - base) for _ in range(9)])).min()
            < 0.05
        )
    assert wrong / 400 <= 0.07


def test_equivalence_is_the_two_one_sided_tests():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.8, 0.05, (2, 30))
    assert equivalence(a - b, 0.02) == pytest.approx(ttost_paired(a, b, -0.02, 0.02)[0])
    differences = a - b
    by_hand = [
        stats.ttest_1samp(differences, edge, alternative=side).pvalue
        for edge, side in ((-0.02, "greater"), (0.02, "less"))
    ]
    assert equivalence(differences, 0.02) == pytest.approx(max(by_hand))


def test_equivalence_keeps_its_level_at_the_margin_and_finds_equal_methods():
    assert rejections(equivalence, lambda rng: (rng.normal(0.01, 0.02, 32), 0.01)) <= 0.06
    assert rejections(equivalence, lambda rng: (rng.normal(0, 0.015, 32), 0.01)) > 0.9
    assert (equivalence(np.full(4, 0.005)), equivalence(np.full(4, 0.01))) == (0.0, 1.0)
    assert np.isnan(equivalence(np.array([0.1])))


def test_spread_ratio_keeps_its_level_and_finds_a_smaller_spread():
    def pair(rng, factor):
        shared = rng.normal(0, 0.08, 32)
        return 0.8 + factor * (shared + rng.normal(0, 0.03, 32)), 0.8 + shared + rng.normal(
            0, 0.03, 32
        )

    assert (
        0.03 <= rejections(lambda a, b: spread_ratio(a, b)[1], lambda rng: pair(rng, 1.0)) <= 0.07
    )
    assert rejections(lambda a, b: spread_ratio(a, b)[1], lambda rng: pair(rng, 0.6)) > 0.95
    a, b = pair(np.random.default_rng(0), 0.5)
    assert spread_ratio(a, b)[0] == pytest.approx(a.std() / b.std())
    assert np.isnan(spread_ratio(np.ones(5), b[:5])).all()


def test_the_smallest_detectable_difference_is_found_with_the_stated_power():
    sd, n = 0.04, 32
    delta = smallest_detectable(sd / np.sqrt(n), n)
    assert delta == pytest.approx(0.0205, abs=0.0005)
    found = rejections(
        lambda x: stats.ttest_1samp(x, 0).pvalue, lambda rng: (rng.normal(delta, sd, n),)
    )
    assert found == pytest.approx(0.8, abs=0.03)
    assert np.isnan(smallest_detectable(0.01, 1))


def test_the_smallest_detectable_difference_shrinks_with_more_cases():
    """Over the sizes at which statsmodels changes its solver."""
    found = [smallest_detectable(0.04 / np.sqrt(n), n) for n in range(20, 400, 20)]
    assert all(isinstance(value, float) for value in found) and found == sorted(found, reverse=True)


def test_pairwise_signed_rank_is_that_of_scikit_posthocs():
    from reports.statistics.ties import pairwise

    values = np.random.default_rng(4).normal(0, 1, (5, 20)) + np.arange(5)[:, None] * 0.4
    reference = scikit_posthocs.posthoc_wilcoxon(list(values), p_adjust="holm").to_numpy()
    found = pairwise(values)
    off = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(found[off], reference[off], rtol=1e-6)


@pytest.mark.parametrize("n", [2, 3, 32, 119, 120, 121, 147, 500])
def test_the_smallest_detectable_difference_has_the_stated_power_at_every_number_of_cases(n):
    effect = smallest_detectable(1.0, n)  # in standard errors of the mean difference
    critical = stats.t.ppf(1 - ALPHA / 2, n - 1)
    power = stats.nct.sf(critical, n - 1, effect) + stats.nct.cdf(-critical, n - 1, effect)
    assert isinstance(effect, float) and power == pytest.approx(POWER, abs=1e-4)
