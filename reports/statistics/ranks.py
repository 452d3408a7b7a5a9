"""How sure the order of the methods is."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from reports.statistics.resampling import Bootstrap


def rank_shares(bootstrap: Bootstrap, labels: Sequence[str] | None = None) -> np.ndarray:
    """(methods, methods): in which share of the resamples a method (row) has rank 1, 2, ...
    (column) by its mean.

    The highest mean has rank 1; exact ties share their ranks evenly. Rows and columns add up to 1.
    labels: the methods that are ranked, all if not given.
    """
    labels = bootstrap.cells.labels if labels is None else labels
    means = np.stack([bootstrap.means(label) for label in labels])
    means = means[:, np.isfinite(means).all(0)]
    lowest = stats.rankdata(-means, method="min", axis=0).astype(int) - 1
    highest = stats.rankdata(-means, method="max", axis=0).astype(int) - 1
    ranks = np.arange(len(labels))[:, None, None]
    inside = (lowest <= ranks) & (ranks <= highest)
    return (inside / (highest - lowest + 1)).mean(2).T


def mean_ranks(case_means: np.ndarray) -> np.ndarray:
    """(methods, cases) -> (methods,): mean rank over the cases that all methods have; 1 is best,
    ties share a rank."""
    complete = case_means[:, np.isfinite(case_means).all(0)]
    return (
        stats.rankdata(-complete, axis=0).mean(1)
        if complete.size
        else np.full(len(case_means), np.nan)
    )


def friedman(case_means: np.ndarray) -> float:
    """p of Friedman's test that all methods rank alike, over the cases that all have; nan below
    three methods."""
    complete = case_means[:, np.isfinite(case_means).all(0)]
    if len(complete) < 3 or complete.shape[1] < 2:
        return float("nan")
    if (np.ptp(complete, axis=0) == 0).all():
        return 1.0
    return float(stats.friedmanchisquare(*complete).pvalue)
