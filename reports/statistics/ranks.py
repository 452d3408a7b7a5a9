"""Mean ranks of methods over cases. Not here: which ranks the tests leave (verdicts.py)."""

import numpy as np


def mean_ranks(case_means: np.ndarray) -> np.ndarray:
    """(methods, cases) -> (methods,): mean rank over the cases that all methods have; 1 is best,
    ties share a rank."""
    complete = case_means[:, np.isfinite(case_means).all(0)]
    if not complete.size:
        return np.full(len(case_means), np.nan)
    ranks = [(complete > one).sum(0) + ((complete == one).sum(0) + 1) / 2 for one in complete]
    return np.stack(ranks).mean(1)
