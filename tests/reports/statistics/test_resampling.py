"""The hierarchical bootstrap: what it covers, what it draws, and that it is the same each time."""

import numpy as np
import pandas as pd
import pytest

from reports.statistics.case_grid import Cells
from reports.statistics.resampling import Bootstrap, case_weights
from tests.reports.statistics.simulated import FOLDS, cells_of, simulated

REPETITIONS = 300


def coverage(seeds, **components):
    """Share of simulated tables whose 95 % interval of b - a holds the true difference, 0.05."""
    hits = 0
    for repetition in range(REPETITIONS):
        rng = np.random.default_rng([7, repetition])
        base = rng.normal(0.8, 0.1, (1, len(FOLDS)))
        values = np.stack(
            [np.repeat(base, seeds, 0), base + simulated(rng, seeds, mean=0.05, **components)]
        )
        found = Bootstrap(cells_of(values), seed=repetition, resamples=400).interval("b", "a")
        hits += found.low <= 0.05 <= found.high
    return hits / REPETITIONS


@pytest.mark.parametrize(
    ("components", "least", "most"),
    [
        ({}, 0.93, 1.0),
        ({"training": 0.01}, 0.93, 1.0),
        ({"training": 0.02}, 0.92, 1.0),
        ({"training": 0.01, "fold": 0.01}, 0.90, 0.99),
        ({"training": 0.01, "seed": 0.01}, 0.92, 1.0),
    ],
)
def test_the_interval_covers_the_truth_with_three_seeds(components, least, most):
    assert least <= coverage(3, **components) <= most


def test_one_seed_cannot_show_the_spread_of_seeds():
    assert coverage(1) >= 0.93
    assert coverage(1, training=0.01, seed=0.02) < 0.90


def test_fold_and_case_draws_add_up():
    weights = case_weights(FOLDS, 500, np.random.default_rng(0))
    assert weights.shape == (500, 33)
    assert (weights.sum(1) == 33).all()
    by_fold = np.stack([weights[:, fold == FOLDS].sum(1) for fold in range(3)])
    assert set(np.unique(by_fold)) == {0, 11, 22, 33}
    assert weights.mean() == pytest.approx(1)


def test_a_constant_difference_has_no_width_and_seeds_stay_paired():
    values = simulated(np.random.default_rng(1), 3, seed=0.3)
    bootstrap = Bootstrap(cells_of(np.stack([values, values + 0.02])))
    found = bootstrap.interval("b", "a")
    assert (found.n, found.mean, found.low, found.high) == (33, *[pytest.approx(0.02)] * 3)


def test_methods_with_other_seeds_are_drawn_apart():
    values = simulated(np.random.default_rng(1), 4, seed=0.3)
    a, b = values.copy(), values.copy()
    a[2:], b[:2] = np.nan, np.nan
    found = Bootstrap(cells_of(np.stack([a, b]))).interval("b", "a")
    assert found.high - found.low > 0.2
    assert found.mean == pytest.approx(values[2:].mean() - values[:2].mean())


def test_the_same_seed_gives_the_same_interval_and_another_almost_the_same():
    cells = cells_of(
        np.stack([simulated(np.random.default_rng(k), training=0.01) for k in range(2)])
    )
    first, again, other = (Bootstrap(cells, seed=seed).interval("a", "b") for seed in (0, 0, 1))
    assert first == again
    assert other != first
    assert other.low == pytest.approx(first.low, abs=0.003)


def test_only_shared_cases_enter_a_difference():
    values = simulated(np.random.default_rng(1), 2)
    a, b = values.copy(), values + 0.1
    a[:, :5], b[:, -5:] = np.nan, np.nan
    cells = cells_of(np.stack([a, b]))
    assert len(cells.differences("b", "a")) == 23
    assert Bootstrap(cells).interval("b", "a").high == pytest.approx(0.1)


def test_too_few_cases_have_no_interval():
    found = Bootstrap(cells_of(np.array([[[0.5]], [[0.75]]]), np.array([0]))).interval("b", "a")
    assert (found.n, found.mean) == (1, 0.25)
    assert np.isnan([found.low, found.high, found.error]).all()
    nothing = Bootstrap(cells_of(np.full((2, 1, 2), np.nan), np.array([0, 0]))).interval("b", "a")
    assert nothing.n == 0 and np.isnan(nothing.mean)


def test_cells_are_filled_from_rows_by_method_seed_fold_and_case():
    rows = pd.DataFrame(
        [
            ("x", 0, 3, "p", 0.1),
            ("x", 1, 3, "p", 0.2),
            ("y", 0, 4, "p", 0.3),
            ("z", 0, 3, "q", 0.9),
        ],
        columns=["method", "fold", "seed", "case", "dice"],
    )
    cells = Cells.of(rows, "dice", ["y", "x"])
    assert (cells.labels, cells.seeds, cells.cases, list(cells.folds)) == (
        ("y", "x"),
        (3, 4),
        ("p", "p"),
        [0, 1],
    )
    np.testing.assert_array_equal(cells.of_method("x"), [[0.1, 0.2], [np.nan, np.nan]])
    np.testing.assert_allclose(cells.differences("x", "y"), [-0.2])
