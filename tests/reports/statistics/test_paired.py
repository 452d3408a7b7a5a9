"""Paired tests against reference implementations, and their errors where the truth is known."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports.statistics.paired import (
    holm,
    spread_ratio,
)

REPETITIONS = 2_000


def rejections(test, draw):
    """Share of simulated samples whose p is below 0.05."""
    return np.mean(
        [test(*draw(np.random.default_rng([11, number]))) < 0.05 for number in range(REPETITIONS)]
    )


def test_holm_by_hand_and_against_statsmodels():
    np.testing.assert_allclose(
        holm(np.array([0.01, np.nan, 0.04, 0.03])), [0.03, np.nan, 0.06, 0.06]
    )
    p_values = np.random.default_rng(0).uniform(size=40) ** 3
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


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


def test_a_spread_of_hardly_any_cases_or_none_cannot_be_told():
    a, b = np.array([0.125, 0.5, 0.375]), np.array([0.5, 0.25, 0.625])
    ratio, p_value = spread_ratio(a, b)
    assert ratio == pytest.approx(a.std(ddof=1) / b.std(ddof=1))
    assert p_value == pytest.approx(stats.pearsonr(a + b, a - b).pvalue)
    for few in ((a[:2], b[:2]), (np.full(3, 0.5), b), (a, np.full(3, 0.5))):
        assert np.isnan(spread_ratio(*few)).all()
    # values that are the same, or turned round, spread equally for certain
    assert spread_ratio(a, a + 1.0) == (pytest.approx(1.0), 1.0)
    assert spread_ratio(a, 1.0 - a) == (pytest.approx(1.0), 1.0)
    assert spread_ratio(a, a) == spread_ratio(a, -a) == (1.0, 1.0)


def test_holm_keeps_the_shape_and_never_goes_beyond_1():
    p_values = np.array([[0.5, 0.02], [np.nan, 0.9]])
    np.testing.assert_allclose(holm(p_values), [[1.0, 0.06], [np.nan, 1.0]])
    assert holm(np.array([])).shape == (0,)
    given = np.array([0.04, 0.01])
    holm(given)
    assert given.tolist() == [0.04, 0.01]  # what was given stays
