"""A run and the cases of its source -> the run's training, validation and test cases. Not here:
how cases are dealt (datasets/folds.py)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from benchmark.core.errors import InputError
from benchmark.spec.run import RunSpec
from datasets.cases import CaseInfo
from datasets.folds import Clusters, Split, joined, split


def split_of(run: RunSpec, cases: Sequence[CaseInfo], copies: Clusters = ()) -> Split:
    """The run's training, validation and test cases under its protocol, all training cases before a
    share is taken. copies: the clusters of near copies among the cases.

    Raises InputError for a fold that does not exist, and what `datasets.folds.split` raises.
    """
    if not 0 <= run.fold < run.preset.n_folds:
        raise InputError(
            f"--fold {run.fold} does not exist; folds are 0 to {run.preset.n_folds - 1}."
        )
    if copies and run.protocol.copies == "grouped":
        cases = joined(cases, copies)
        if len({case.group for case in cases}) < run.preset.n_folds:
            raise InputError(
                f"with near copies kept together, {run.source.title} has fewer groups of cases than"
                f" the {run.preset.n_folds} folds; add cases, or deal each alone with --set"
                f" copies=per-image."
            )
    share = run.preset.validation_share if run.protocol.selection == "validation" else 0.0
    return _split(
        tuple(cases), run.protocol.folds, run.preset.n_folds, run.fold, run.preset.split_seed, share
    )


@lru_cache(maxsize=1024)  # thousands of runs share a few splits
def _split(
    cases: tuple[CaseInfo, ...],
    order: Literal["shuffled", "dataset", "centre"],
    n_folds: int,
    fold: int,
    seed: int,
    share: float,
) -> Split:
    return split(cases, order=order, n_folds=n_folds, fold=fold, seed=seed, validation_share=share)
