"""Variance components are unbiased where the truth is known, and equal to REML on a balanced
design."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from reports.statistics.variance import VarianceSplit, seed_differences, variance_split
from tests.reports.statistics.simulated import FOLDS, simulated


def test_components_are_those_of_the_simulation():
    true = {"case": 0.04, "fold": 0.05, "training": 0.015, "rest": 0.02}
    found = [
        variance_split(simulated(np.random.default_rng([1, k]), 4, **true), FOLDS)
        for k in range(1500)
    ]
    for name, sd in true.items():
        tolerance = 0.12 if name in ("fold", "training") else 0.03
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(
            sd**2, rel=tolerance
        ), name


def test_case_training_and_rest_are_those_of_reml():
    values = simulated(np.random.default_rng(5), 4, case=0.05, fold=0.1, training=0.02, rest=0.02)
    frame = pd.DataFrame(
        [
            (values[s, c], f"{FOLDS[c]}/{s}", f"case {c}", str(FOLDS[c]))
            for s in range(4)
            for c in range(33)
        ],
        columns=["y", "training", "case", "fold"],
    )
    model = smf.mixedlm(
        "y ~ C(fold)",
        frame,
        groups=np.ones(len(frame)),
        vc_formula={"case": "0 + C(case)", "training": "0 + C(training)"},
    ).fit(reml=True)
    found = variance_split(values, FOLDS)
    by_name = dict(zip(model.model.exog_vc.names, model.vcomp, strict=True))
    assert found.case == pytest.approx(by_name["case"], rel=1e-3)
    assert found.training == pytest.approx(by_name["training"], rel=1e-3)
    assert found.rest == pytest.approx(model.scale, rel=1e-3)


def test_what_a_design_cannot_tell_is_nan():
    rng = np.random.default_rng(0)
    one_seed = variance_split(simulated(rng, 1), FOLDS)
    assert np.isnan([one_seed.training, one_seed.rest]).all() and one_seed.case > 0
    assert set(one_seed.shares()) == {"fold", "case"}
    one_fold = variance_split(simulated(rng, 3)[:, :11], FOLDS[:11])
    assert np.isnan(one_fold.fold) and one_fold.training >= 0
    assert np.isnan(variance_split(np.full((2, 33), np.nan), FOLDS).case)
    assert VarianceSplit(1.0, 2.0, 0.0, 1.0).shares() == {
        "fold": 0.25,
        "case": 0.5,
        "training": 0,
        "rest": 0.25,
    }
    assert variance_split(np.ones((2, 33)), FOLDS).shares() == {}


def test_seed_differences_of_all_pairs():
    values = np.array([[1.0, 2.0, np.nan], [0.5, 1.0, 5.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(seed_differences(values), [(0.5 + 1.0) / 2])
    values[2] = [0.0, np.nan, 1.0]
    np.testing.assert_allclose(seed_differences(values), [0.75, 1.0, (0.5 + 4.0) / 2])


def test_folds_of_other_sizes_weigh_as_much_as_they_know():
    """Two and three cases, by hand: squares are pooled with the degrees of freedom of each fold."""
    folds = np.array([0, 0, 1, 1, 1])
    one = variance_split(np.array([[0.0, 2, 0, 3, 6]]), folds)
    assert one.case == pytest.approx((2 * 1 + 9 * 2) / 3)
    two = variance_split(np.array([[0.0, 2, 0, 3, 6], [1, 3, 0, 3, 9]]), folds)
    assert two.rest == pytest.approx((0 * 1 + 1.5 * 2) / 3)
    assert two.case == pytest.approx(((4 * 1 + 28.5 * 2) / 3 - 1) / 2)
    assert two.training == pytest.approx(((0.5 - 1 / 2) + (0.5 - 1 / 3)) / 2)
    far = variance_split(np.array([[0.0, 2, 100, 103, 106], [1, 3, 100, 103, 109]]), folds)
    inside = [two.case / n + two.training / 2 + two.rest / (2 * n) for n in (2, 3)]
    assert far.fold == pytest.approx(102.0**2 / 2 - np.mean(inside))


def test_what_is_left_over_weighs_by_the_degrees_of_its_fold():
    """Two and four cases of three seeds: two degrees of freedom and six."""
    folds = np.array([0, 0, 1, 1, 1, 1])
    values = np.random.default_rng(3).normal(0, 1, (3, 6))
    squares = []
    for block in (values[:, :2], values[:, 2:]):
        left = block - block.mean(0) - block.mean(1, keepdims=True) + block.mean()
        squares.append((left**2).sum())
    assert variance_split(values, folds).rest == pytest.approx(sum(squares) / (2 + 6))
