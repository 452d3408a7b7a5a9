"""Comparisons with known variance components: which methods ran which seeds, and values drawn for
them. Nothing here was ever measured, but the components are those of the published records."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.case_grid import Cells

# SDs in Dice points: of a case's difference between two methods, of a training's mean, of one
# training's value at one case (published records at 128 px, `python cli.py power`).
PROMISE12 = {"cases": 40, "case": 8.2, "training": 1.5, "rest": 5.3}
BUSI = {"cases": 147, "case": 5.1, "training": 0.8, "rest": 5.7}
FOLDS = 3
# Methods beside the two that are compared: two with three seeds and two with one, as published.
OTHERS = ((0, 1, 2), (0, 1, 2), (0,), (0,))


@dataclass(frozen=True)
class Table:
    """A comparison of methods a and b, and of others.

    a, b: the seeds of each. missing: (method's place, fold, seed) of a run that is absent.
    """

    name: str
    a: tuple[int, ...]
    b: tuple[int, ...]
    missing: tuple[tuple[int, int, int], ...] = ()

    def draw(
        self,
        rng: np.random.Generator,
        *,
        cases: int,
        case: float,
        training: float,
        rest: float,
        difference: float = 0.0,
        shared_seed: float = 0.0,
        others: Sequence[tuple[int, ...]] = OTHERS,
        heavy: bool = False,
    ) -> Cells:
        """Values of one such table, in points. difference: the true a - b.

        shared_seed: SD of what a seed adds to all methods of a fold. heavy: cases differ by a t
        distribution of 4 degrees of freedom.
        """
        seeds = (self.a, self.b, *others)
        folds = np.arange(cases) % FOLDS
        shape = (len(seeds), 1 + max(max(found) for found in seeds), cases)
        noise = rng.standard_t(4, shape[::2]) / np.sqrt(2) if heavy else rng.normal(size=shape[::2])
        values = 70 + case / np.sqrt(2) * noise[:, None] + rest * rng.normal(size=shape)
        values += (training * rng.normal(size=(*shape[:2], FOLDS)))[:, :, folds]
        values += (shared_seed * rng.normal(size=(shape[1], FOLDS)))[:, folds]
        values[0] += difference
        for place, ran in enumerate(seeds):
            values[place, [seed for seed in range(shape[1]) if seed not in ran]] = np.nan
        for place, fold, seed in self.missing:
            values[place, seed, folds == fold] = np.nan
        names = tuple("abcdefghijklmnopqrstuvwxyz"[: len(seeds)])
        return Cells(
            names, tuple(range(shape[1])), tuple(f"case {n}" for n in range(cases)), folds, values
        )


THREE = Table("3 seeds against 3", (0, 1, 2), (0, 1, 2))
ONE = Table("1 seed against 1", (0,), (0,))
MIXED = Table("1 seed against 3", (0,), (0, 1, 2))
APART = Table("1 seed against 3 others", (3,), (0, 1, 2))
LACKING = Table("a fold lacks a seed", (0, 1), (0, 1, 2), ((0, 2, 1),))
TABLES = (THREE, ONE, MIXED, APART, LACKING)
