"""One verdict per pair, whoever asks; none from too few runs; letters and ranks say the same."""

import time

import numpy as np
import pytest
from scipy import stats

from reports.statistics.differences import Difference, Differences
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


class Given:
    """Differences of chosen means, all with one error and enough runs; or with what is given for a
    pair or a method."""

    def __init__(self, means, error=0.01, **more):
        self.means, self.error, self.more = means, error, more

    def runs(self, label):
        return self.difference(self.means[label], self.more.get(label, {}))

    def of(self, a, b):
        found = self.more.get(a + b, self.more.get(b + a, {}))
        return self.difference(self.means[a] - self.means[b], found)

    def difference(self, mean, changed):
        given = {"error": self.error, "folds": 3, "least_seeds": 2} | changed
        return Difference(
            n=30,
            mean=mean,
            degrees=1e9,
            case_error=0.0,
            seeds=(0, 1),
            paired=True,
            trainings_known=True,
            **given,
        )


def test_ranks_letters_and_verdicts_of_four_methods():
    """By steps of 0.02 with an error of 0.01, next neighbours are not told apart after Holm's
    correction, and others are."""
    means = {"d": 0.70, "a": 0.76, "c": 0.72, "b": 0.74}
    verdicts = Verdicts(Given(means), tuple(means), 3)
    assert verdicts.ranked == ("d", "a", "c", "b") and verdicts.tests == 6
    p = 2 * stats.norm.sf([6, 4, 4, 2, 2, 2]) * [6, 5, 4, 3, 2, 1]
    pairs = ("ad", "ac", "bd", "ab", "bc", "cd")
    steps = np.maximum.accumulate(p)
    assert [verdicts.p_holm[tuple(pair)] for pair in pairs] == pytest.approx(list(steps), rel=1e-3)
    assert [verdicts.of("a", other) for other in "bcd"] == [OPEN, BETTER, BETTER]
    assert [verdicts.of("d", other) for other in "abc"] == [WORSE, WORSE, OPEN]
    assert {label: verdicts.rank_range(label) for label in "abcd"} == {
        "a": (1, 2),
        "b": (1, 3),
        "c": (2, 4),
        "d": (3, 4),
    }
    assert verdicts.groups(means) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert verdicts.letters(means) == {"a": "a", "b": "ab", "c": "bc", "d": "c"}
    assert verdicts.words("a", "c") == BETTER and verdicts.words("b", "a") == OPEN
    apart = [[verdicts.of(a, b) in (BETTER, WORSE) for b in "dacb"] for a in "dacb"]
    assert verdicts.told_apart.tolist() == apart


def test_two_methods_are_equal_if_the_90_percent_interval_lies_within_the_margin():
    reach = stats.norm.isf(0.05) * 0.001
    for mean in (reach, -reach):
        means = {"a": mean, "b": 0.0}
        for slack, outcome in ((1e-5, EQUAL), (-1e-5, OPEN)):
            verdicts = Verdicts(Given(means, 0.001), ("a", "b"), 3, margin=2 * reach + slack)
            assert verdicts.of("a", "b") == verdicts.of("b", "a") == outcome
    assert Verdicts(Given(means), ("a", "b"), 3).margin == 0.01


def test_a_p_of_exactly_5_percent_tells_nothing_apart():
    means = {"a": 0.9, "b": 0.8}
    verdicts = Verdicts(Given(means), ("a", "b"), 3)
    for p, outcome in ((0.05, OPEN), (0.0499, BETTER)):
        verdicts.__dict__["p_holm"] = {("a", "b"): p, ("b", "a"): p}
        verdicts.__dict__.pop("told_apart", None)
        assert verdicts.of("a", "b") == outcome
        assert verdicts.told_apart[0, 1] == (outcome == BETTER)


def test_a_method_needs_all_folds_and_two_seeds_of_each_to_be_ranked():
    means = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}
    lacking = {"c": {"folds": 2}, "d": {"least_seeds": 1}}
    verdicts = Verdicts(Given(means, **lacking), tuple("abcd"), 3)
    assert verdicts.ranked == ("a", "b") and verdicts.tests == 1
    assert verdicts.letters(means) == {"a": "a", "b": "b", "c": "", "d": ""}
    assert [verdicts.rank_range(label) for label in "abcd"] == [(1, 1), (2, 2), None, None]
    assert verdicts.of("a", "c") == FEW
    # both are ranked, but have no two seeds in common
    apart = Verdicts(Given(means, ab={"least_seeds": 1}), tuple("abc"), 3)
    assert apart.of("a", "b") == FEW and apart.tests == 2
    assert apart.words("a", "b") == "too few runs (3 folds, 1 seed)"
    assert apart.letters(means) == {"a": "a", "b": "a", "c": "b"}
    none = Verdicts(Given(means, **{label: {"folds": 2} for label in means}), tuple("abcd"), 3)
    assert none.told_apart.shape == (0, 0) and none.groups(means) == []
    assert (none.tests, set(none.letters(means).values())) == (0, {""})
    # a p that cannot be told is no test
    unknown = Verdicts(Given(means, ab={"error": float("nan")}), ("a", "b"), 3)
    assert (unknown.tests, unknown.of("a", "b")) == (0, FEW)


@pytest.mark.parametrize(
    ("folds", "seeds", "told"),
    [
        (1, 1, "1 fold, 1 seed"),
        (1, 2, "1 fold, 2 seeds"),
        (3, 1, "3 folds, 1 seed"),
        (0, 0, "0 folds, 0 seeds"),
    ],
)
def test_too_few_runs_are_counted(folds, seeds, told):
    given = Given({"a": 1.0, "b": 0.0}, ab={"folds": folds, "least_seeds": seeds})
    assert too_few(given.of("a", "b")) == f"too few runs ({told})"


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
