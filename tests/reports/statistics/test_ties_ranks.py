"""Tie groups and ranks: letters say exactly what the tests say; ranks are as sure as the data."""

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from reports.statistics.ranks import friedman, mean_ranks, rank_shares
from reports.statistics.resampling import Bootstrap
from reports.statistics.ties import letters, pairwise, tie_groups
from tests.reports.statistics.simulated import FOLDS, cells_of, simulated


def symmetric(rng, count):
    table = rng.uniform(0, 0.12, (count, count))
    return np.where(np.tri(count, dtype=bool), table.T, table) + np.eye(count)


@pytest.mark.parametrize("seed", range(30))
def test_two_methods_share_a_letter_exactly_if_they_are_not_told_apart(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 9))
    p_values, order = symmetric(rng, count), rng.permutation(count)
    groups = tie_groups(p_values < 0.05, order)
    shown = letters(groups, count)
    # compact: no group inside another
    assert not any(set(a) < set(b) for a in groups for b in groups)
    reference = scikit_posthocs.compact_letter_display(p_values)
    for a in range(count):
        for b in range(a):
            share = bool(set(shown[a]) & set(shown[b]))
            assert share == (p_values[a, b] >= 0.05)
            assert share == bool(set(reference[a]) & set(reference[b]) - {" "})
    assert shown[order[0]].startswith("a")


def test_letters_of_a_chain_and_of_many_groups():
    chain = np.array([[1, 0.5, 0.01], [0.5, 1, 0.5], [0.01, 0.5, 1]])
    assert letters(tie_groups(chain < 0.05, [2, 1, 0]), 3) == ["b", "ab", "a"]
    assert tie_groups(np.zeros((2, 2), bool), [1, 0]) == [(1, 0)]
    assert letters([(0,)] * 28, 1)[0].split()[24:] == ["y", "z", "aa", "ab"]


def test_methods_that_are_equal_are_rarely_told_apart():
    apart = 0
    for number in range(100):
        rng = np.random.default_rng([9, number])
        apart += len(tie_groups(pairwise(rng.normal(0, 0.03, (5, 24))) < 0.05, range(5))) > 1
    assert apart <= 10


def test_rank_shares_add_up_and_follow_the_truth():
    rng = np.random.default_rng(0)
    clear = np.stack([simulated(rng, mean=mean) for mean in (0.5, 0.9, 0.7)])
    np.testing.assert_allclose(
        rank_shares(Bootstrap(cells_of(clear))), [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    )
    one = simulated(rng)
    equal = rank_shares(Bootstrap(cells_of(np.stack([one, one, one - 1]))))
    np.testing.assert_allclose(equal, [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])
    close = rank_shares(
        Bootstrap(cells_of(np.stack([simulated(rng, mean=0.003 * k) for k in range(4)])))
    )
    np.testing.assert_allclose(close.sum(0), 1)
    np.testing.assert_allclose(close.sum(1), 1)
    assert 0.02 < close.max() < 0.98


def test_equal_methods_come_first_equally_often():
    first = np.zeros(3)
    for number in range(120):
        rng = np.random.default_rng([3, number])
        values = np.stack([simulated(rng, 2, training=0.01) for _ in range(3)])
        first += rank_shares(Bootstrap(cells_of(values), resamples=100))[:, 0]
    np.testing.assert_allclose(first / 120, 1 / 3, atol=0.1)


def test_mean_ranks_and_friedman_against_scipy():
    values = np.random.default_rng(1).normal(0, 1, (4, 15)) + np.arange(4)[:, None] / 3
    holed = np.concatenate([values, [[0.1], [np.nan], [0.2], [0.3]]], axis=1)
    np.testing.assert_allclose(
        mean_ranks(holed), np.mean([stats.rankdata(-column) for column in values.T], axis=0)
    )
    assert friedman(holed) == pytest.approx(stats.friedmanchisquare(*values).pvalue)
    assert np.isnan(friedman(values[:2])) and friedman(np.ones((3, 5))) == 1.0


def test_friedman_keeps_its_level():
    wrong = [
        friedman(np.random.default_rng([2, k]).normal(0, 1, (6, len(FOLDS)))) < 0.05
        for k in range(800)
    ]
    assert 0.03 <= np.mean(wrong) <= 0.07
