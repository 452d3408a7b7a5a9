"""Paired tests against reference implementations, and their errors where the truth is known."""

import numpy as np
import pytest
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
