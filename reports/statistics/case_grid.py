"""Case rows of several methods as one array, so that every statistic of a table sees the same
cells. Not here: choosing methods, any statistic."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Cells:
    """One metric of several methods.

    values: float64 (methods, seeds, cases), nan where no run gave a value. folds: int (cases,), the
    fold that tests the case. labels, seeds and cases name the axes; a case that stands in two folds
    is two cases. patients: whose image each case is; () where every case is a patient of its own.
    """

    labels: tuple[str, ...]
    seeds: tuple[int, ...]
    cases: tuple[str, ...]
    folds: np.ndarray
    values: np.ndarray
    patients: tuple[str, ...] = ()

    @cached_property
    def units(self) -> np.ndarray:
        """int (cases,): equal for cases of one patient in one fold, which are one observation."""
        keys = zip(self.folds.tolist(), self.patients or range(len(self.cases)), strict=True)
        places: dict[tuple, int] = {}
        return np.array([places.setdefault(key, len(places)) for key in keys], int)

    @classmethod
    def of(cls, rows: pd.DataFrame, metric: str, labels: Sequence[str]) -> "Cells":
        """The cells of `rows` (columns method, fold, seed, case and the metric, and the
        patient, "" for one of its own) for the methods called `labels`."""
        rows = rows[rows["method"].isin(labels)]
        keys = sorted(set(zip(rows["fold"], rows["case"], strict=True)))
        seeds = sorted(set(rows["seed"]))
        case_place = {key: place for place, key in enumerate(keys)}
        places = (
            rows["method"].map({label: place for place, label in enumerate(labels)}).to_numpy(int),
            rows["seed"].map({seed: place for place, seed in enumerate(seeds)}).to_numpy(int),
            np.array(
                [case_place[key] for key in zip(rows["fold"], rows["case"], strict=True)], int
            ),
        )
        values = np.full((len(labels), len(seeds), len(keys)), np.nan)
        values[places] = rows[metric].to_numpy(float)
        folds = np.array([fold for fold, _ in keys], int)
        patients: tuple[str, ...] = ()
        if "patient" in rows:
            by_case = dict(
                zip(zip(rows["fold"], rows["case"], strict=True), rows["patient"], strict=True)
            )
            patients = tuple(str(by_case[key] or key[1]) for key in keys)
        return cls(
            tuple(labels),
            tuple(int(seed) for seed in seeds),
            tuple(case for _, case in keys),
            folds,
            values,
            patients,
        )

    def of_method(self, label: str) -> np.ndarray:
        """(seeds, cases) of one method."""
        return self.values[self.labels.index(label)]

    def runs(self, label: str) -> set[tuple[int, int]]:
        """(fold, seed) of the runs that gave a value."""
        there = np.isfinite(self.of_method(label))
        return {
            (int(fold), seed)
            for fold in np.unique(self.folds)
            for seed, ran in zip(self.seeds, there[:, self.folds == fold].any(1), strict=True)
            if ran
        }

    def case_means(self, label: str) -> np.ndarray:
        """(cases,): mean over the seeds that gave a value, nan where none did."""
        return seed_means(self.of_method(label))

    def differences(self, a: str, b: str) -> np.ndarray:
        """a - b by case, seeds averaged first, over the cases that both have."""
        found = self.case_means(a) - self.case_means(b)
        return found[np.isfinite(found)]


def seed_means(values: np.ndarray) -> np.ndarray:
    """(seeds, cases) -> (cases,): mean over the seeds that gave a value, nan where none did."""
    there = np.isfinite(values)
    count = there.sum(0)
    return np.divide(
        np.where(there, values, 0).sum(0),
        count,
        out=np.full(values.shape[1], np.nan),
        where=count > 0,
    )
