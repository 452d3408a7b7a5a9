"""What near copies of test images among training images do to the gains of a comparison: numbers,
table and sentence.

A test case has a copy if another case of its cluster (datasets/copies) trains or validates in the
same fold. Methods that memorise do well on such cases, and strong augmentation does not: the gain
on clean cases is the one to expect on new patients. Not here: which cases are
copies (datasets/copies).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmark.record.record import Record
from datasets.folds import copied_cases
from reports.comparison.format import rounded, signed
from reports.comparison.summaries import Summary
from reports.tables.tables import Table


@dataclass(frozen=True)
class Means:
    """Means over all test cases, over those with a near copy, and over the clean ones; nan where a
    method was not run on any."""

    all: float
    copied: float
    clean: float


@dataclass(frozen=True)
class CopyGains:
    """copied, clean: numbers of test cases, of all folds together. none: the Dice of no
    augmentation. gains: by label, the paired Dice differences to it."""

    copied: int
    clean: int
    none: Means
    gains: dict[str, Means]


def copy_gains(summary: Summary) -> CopyGains | None:
    """The gains over `none` on equal folds, seeds and cases, averaged over seeds, then over cases.

    None where `none` is absent, and where no test case is known to have a near copy in its fold.
    """
    copied = _copied(summary.group.records)
    none = summary.none_label
    if none is None or not copied:
        return None
    dice = summary.cases.pivot_table(
        index=["fold", "seed", "case"], columns="method", values="dice"
    )
    by_case = dice.groupby(["fold", "case"])
    tested = by_case[none].mean()
    has_copy = np.array([place in copied for place in tested.index])

    def means(values: np.ndarray) -> Means:
        return Means(*(_mean(values[chosen]) for chosen in (has_copy | True, has_copy, ~has_copy)))

    gains = dice.sub(dice[none], axis=0).groupby(["fold", "case"]).mean()
    return CopyGains(
        copied=int(has_copy.sum()),
        clean=int((~has_copy).sum()),
        none=means(tested.to_numpy()),
        gains={label: means(gains[label].to_numpy()) for label in summary.labels if label != none},
    )


def copy_table(gains: CopyGains, summary: Summary) -> Table:
    """Per method: the gain over `none` in points of Dice on all cases, on those with a near copy,
    and on the clean ones; of `none`, the Dice itself."""
    heads = (
        f"all {gains.copied + gains.clean} cases",
        f"{gains.copied} with a near copy",
        f"{gains.clean} clean",
    )

    def row(label: str, means: Means, write: Callable[..., str]) -> dict[str, str]:
        values = (means.all, means.copied, means.clean)
        cells = [write(value, 1, 100) for value in values]
        return {"method": label} | dict(zip(heads, cells, strict=True))

    return Table.of(
        [
            row(f"{summary.none_label}: Dice, %", gains.none, rounded),
            *(row(label, means, signed) for label, means in gains.gains.items()),
        ]
    )


def copy_sentence(gains: CopyGains) -> str:
    """What the table shows, and why it matters."""
    return (
        f"{gains.copied} of the {gains.copied + gains.clean} test images have a near copy among the"
        f" training or validation images of their fold: the same frame, or the same lesion with the"
        f" probe moved. Points of Dice over none, on equal folds, seeds and images; a method that"
        f" memorises gains on images with a copy, so the clean ones tell more of new patients."
    )


def _copied(records: Iterable[Record]) -> set[tuple[int, str]]:
    """(fold, test case) of those with a near copy among the fold's training or validation cases."""
    found: set[tuple[int, str]] = set()
    for split, fold, copies in {
        (record.split, record.spec.fold, record.copies)
        for record in records
        if record.split is not None and record.copies
    }:
        others = split.train + split.validation
        found |= {(fold, case) for case in copied_cases(split.test, others, copies)}
    return found


def _mean(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")
