"""What a design can show, and seeds that a difference needs."""

import numpy as np
import pytest
from scipy import stats

from reports.statistics.differences import Differences
from reports.statistics.power import ALPHA, POWER, Design, smallest_detectable
from tests.reports.statistics.tables import BUSI, FOLDS, THREE, Table

BREAST = Design(147, FOLDS, 5.0**2, 5.65**2, 0.82**2, 18)


@pytest.mark.parametrize("degrees", [1, 2, 7.5, 37, 146, 1e5, float("inf")])
def test_the_smallest_detectable_difference_has_the_stated_power(degrees):
    effect = smallest_detectable(2.0, degrees) / 2
    free = min(degrees, 1e6)
    critical = stats.t.ppf(1 - ALPHA / 2, free)
    power = stats.nct.sf(critical, free, effect)
    assert power == pytest.approx(POWER, abs=1e-4)


def test_nothing_is_detectable_without_an_error_and_anything_without_noise():
    assert np.isnan(smallest_detectable(float("nan"), 5))
    assert np.isnan(smallest_detectable(1.0, float("nan")))
    assert smallest_detectable(0.0, 5) == 0.0


def test_more_seeds_show_smaller_differences_down_to_what_the_cases_allow():
    found = [BREAST.detectable(seeds) for seeds in (1, 2, 3, 10, 100)]
    assert found == sorted(found, reverse=True)
    assert found[-1] > BREAST.detectable(None) == pytest.approx(1.16, abs=0.02)


def test_the_seeds_needed_are_the_fewest_that_do():
    for difference in (1.4, 1.7, 2.0, 2.5):
        seeds = BREAST.seeds_needed(difference)
        assert BREAST.detectable(seeds) <= difference
        assert seeds == 2 or BREAST.detectable(seeds - 1) > difference
    assert BREAST.seeds_needed(1.0) is None  # no number of seeds makes up for too few cases
    assert BREAST.seeds_needed(10.0) == 2


def test_a_design_is_read_from_a_comparison_and_keeps_its_word():
    """The difference it names is found in about 80 % of new comparisons."""
    cells = THREE.draw(np.random.default_rng(2), **BUSI, others=((0, 1, 2),) * 8)
    design = Differences(cells).design(cells.labels)
    assert (design.cases, design.folds) == (147, 3)
    assert np.sqrt(design.case) == pytest.approx(BUSI["case"], rel=0.15)
    assert np.sqrt(design.rest) == pytest.approx(BUSI["rest"], rel=0.05)
    true = Design(147, FOLDS, BUSI["case"] ** 2, BUSI["rest"] ** 2, BUSI["training"] ** 2, 18)
    difference, found = true.detectable(2), 0
    for number in range(300):
        drawn = Table("", (0, 1), (0, 1)).draw(
            np.random.default_rng([41, number]), **BUSI, difference=difference
        )
        found += Differences(drawn).of("a", "b").p < ALPHA
    assert found / 300 == pytest.approx(POWER, abs=0.07)


def test_no_pair_on_the_same_seeds_makes_no_design():
    cells = THREE.draw(np.random.default_rng(2), **BUSI)
    assert Differences(cells).design(["a"]) is None
