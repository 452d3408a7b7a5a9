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
    values = np.array([[1.0, 2.0, np.nan], [0.0, 0.0, 5.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(seed_differences(values), [1.5])
