"""The rules on simulated tables, with the variances of the published records: how often each errs.
More tables: tests/bench/bench_claims.py."""

import pytest

from reports.claims.rules import FAILS, HOLDS, SMALLER
from tests.bench import bench_claims as bench

TABLES = 40


@pytest.mark.parametrize(
    ("rule", "dataset", "truth", "outcome", "at_least"),
    [
        (bench.gain, "breast", 0.5, SMALLER, 0.9),
        (bench.gain, "breast", 1.0, HOLDS, 0.9),
        (bench.gain, "breast", 0.0, FAILS, 0.9),
        (bench.elsewhere, "breast", 0.5, HOLDS, 0.9),
        (bench.best, "breast", 5.0, HOLDS, 0.9),
        (bench.deepstack, "breast", 5.0, FAILS, 0.9),
        (bench.deepstack, "breast", -2.0, HOLDS, 0.9),
        (bench.ratio, "prostate", 0.0, HOLDS, 0.6),
        (bench.ratio, "prostate", 1.0, FAILS, 0.6),
        (bench.alpha, "prostate", 0.0, HOLDS, 0.6),
        (bench.alpha, "prostate", 2.0, FAILS, 0.6),
    ],
)
def test_what_is_true_is_found(rule, dataset, truth, outcome, at_least):
    assert bench.shares(rule, dataset, 3, truth, TABLES)[outcome] >= at_least


@pytest.mark.parametrize("dataset", ["prostate", "breast"])
@pytest.mark.parametrize(
    ("rule", "truth", "outcome"),
    [
        (bench.gain, 0.5, FAILS),
        (bench.gain, 0.0, HOLDS),
        (bench.best, 0.0, FAILS),
        (bench.best, 0.0, HOLDS),
        (bench.deepstack, 0.0, FAILS),
        (bench.spread, 0.0, HOLDS),
        (bench.spread, 0.0, FAILS),
    ],
)
def test_what_is_false_is_seldom_said(rule, dataset, truth, outcome):
    # 5 %, and what 40 tables leave to chance
    assert bench.shares(rule, dataset, 3, truth, TABLES)[outcome] <= 0.05 + 0.05
