"""Mean ranks of methods over cases. Not here: which ranks the tests leave (verdicts.py)."""

import numpy as np
from scipy import stats


def mean_ranks(case_means: np.ndarray) -> np.ndarray:
    """(methods, cases) -> (methods,): mean rank over the cases that all methods have; 1 is best,
    ties share a rank."""
    complete = case_means[:, np.isfinite(case_means).all(0)]
    return (
        stats.rankdata(-complete, axis=0).mean(1)
        if complete.size
        else np.full(len(case_means), np.nan)
    )
