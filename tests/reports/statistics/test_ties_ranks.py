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


@pytest.mark.parametrize(
    ("apart", "order", "groups"),
    [
        ([], [0, 1, 2], [(0, 1, 2)]),
        ([(0, 1), (0, 2), (1, 2)], [2, 0, 1], [(2,), (0,), (1,)]),
        # in a ring of four, each is tied with its two neighbours
        ([(0, 2), (1, 3)], [0, 1, 2, 3], [(0, 1), (0, 3), (1, 2), (2, 3)]),
        # one alone between others that are tied
        ([(0, 1), (1, 2), (1, 3)], [0, 1, 2, 3], [(0, 2, 3), (1,)]),
        # the largest sets, and not their pairs
        ([(0, 4), (1, 4)], [0, 1, 2, 3, 4], [(0, 1, 2, 3), (2, 3, 4)]),
        ([(0, 4), (1, 4)], [4, 3, 2, 1, 0], [(4, 3, 2), (3, 2, 1, 0)]),
    ],
)
def test_groups_by_hand(apart, order, groups):
    table = np.zeros((len(order), len(order)), bool)
    for a, b in apart:
        table[a, b] = table[b, a] = True
    assert tie_groups(table, order) == groups


@pytest.mark.parametrize("seed", range(20))
def test_every_group_is_needed_for_a_pair_of_its_own(seed):
    """Of random ties of 14 methods: in four of ten of these tables a group was made that later ones
    make needless."""
    rng = np.random.default_rng([5, seed])
    for _ in range(5):
        table = np.triu(rng.uniform(size=(14, 14)) < 0.5, 1)
        groups = tie_groups(table | table.T, range(14))
        pairs = [{(a, b) for a in one for b in one if a < b or len(one) == 1} for one in groups]
        tied = set(zip(*(found.tolist() for found in np.nonzero(np.triu(~table, 1))), strict=True))
        assert {pair for pair in set().union(*pairs) if pair[0] < pair[1]} == tied
        for place, own in enumerate(pairs):
            assert own - set().union(*pairs[:place], *pairs[place + 1 :])


def test_letters_go_on_after_z_by_two():
    shown = letters([(0,)] * 26, 1)
    assert shown == ["abcdefghijklmnopqrstuvwxyz"]
    names = letters([(0,)] * 705, 1)[0].split()
    assert names[25:29] == ["z", "aa", "ab", "ac"]
    assert (names[51], names[52], names[701], names[702]) == ("az", "ba", "zz", "aaa")
    assert len(set(names)) == 705
    assert letters([(1,), (0, 1)], 3) == ["b", "ab", ""]
    assert letters([(1,)] + [(0, 1)] * 26, 2)[1].startswith("a b c")


def test_ties_share_a_mean_rank():
    values = np.array([[0.9, 0.5], [0.9, 0.7], [0.1, 0.6]])
    assert mean_ranks(values).tolist() == [(1.5 + 3) / 2, (1.5 + 1) / 2, (3 + 2) / 2]
    assert mean_ranks(np.full((2, 3), np.nan)).shape == (2,)
