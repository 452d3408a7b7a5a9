"""Rows of cases as an array: each value stands at its method, seed and case, and nothing else
does."""

import numpy as np
import pandas as pd
import pytest

from reports.statistics.case_grid import Cells, seed_means

NAN = float("nan")


def rows(*given: tuple, patients: dict[str, str] | None = None) -> pd.DataFrame:
    """One row per (method, fold, seed, case, Dice); the HD95 is ten times the Dice."""
    frame = pd.DataFrame(list(given), columns=["method", "fold", "seed", "case", "dice"])
    frame["hd95"] = 10 * frame["dice"]
    if patients is not None:
        frame["patient"] = frame["case"].map(patients)
    return frame


# case x stands in two folds; b lacks seed 5 of fold 0; c is not asked for
GIVEN = (
    ("b", 1, 7, "x", 0.1),
    ("b", 1, 5, "x", 0.2),
    ("b", 0, 7, "z", 0.3),
    ("a", 0, 5, "z", 0.4),
    ("a", 0, 7, "z", 0.5),
    ("a", 0, 5, "x", 0.6),
    ("c", 2, 9, "y", 0.7),
)


def test_each_value_stands_at_its_method_seed_and_case():
    cells = Cells.of(rows(*GIVEN), "dice", ["b", "a"])
    assert (cells.labels, cells.seeds, cells.cases) == (("b", "a"), (5, 7), ("x", "z", "x"))
    assert cells.folds.tolist() == [0, 0, 1] and cells.patients == ()
    np.testing.assert_array_equal(cells.of_method("b"), [[NAN, NAN, 0.2], [NAN, 0.3, 0.1]])
    np.testing.assert_array_equal(cells.of_method("a"), [[0.6, 0.4, NAN], [NAN, 0.5, NAN]])
    other = Cells.of(rows(*GIVEN), "hd95", ["a", "b"])
    np.testing.assert_array_equal(other.values, 10 * cells.values[::-1])


def test_seeds_are_averaged_before_methods_are_compared_over_the_cases_that_both_have():
    cells = Cells.of(rows(*GIVEN), "dice", ["a", "b"])
    np.testing.assert_allclose(cells.case_means("a"), [0.6, 0.45, NAN])
    np.testing.assert_allclose(cells.case_means("b"), [NAN, 0.3, 0.15])
    assert cells.differences("a", "b") == pytest.approx([0.15])
    assert cells.differences("b", "a") == pytest.approx([-0.15])


def test_a_mean_over_seeds_is_over_those_that_gave_a_value():
    values = np.array([[1.0, NAN, 2.0], [2.0, NAN, NAN], [6.0, NAN, 4.0]])
    np.testing.assert_array_equal(seed_means(values), [3.0, NAN, 3.0])
    assert np.isnan(seed_means(np.empty((0, 2)))).all()


def test_cases_of_one_patient_in_one_fold_are_one_unit():
    patients = {"x": "P1", "z": "P1", "y": ""}
    given = (*GIVEN, ("a", 1, 5, "y", 0.8), ("b", 1, 5, "z", 0.9))
    cells = Cells.of(rows(*given, patients=patients), "dice", ["a", "b"])
    assert cells.cases == ("x", "z", "x", "y", "z")
    assert cells.patients == ("P1", "P1", "P1", "y", "P1")
    assert cells.units.tolist() == [0, 0, 1, 2, 1]
    alone = Cells.of(rows(*given), "dice", ["a", "b"])
    assert alone.units.tolist() == [0, 1, 2, 3, 4]
