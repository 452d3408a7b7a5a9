"""Tie groups and ranks: letters say exactly what the tests say; ranks are as sure as the data."""

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from reports.statistics.ranks import mean_ranks
from reports.statistics.ties import letters, tie_groups


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


def test_mean_ranks_against_scipy():
    values = np.random.default_rng(1).normal(0, 1, (4, 15)) + np.arange(4)[:, None] / 3
    holed = np.concatenate([values, [[0.1], [np.nan], [0.2], [0.3]]], axis=1)
    np.testing.assert_allclose(
        mean_ranks(holed), np.mean([stats.rankdata(-column) for column in values.T], axis=0)
    )
    assert np.isnan(mean_ranks(np.full((2, 3), np.nan))).all()
