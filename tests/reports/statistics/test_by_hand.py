"""Small comparisons whose errors, degrees of freedom and designs follow from a few sums."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy import stats

from reports.statistics.case_grid import Cells
from reports.statistics.differences import Difference, Differences, Interval
from reports.statistics.power import Design, smallest_detectable
from reports.statistics.training_variance import TrainingVariance, training_variance
from reports.statistics.variance import variance_split
from reports.statistics.verdicts import Verdicts
from tests.reports.statistics.simulated import cells_of

NAN = float("nan")
DRAWN = np.random.default_rng(0).normal(0, 1, (3, 4, 10))
FOLDS = np.repeat([0, 1], (4, 6))


def analysed(values: np.ndarray) -> np.ndarray:
    """What an effect of each row and of each column leaves of a table."""
    return values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()


def by_fold(cells: Cells) -> list[np.ndarray]:
    return [cells.values[:, :, cells.folds == fold] for fold in np.unique(cells.folds)]


def test_one_seed_of_two_folds_has_the_spread_inside_the_folds():
    cells = cells_of(DRAWN[:2, :1], FOLDS)
    found = Differences(cells).of("a", "b")
    left = [block[0, 0] - block[1, 0] for block in by_fold(cells)]
    square = sum(((one - one.mean()) ** 2).sum() for one in left) / (10 - 2)
    assert (found.degrees, found.folds, found.n) == (pytest.approx(8), 2, 10)
    assert found.error == pytest.approx(np.sqrt(square / 10)) == pytest.approx(found.case_error)
    assert not found.trainings_known


def test_patients_are_the_units_of_the_error_and_of_its_degrees():
    """Four patients of two folds: two images of each in the first, three in the second."""
    patients = tuple("aabbcccddd")
    values = DRAWN[:2, :1]
    found = Differences(Cells(("a", "b"), (0,), tuple("0123456789"), FOLDS, values, patients))
    found = found.of("a", "b")
    left = values[0, 0] - values[1, 0]
    left = np.concatenate([left[:4] - left[:4].mean(), left[4:] - left[4:].mean()])
    sums = [left[np.array(patients) == one].sum() for one in "abcd"]
    assert found.degrees == pytest.approx(2)
    assert found.error == pytest.approx(np.sqrt(4 / 2 * np.square(sums).sum()) / 10)


@pytest.mark.parametrize("same_seeds", [True, False])
def test_the_variance_of_trainings_is_that_of_an_analysis_of_variance(same_seeds):
    trainings = np.random.default_rng(1).normal(0, 2, (3, 4, 2))[:, :, FOLDS]
    cells = cells_of(DRAWN + trainings, FOLDS)
    methods, seeds = DRAWN.shape[:2]
    total = inside = rest = 0.0
    for block in by_fold(cells):
        means = block.mean(2)
        left = block - block.mean(1, keepdims=True)
        total += (analysed(means) ** 2).sum() if same_seeds else (left.mean(2) ** 2).sum()
        if same_seeds:
            left = left - left.mean(0)
        left = left - left.mean(2, keepdims=True)
        square = (left**2).sum() / (block.shape[2] - 1)
        inside, rest = inside + square / block.shape[2], rest + square
    degrees = 2 * (methods - same_seeds) * (seeds - 1)
    found = training_variance(cells, same_seeds=same_seeds)
    assert found.degrees == degrees
    assert found.raw == pytest.approx(total / degrees)
    assert found.rest == pytest.approx(rest / degrees)
    assert found.value == pytest.approx((total - inside) / degrees)


def test_what_says_nothing_of_trainings_has_no_variance():
    nothing = TrainingVariance(0.0, 0.0, 0.0, 0)
    one_case = cells_of(DRAWN[:, :, :1], np.zeros(1, int))
    assert training_variance(one_case, same_seeds=False) == nothing
    one_seed = cells_of(DRAWN[:, :1], FOLDS)
    for same_seeds in (True, False):
        assert training_variance(one_seed, same_seeds=same_seeds) == nothing
    # two cases and two seeds are enough, and a case that one run lacks is left out
    values = DRAWN[:1, :2, :3].copy()
    values[0, 1, 2] = NAN
    found = training_variance(cells_of(values, np.zeros(3, int)), same_seeds=False)
    assert found.degrees == 1
    assert found.raw == pytest.approx(np.diff(values[0, :, :2].mean(1)).item() ** 2 / 2)


@pytest.mark.parametrize("same_seeds", [True, False])
def test_a_fold_of_one_case_says_nothing_of_trainings_beside_another(same_seeds):
    cells = cells_of(DRAWN, np.repeat([0, 1], (9, 1)))
    alone = cells_of(DRAWN[:, :, :9], np.zeros(9, int))
    assert training_variance(cells, same_seeds=same_seeds) == training_variance(
        alone, same_seeds=same_seeds
    )


def test_equal_trainings_vary_by_nothing_and_not_by_less():
    """Training means are equal and cases are not, so that the estimate would be negative."""
    values = np.array([[[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]])
    found = training_variance(cells_of(values, np.zeros(3, int)), same_seeds=False)
    assert (found.value, found.raw) == (0.0, pytest.approx(0.0))
    assert found.rest == pytest.approx((2 * 1 + 2 * 1) / 2)


def known(cells: Cells, paired: TrainingVariance, apart: TrainingVariance) -> Differences:
    """The differences of cells whose variance of trainings is known."""
    found = Differences(cells)
    found.__dict__ |= {"paired_variance": paired, "variance": apart}
    return found


PAIRED = TrainingVariance(value=0.5, raw=0.8, rest=0.3, degrees=7)
APART = TrainingVariance(value=2.0, raw=2.5, rest=0.3, degrees=5)


def expected(cells, by_case, shares, variances):
    """(error, degrees, case error) from the cases' spread, and of each fold the share of the
    trainings' variance in that of its mean."""
    sizes = [(cells.folds == fold).sum() for fold in (0, 1)]
    left = [by_case[cells.folds == fold] for fold in (0, 1)]
    case = sum(((one - one.mean()) ** 2).sum() for one in left) / 8 / 10
    parts = [(case, case, 8)]
    for variance in {id(one): one for one in variances}.values():
        weight = sum(
            (size / 10) ** 2 * share
            for size, share, of in zip(sizes, shares, variances, strict=True)
            if of is variance
        )
        parts.append((weight * variance.value, weight * variance.raw, variance.degrees))
    total = sum(value for value, _, _ in parts)
    degrees = total**2 / sum(raw**2 / free for _, raw, free in parts)
    return pytest.approx((np.sqrt(total), degrees, np.sqrt(case)))


def test_shared_seeds_add_the_variance_of_trainings_of_equal_seeds():
    cells = cells_of(DRAWN[:2], FOLDS)
    found = known(cells, PAIRED, APART).of("a", "b")
    by_case = DRAWN[0].mean(0) - DRAWN[1].mean(0)
    assert (found.error, found.degrees, found.case_error) == expected(
        cells, by_case, [2 / 4, 2 / 4], [PAIRED, PAIRED]
    )
    assert (found.least_seeds, found.seeds, found.paired) == (4, (0, 1, 2, 3), True)


def test_folds_that_share_a_seed_and_folds_that_do_not_have_variances_of_their_own():
    """In fold 0 both ran seeds 1 and 2; in fold 1 the first ran 0 and the second 1, 2 and 3."""
    values = DRAWN[:2].copy()
    values[0, 0, :4] = values[0, 3, :4] = NAN
    values[0, 1:, 4:] = values[1, 0, 4:] = NAN
    cells = cells_of(values, FOLDS)
    found = known(cells, PAIRED, APART).of("a", "b")
    first = values[0, 1:3, :4].mean(0) - values[1, 1:3, :4].mean(0)
    second = values[0, 0, 4:] - values[1, 1:, 4:].mean(0)
    by_case = np.concatenate([first, second])
    assert found.mean == pytest.approx(by_case.mean())
    assert (found.error, found.degrees, found.case_error) == expected(
        cells, by_case, [2 / 2, 1 + 1 / 3], [PAIRED, APART]
    )
    assert (found.least_seeds, found.seeds, found.paired) == (1, (0, 1, 2, 3), False)


def test_a_fold_that_a_method_lacks_is_left_out():
    values = DRAWN[:2].copy()
    values[1, :, 4:] = NAN
    found = Differences(cells_of(values, FOLDS)).of("a", "b")
    assert (found.n, found.folds) == (4, 1)
    assert found.mean == pytest.approx((DRAWN[0, :, :4] - DRAWN[1, :, :4]).mean())
    # a fold where no case has a value of both
    values[1, :, 4:7] = DRAWN[1, :, 4:7]
    values[0, :, 4:7] = NAN
    assert Differences(cells_of(values, FOLDS)).of("a", "b").folds == 1


def test_the_mean_of_a_method_has_its_folds_and_seeds():
    values = DRAWN[:2].copy()
    values[0, 3] = NAN
    values[0, 2, 4:] = NAN
    cells = cells_of(values, FOLDS)
    found = known(cells, PAIRED, APART).runs("a")
    by_case = np.concatenate([values[0, :3, :4].mean(0), values[0, :2, 4:].mean(0)])
    assert (found.folds, found.least_seeds, found.seeds) == (2, 2, (0, 1, 2))
    assert found.mean == pytest.approx(by_case.mean())
    assert (found.error, found.degrees, found.case_error) == expected(
        cells, by_case, [1 / 3, 1 / 2], [PAIRED, PAIRED]
    )


def difference(mean=0.3, error=0.2, degrees=6.0) -> Difference:
    return Difference(10, mean, error, degrees, error, 2, 3, (0, 1, 2), True, True)


def test_an_interval_and_its_p_are_those_of_the_t_distribution():
    found = difference()
    for level in (0.95, 0.9):
        ends = stats.t.interval(level, 6.0, 0.3, 0.2)
        assert found.interval(level) == Interval(
            10, 0.3, pytest.approx(ends[0]), pytest.approx(ends[1]), 0.2
        )
    assert found.interval() == found.interval(0.95)
    assert found.p == pytest.approx(2 * stats.t.sf(1.5, 6))
    assert difference(-0.3).p == pytest.approx(found.p)
    for mean in (0.3, -0.3):
        assert difference(mean).p_equal(0.8) == pytest.approx(stats.t.sf(2.5, 6))
        assert difference(mean).p_equal(0.1) == pytest.approx(stats.t.sf(-1.0, 6))
    assert found.detectable() == pytest.approx(smallest_detectable(0.2, 6.0, 0.05))
    assert found.detectable(0.01) == smallest_detectable(0.2, 6.0, 0.01)
    exact = difference(error=0.0)
    assert (exact.p, difference(0.0, 0.0).p) == (0.0, 1.0)
    assert (exact.p_equal(0.4), exact.p_equal(0.3), exact.p_equal(0.2)) == (0.0, 1.0, 1.0)


def test_a_scaled_interval_is_that_of_scaled_values():
    assert Interval(7, 0.5, 0.25, 1.0, 0.125).scaled(4) == Interval(7, 2.0, 1.0, 4.0, 0.5)


def test_a_design_is_the_mean_over_the_pairs_that_share_seeds():
    cells = cells_of(DRAWN, FOLDS)
    found = known(cells, PAIRED, APART)
    cases = [10 * found.of(*pair).case_error ** 2 for pair in ("ab", "ac", "bc")]
    assert found.design("abc") == Design(
        10,
        2,
        pytest.approx(np.mean(cases) - 2 * 0.3 / 4),
        rest=0.3,
        training=0.5,
        training_degrees=7,
    )
    values = DRAWN.copy()
    values[2, 1:], values[:2, 0] = NAN, NAN  # c shares no seed with the others
    alone = known(cells_of(values, FOLDS), PAIRED, APART)
    case = 10 * alone.of("a", "b").case_error ** 2 - 2 * 0.3 / 3
    assert alone.design("abc").case == pytest.approx(case)
    assert alone.design("ac") is None
    noisy = TrainingVariance(0.5, 0.8, rest=1e6, degrees=7)
    assert known(cells, noisy, APART).design("abc").case == 0.0


def test_what_seeds_of_a_design_find_follows_from_its_variances():
    design = Design(cases=12, folds=3, case=6.0, rest=2.0, training=0.9, training_degrees=5)
    # of the cases 0.5, and with two seeds 2 * 2 / 2 / 12 more; of the trainings 2 * 0.9 / 2 / 3
    cases, trainings = 0.5 + 1 / 6, 0.3
    degrees = (cases + trainings) ** 2 / (cases**2 / 9 + trainings**2 / 5)
    error = np.sqrt(cases + trainings)
    assert design.detectable(2) == pytest.approx(smallest_detectable(error, degrees))
    assert design.detectable(2, 0.01, 0.9) == pytest.approx(
        smallest_detectable(error, degrees, 0.01, 0.9)
    )
    assert design.detectable(None) == pytest.approx(smallest_detectable(np.sqrt(0.5), 9))
    unknown = Design(12, 3, 6.0, 2.0, 0.0, 0)
    assert unknown.detectable(2) == pytest.approx(smallest_detectable(np.sqrt(cases), 9))
    still = Design(12, 3, 0.0, 0.0, 0.0, 0)
    assert still.detectable(None) == still.detectable(3) == 0.0
    few = Design(3, 3, 6.0, 2.0, 0.0, 0)  # a case per fold: one degree of freedom
    assert few.detectable(None) == pytest.approx(smallest_detectable(np.sqrt(2.0), 1))


def test_methods_can_be_shown_equal_where_the_cases_leave_an_interval_inside_the_margin():
    design = Design(12, 3, 6.0, 2.0, 0.9, 5)
    reach = stats.t.isf(0.05, 9) * np.sqrt(0.5)
    assert design.can_be_equal(reach * 1.001) and not design.can_be_equal(reach * 0.999)
    few = Design(3, 3, 6.0, 2.0, 0.9, 5)
    reach = stats.t.isf(0.05, 1) * np.sqrt(2.0)
    assert few.can_be_equal(reach * 1.001) and not few.can_be_equal(reach * 0.999)


def test_seeds_that_are_needed_are_counted_up_to_many():
    design = Design(12, 3, 6.0, 2.0, 0.9, 5)
    for seeds in (2, 3, 4, 7, 16, 700):
        found = design.seeds_needed(design.detectable(seeds))
        assert (found, type(found)) == (seeds, int)
        assert design.seeds_needed(design.detectable(seeds), 0.05) == seeds
    assert design.seeds_needed(design.detectable(1)) == 2
    assert design.seeds_needed(design.detectable(5, 0.01), 0.01) == 5
    assert design.seeds_needed(design.detectable(None)) is None
    assert design.seeds_needed(design.detectable(5_000)) is None


def test_what_was_found_stays():
    cells = cells_of(DRAWN, FOLDS)
    found = Differences(cells)
    verdicts = Verdicts(found, "abc", 2)
    split = variance_split(DRAWN[0], FOLDS)
    for made in (cells, PAIRED, difference(), difference().interval(), split, verdicts):
        for name in vars(made).copy():
            with pytest.raises(FrozenInstanceError):
                setattr(made, name, 0)
    design = found.design("abc")
    with pytest.raises(FrozenInstanceError):
        design.cases = 0
    # two verdicts are one only if they are the same object, for their arrays have no single answer
    assert verdicts == verdicts != Verdicts(found, "abc", 2)
