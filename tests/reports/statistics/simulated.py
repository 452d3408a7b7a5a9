"""Case values with known variance components, and whether the true mean is found. Nothing here was
ever measured."""

import numpy as np

from reports.statistics.case_grid import Cells

FOLDS = np.repeat([0, 1, 2], 11)


def simulated(rng, seeds=3, *, case=0.04, fold=0.0, training=0.0, seed=0.0, rest=0.02, mean=0.0):
    """(seeds, 33 cases) of 3 folds; every argument but `mean` is the SD of its component."""
    return (
        mean
        + rng.normal(0, rest, (seeds, len(FOLDS)))
        + rng.normal(0, case, len(FOLDS))
        + rng.normal(0, fold, 3)[FOLDS]
        + rng.normal(0, training, (seeds, 3))[:, FOLDS]
        + rng.normal(0, seed, (seeds, 1))
    )


def cells_of(values, folds=FOLDS):
    """Cells of an array (methods, seeds, cases); methods are called a, b, c..."""
    methods, seeds, cases = values.shape
    labels = tuple(chr(ord("a") + number) for number in range(methods))
    return Cells(
        labels, tuple(range(seeds)), tuple(f"case {n}" for n in range(cases)), folds, values
    )
