"""Differences by fold, seed and case: exact zeros, what they cover, patients, and simple cases by
hand."""

import numpy as np
import pytest
from scipy import stats

from reports.statistics.case_grid import Cells
from reports.statistics.differences import Differences
from reports.statistics.training_variance import training_variance
from tests.reports.statistics.simulated import cells_of, simulated
from tests.reports.statistics.tables import (
    BUSI,
    LACKING,
    MIXED,
    ONE,
    PROMISE12,
    TABLES,
    THREE,
    Table,
)

REPETITIONS = 400
# Three standard errors of a share of 95 % in so many tables.
TOLERANCE = 3 * np.sqrt(0.05 * 0.95 / REPETITIONS)


@pytest.mark.parametrize(
    ("table", "components"),
    [*((table, PROMISE12) for table in TABLES), (THREE, BUSI)],
    ids=lambda given: getattr(given, "name", None),
)
def test_the_interval_covers_the_truth_in_95_of_100_tables(table, components):
    """On many tables: python -m tests.bench.bench_coverage."""
    held = 0
    for number in range(REPETITIONS):
        cells = table.draw(np.random.default_rng([21, number]), **components, difference=2.0)
        found = Differences(cells).of("a", "b").interval()
        held += found.low <= 2.0 <= found.high
    assert held / REPETITIONS == pytest.approx(0.95, abs=TOLERANCE)


def test_what_a_seed_adds_to_all_methods_cancels_where_seeds_are_shared():
    rng = np.random.default_rng
    for table in (ONE, MIXED, THREE):
        plain = Differences(table.draw(rng(1), **PROMISE12)).of("a", "b")
        shifted = Differences(table.draw(rng(1), **PROMISE12, shared_seed=9.0)).of("a", "b")
        assert (shifted.mean, shifted.error) == pytest.approx((plain.mean, plain.error))


def test_a_copy_of_a_run_differs_from_it_by_exactly_0():
    """n = 0 and alpha = 1 are `none` of the same seed, whatever other seeds of `none` there are."""
    values = np.stack([simulated(np.random.default_rng(k), 3, training=0.02) for k in range(3)])
    values[1] = values[0]
    values[1, 1:] = np.nan
    found = Differences(cells_of(values)).of("b", "a")
    interval = found.interval()
    assert (interval.mean, interval.low, interval.high, found.p) == (0.0, 0.0, 0.0, 1.0)
    assert (found.seeds, found.least_seeds, found.paired) == ((0,), 1, True)
    assert found.p_equal(0.01) == 0.0 and found.detectable() == 0.0


def test_only_seeds_that_both_ran_are_compared():
    values = np.stack([simulated(np.random.default_rng(k), 3) for k in range(2)])
    values[0, 2] = np.nan
    values[1, 0] = np.nan
    found = Differences(cells_of(values)).of("a", "b")
    assert found.seeds == (1,)
    assert found.mean == pytest.approx((values[0, 1] - values[1, 1]).mean())


def test_methods_that_share_no_seed_are_compared_on_all_of_theirs():
    values = np.stack([simulated(np.random.default_rng(k), 3, seed=0.3) for k in range(2)])
    values[0, 2] = np.nan
    values[1, :2] = np.nan
    found = Differences(cells_of(values)).of("a", "b")
    assert (found.seeds, found.paired, found.least_seeds) == ((0, 1, 2), False, 1)
    assert found.mean == pytest.approx(np.nanmean(values[0]) - np.nanmean(values[1]))
    assert found.interval().high - found.interval().low > 0.2


def test_only_cases_that_both_have_enter_a_difference():
    values = simulated(np.random.default_rng(1), 2)
    a, b = values.copy(), values + 0.1
    a[:, :5], b[:, -5:] = np.nan, np.nan
    found = Differences(cells_of(np.stack([a, b]))).of("b", "a")
    assert (found.n, found.folds) == (23, 3)
    assert found.interval().high == pytest.approx(0.1, abs=1e-3)


def test_one_fold_and_one_seed_are_the_paired_t_test():
    values = np.random.default_rng(2).normal(0, 1, (2, 1, 12))
    found = Differences(cells_of(values, np.zeros(12, int))).of("a", "b")
    reference = stats.ttest_rel(values[0, 0], values[1, 0])
    assert (found.p, found.degrees) == (pytest.approx(reference.pvalue), pytest.approx(11))
    ends = found.interval()
    assert (ends.low, ends.high) == pytest.approx(tuple(reference.confidence_interval()))
    assert not found.trainings_known
    assert found.p < 0.05 or ends.low < 0 < ends.high


def test_a_method_with_one_seed_borrows_the_variance_of_trainings():
    rng = np.random.default_rng(4)
    alone = ONE.draw(rng, **BUSI, others=())
    beside = Table("", (0,), (0,)).draw(np.random.default_rng(4), **BUSI, others=((0, 1, 2),) * 3)
    assert not Differences(alone).of("a", "b").trainings_known
    found = Differences(beside).of("a", "b")
    assert found.trainings_known and found.case_error < found.error


def test_the_training_variance_is_unbiased_with_and_without_an_effect_of_seeds():
    found = {True: [], False: []}
    for number in range(400):
        cells = LACKING.draw(np.random.default_rng([5, number]), **PROMISE12, shared_seed=2.0)
        for same in found:
            found[same].append(training_variance(cells, same_seeds=same))
    assert {same: {one.degrees for one in some} for same, some in found.items()} == {
        True: {14},
        False: {20},
    }
    raw = 1.5**2 + 3 * 5.3**2 / 40
    assert np.mean([one.raw for one in found[True]]) == pytest.approx(raw, rel=0.05)
    assert np.mean([one.raw for one in found[False]]) == pytest.approx(raw + 4, rel=0.1)
    assert np.mean([one.rest for one in found[True]]) == pytest.approx(5.3**2, rel=0.03)


def test_copies_of_a_method_do_not_count_twice_in_the_training_variance():
    cells = THREE.draw(np.random.default_rng(6), **BUSI)
    twice = Cells(
        (*cells.labels, "copy"),
        cells.seeds,
        cells.cases,
        cells.folds,
        np.concatenate([cells.values, cells.values[:1]]),
    )
    for same in (True, False):
        first, second = (training_variance(one, same_seeds=same) for one in (cells, twice))
        assert first.degrees == second.degrees
        assert first.value == pytest.approx(second.value)


def test_equal_images_of_a_patient_say_no_more_than_one_of_them():
    """Nine patients in three folds, each with five equal images (Dice of `none` and `deepstack`).

    A bootstrap over these nine gave [-0.0142, +0.0034], signed ranks p 0.31; as 45 images p 0.015.
    The t interval is wider: it has six degrees of freedom, and the bootstrap of nine none.
    """
    none = [0.7557, 0.8458, 0.8853, 0.7638, 0.8955, 0.8288, 0.8460, 0.8766, 0.7697]
    deepstack = [0.7557, 0.8477, 0.8793, 0.7626, 0.8946, 0.8101, 0.8188, 0.8634, 0.7905]
    values = np.array([none, deepstack])[:, None]
    folds = np.repeat([0, 1, 2], 3)
    patients = tuple(f"P0{n}" for n in range(9))
    names = ("none", "deepstack")
    one = Differences(Cells(names, (0,), patients, folds, values)).of("deepstack", "none")

    def five(whose):
        images = tuple(f"image {n}" for n in range(45))
        return Differences(
            Cells(names, (0,), images, np.repeat(folds, 5), np.repeat(values, 5, axis=2), whose)
        ).of("deepstack", "none")

    of_patients, of_images = five(tuple(np.repeat(patients, 5))), five(())
    assert (of_patients.n, one.n) == (45, 9)
    assert (of_patients.mean, of_patients.error, of_patients.degrees) == pytest.approx(
        (one.mean, one.error, one.degrees)
    )
    assert of_patients.p == pytest.approx(0.38, abs=0.02)
    assert of_images.p < 0.02
    ends = of_patients.interval()
    assert (ends.low, ends.mean, ends.high) == pytest.approx((-0.0177, -0.0050, 0.0078), abs=2e-4)


def test_patients_with_several_images_are_covered_where_images_would_not_be():
    held = {"patients": 0, "images": 0}
    for number in range(300):
        rng = np.random.default_rng([8, number])
        count = rng.integers(1, 6, 30)
        whose = np.repeat(np.arange(30), count)
        shift = rng.normal(0, 1, 30)[whose] + rng.normal(0, 0.5, len(whose))
        values = np.stack([np.zeros(len(whose)), shift])[:, None]
        for name, patients in (("patients", tuple(map(str, whose))), ("images", ())):
            cells = Cells(("a", "b"), (0,), tuple(map(str, whose)), whose % 3, values, patients)
            ends = Differences(cells).of("b", "a").interval()
            held[name] += ends.low <= 0 <= ends.high
    assert held["patients"] / 300 >= 0.91
    assert held["images"] / 300 < 0.85


def test_a_difference_from_a_mean_of_methods_is_that_of_the_case_means():
    cells = THREE.draw(np.random.default_rng(9), **BUSI)
    found = Differences(cells).contrast({"a": 0.5, "b": -0.5, "c": 0.0})
    assert found.mean == pytest.approx((cells.values[0] - cells.values[1]).mean() / 2)
    assert found.error == pytest.approx(Differences(cells).of("a", "b").error / 2)


def test_too_few_cases_have_no_interval():
    found = Differences(cells_of(np.array([[[0.5]], [[0.75]]]), np.array([0]))).of("b", "a")
    assert (found.n, found.mean) == (1, 0.25)
    assert np.isnan([found.interval().low, found.error, found.p, found.detectable()]).all()
    nothing = Differences(cells_of(np.full((2, 1, 2), np.nan), np.array([0, 0]))).of("b", "a")
    assert (nothing.n, nothing.folds, nothing.least_seeds) == (0, 0, 0)
    assert np.isnan([nothing.mean, nothing.p]).all()
