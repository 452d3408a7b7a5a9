"""One verdict per pair, whoever asks; none from too few runs; letters and ranks say the same."""

import time

import numpy as np
import pytest

from reports.statistics.differences import Differences
from reports.statistics.ties import letters, tie_groups
from reports.statistics.verdicts import BETTER, EQUAL, FEW, OPEN, WORSE, Verdicts, too_few
from tests.reports.statistics.simulated import cells_of
from tests.reports.statistics.tables import BUSI, FOLDS, LACKING, ONE, PROMISE12, THREE

OTHER = {BETTER: WORSE, WORSE: BETTER, EQUAL: EQUAL, OPEN: OPEN, FEW: FEW}


def random_table(number):
    """Up to nine methods of unequal means; runs are absent at random."""
    rng = np.random.default_rng([31, number])
    methods, seeds, cases = rng.integers(2, 10), rng.integers(1, 4), rng.integers(6, 40)
    folds = np.arange(cases) % FOLDS
    values = rng.normal(0.7, 0.02, (methods, seeds, cases)) + rng.normal(0, 0.05, cases)
    values += rng.choice([0, 0.01, 0.05], methods)[:, None, None]
    absent = rng.uniform(size=(methods, seeds, FOLDS)) < rng.choice([0, 0.05, 0.3])
    absent[:, 0, 0] = False
    values[absent[:, :, folds]] = np.nan
    cells = cells_of(values, folds)
    means = dict(zip(cells.labels, np.nanmean(values, axis=(1, 2)), strict=True))
    return Verdicts(Differences(cells), cells.labels, FOLDS), means


@pytest.mark.parametrize("number", range(60))
def test_a_pair_never_has_two_verdicts(number):
    verdicts, means = random_table(number)
    shown = verdicts.letters(means)
    for a in verdicts.labels:
        for b in set(verdicts.labels) - {a}:
            verdict = verdicts.of(a, b)
            assert verdicts.of(b, a) == OTHER[verdict]
            interval = verdicts.differences.of(a, b).interval()
            if verdict == BETTER:
                assert interval.low > 0
            if {a, b} <= set(verdicts.ranked):
                apart = verdict in (BETTER, WORSE)
                assert apart != bool(set(shown[a]) & set(shown[b]))
            else:
                assert verdict == FEW
    for label in verdicts.labels:
        low, high = verdicts.rank_range(label) or (1, len(verdicts.labels))
        assert 1 <= low <= high
        assert (label in verdicts.ranked) == bool(shown[label])


def test_one_seed_or_a_fold_too_few_have_no_verdict_and_no_rank():
    cells = ONE.draw(np.random.default_rng(1), **BUSI, difference=40.0)
    one = Verdicts(Differences(cells), cells.labels, FOLDS)
    assert one.ranked == ("c", "d")
    assert (one.of("a", "b"), one.rank_range("a")) == (FEW, None)
    assert one.words("a", "b") == "too few runs (3 folds, 1 seed)"
    three = THREE.draw(np.random.default_rng(1), **BUSI, difference=40.0)
    assert Verdicts(Differences(three), three.labels, FOLDS).of("a", "b") == BETTER
    assert Verdicts(Differences(three), three.labels, FOLDS + 1).of("a", "b") == FEW
    lacking = LACKING.draw(np.random.default_rng(1), **BUSI, difference=40.0)
    found = Verdicts(Differences(lacking), lacking.labels, FOLDS)
    assert found.words("b", "a") == "too few runs (3 folds, 1 seed)"
    first = cells_of(three.values[:2, :1, three.folds == 0], three.folds[three.folds == 0])
    assert too_few(Differences(first).of("a", "b")) == "too few runs (1 fold, 1 seed)"


def test_the_error_of_a_whole_table_is_held():
    wrong = 0
    for number in range(200):
        cells = THREE.draw(np.random.default_rng([33, number]), **PROMISE12, others=((0, 1, 2),))
        wrong += Verdicts(Differences(cells), cells.labels, FOLDS).told_apart.any()
    assert wrong / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_copies_are_equal_and_a_family_counts_each_pair_once():
    values = THREE.draw(np.random.default_rng(3), **BUSI, others=((0, 1, 2),)).values / 100
    values[2] = values[0]
    cells = cells_of(values, np.arange(147) % FOLDS)
    verdicts = Verdicts(Differences(cells), cells.labels, FOLDS)
    assert verdicts.of("a", "c") == verdicts.of("c", "a") == EQUAL
    assert verdicts.tests == 3


def test_letters_of_42_methods_take_milliseconds():
    """Fourteen triples, each told apart inside and from nothing else: 3 ** 14 largest groups."""
    apart = np.kron(np.eye(14), np.ones((3, 3))).astype(bool) & ~np.eye(42, dtype=bool)
    start = time.process_time()
    groups = tie_groups(apart, range(42))
    shown = letters(groups, 42)
    assert time.process_time() - start < 0.5
    assert len(groups) < 100
    parts = [set(text.split()) if len(groups) > 26 else set(text) for text in shown]
    for a in range(42):
        for b in range(a):
            assert bool(parts[a] & parts[b]) != apart[a, b]
