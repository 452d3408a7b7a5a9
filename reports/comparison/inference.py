"""What a group's Dice values allow to say of its methods: differences, tests, ties, ranks,
variance, noise floor.

One setting of a method is compared here (ranked_settings.py); the others form the curves of
setting_curves.py. Not here: the arithmetic (statistics/), rounding (tables/inference.py).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from benchmark.record.record import Record
from reports.comparison.groups import Group
from reports.comparison.ranked_settings import main_methods
from reports.comparison.summaries import Summary
from reports.statistics.paired import (
    ALPHA,
    MARGIN,
    equivalence,
    holm,
    signed_rank,
    smallest_detectable,
)
from reports.statistics.ranks import friedman, mean_ranks, rank_shares
from reports.statistics.resampling import Bootstrap, Interval
from reports.statistics.ties import letters, pairwise, tie_groups
from reports.statistics.variance import seed_differences, variance_split

BETTER, WORSE, EQUAL, OPEN = "better", "worse", "equal", "not told apart"


@dataclass(frozen=True)
class Noise:
    """How far runs that should be equal differ in mean Dice: root mean square and largest of the
    comparisons."""

    what: str
    comparisons: int
    typical: float
    largest: float


@dataclass(frozen=True, eq=False)
class Inference:
    """Statistics of a group with at least two scored methods.

    rows: one row per method of `labels`, in that order, with the columns of the statistics CSV.
    groups: ties, as places in `labels`. ranks: see `rank_shares`. friedman: p that all rank alike.
    best_classic: the classic method with the highest mean Dice, None without one.
    """

    summary: Summary
    labels: tuple[str, ...]
    rows: pd.DataFrame
    groups: list[tuple[int, ...]]
    ranks: np.ndarray
    mean_ranks: np.ndarray
    friedman: float
    best_classic: str | None
    noise: tuple[Noise, ...]

    @cached_property
    def by_label(self) -> dict[str, dict[str, Any]]:
        """The rows of `rows` by the label of their method."""
        return {row["method"]: row for row in self.rows.to_dict("records")}


def infer(summary: Summary) -> Inference | None:
    """All statistics of a group, or None where fewer than two methods are scored."""
    labels = main_labels(summary)
    if len(labels) < 2:
        return None
    cells, base = summary.dice.cells, summary.group.none_label
    means = np.stack([cells.case_means(label) for label in labels])
    order = np.argsort(-np.nanmean(means, axis=1), kind="stable")
    best = best_classic(summary, labels)
    groups = tie_groups((pairwise(means) < ALPHA) & _apart(summary.dice, labels), order)
    ranks = rank_shares(summary.dice, labels)
    rows = pd.DataFrame(
        {
            "method": labels,
            "cases": np.isfinite(means).sum(1),
            "dice_mean": np.nanmean(means, axis=1),
        }
    )
    rows["ties"] = letters(groups, len(labels))
    rows["rank_low"], rows["rank_high"] = zip(*map(_rank_range, ranks), strict=True)
    for name, reference in (("none", base if base in labels else None), ("best_classic", best)):
        rows = pd.concat(
            [rows, _against(summary.dice, labels, reference).add_prefix(f"{name}_")], axis=1
        )
    splits = [variance_split(cells.of_method(label), cells.folds).shares() for label in labels]
    for part in ("fold", "case", "training", "rest"):
        rows[f"variance_{part}"] = [split.get(part, np.nan) for split in splits]
    return Inference(
        summary,
        labels,
        rows,
        groups,
        ranks,
        mean_ranks(means),
        friedman(means),
        best,
        noise_floor(summary),
    )


def main_labels(summary: Summary) -> tuple[str, ...]:
    """Labels of the group's main methods (ranked_settings.py), those that are scored."""
    usual = [runs.label for runs in main_methods(summary.group)]
    return tuple(label for label in summary.labels if label in usual)


def best_classic(summary: Summary, labels: tuple[str, ...]) -> str | None:
    """The classic method of highest mean Dice; chosen on the test cases, which flatters it a
    little."""
    classic = {runs.label for runs in summary.group.methods if runs.method.name == "classic"}
    found = [label for label in labels if label in classic]
    return max(
        found, key=lambda label: np.nanmean(summary.dice.cells.case_means(label)), default=None
    )


def verdict(
    difference: Interval, inner: Interval, p_adjusted: float, p_equal: float, margin: float = MARGIN
) -> str:
    """better, worse, equal or not told apart.

    better and worse: the 95 % interval excludes 0 and Holm's p is below 0.05. equal: the 90 %
    interval `inner` lies within the margin and the equivalence test rejects a larger difference.
    """
    if p_adjusted < ALPHA and difference.low > 0:
        return BETTER
    if p_adjusted < ALPHA and difference.high < 0:
        return WORSE
    if p_equal < ALPHA and -margin < inner.low and inner.high < margin:
        return EQUAL
    return OPEN


def noise_floor(summary: Summary) -> tuple[Noise, ...]:
    """Runs of the group that should be equal: the no-ops of Q2 and Q3 against `none`, repeats of
    one run, and seeds against each other."""
    group, cells = summary.group, summary.dice.cells
    found = []
    for transform, words in _no_ops(group).items():
        label, base = _label_of(group, transform), summary.none_label
        if base is None or label is None or label not in cells.labels:
            continue
        differences = cells.differences(label, base)
        if len(differences):
            size = abs(float(differences.mean()))
            found.append(Noise(words, 1, size, size))
    repeats = [
        _repeat_differences(record)
        for runs in group.methods
        for record in runs.done
        if record.repeats
    ]
    seeds = [seed_differences(cells.of_method(label)) for label in cells.labels]
    for words, parts in (
        ("the same run computed again, same seed", repeats),
        ("one seed against another, same method", seeds),
    ):
        sizes = np.abs(np.concatenate(parts or [np.zeros(0)]))
        if len(sizes):
            typical = float(np.sqrt((sizes**2).mean()))
            found.append(Noise(words, len(sizes), typical, float(sizes.max())))
    return tuple(found)


def _repeat_differences(record: Record) -> np.ndarray:
    """The mean difference in Dice of every pair of a run and its repeats (`--repeat`)."""
    return seed_differences(
        np.array([[row.dice for row in record.cases], *(repeat.dice for repeat in record.repeats)])
    )


def _apart(dice: Bootstrap, labels: tuple[str, ...]) -> np.ndarray:
    """bool (methods, methods): the 95 % interval of the pair's difference excludes 0."""
    found = np.zeros((len(labels), len(labels)), bool)
    for a, b in zip(*np.triu_indices(len(labels), 1), strict=True):
        difference = dice.interval(labels[a], labels[b])
        found[a, b] = found[b, a] = difference.low > 0 or difference.high < 0
    return found


def _no_ops(group: Group) -> dict[str, str]:
    """Transforms that the group's protocol cancels -> what is compared."""
    found = {}
    if group.spec.protocol.renormalise:
        found["brightness"] = "brightness against none, cancelled by renormalise (Q3)"
    if group.spec.protocol.deepstack == "dropped":
        found["deepstack"] = "dropped deepstack against none (Q2)"
    return found


def _label_of(group: Group, transform: str) -> str | None:
    classic = (runs for runs in group.methods if runs.method.name == "classic")
    return next((runs.label for runs in classic if runs.method.transform == transform), None)


def _rank_range(shares: np.ndarray) -> tuple[int, int]:
    """The ranks between which 95 % of the resamples lie."""
    reached = np.cumsum(shares)
    return int(np.argmax(reached > 0.025)) + 1, int(np.argmax(reached >= 0.975 - 1e-12)) + 1


def _against(dice: Bootstrap, labels: tuple[str, ...], reference: str | None) -> pd.DataFrame:
    """Every method minus the reference: difference and interval, tests, smallest detectable
    difference, verdict. One row per method, with nan and verdict '' for the reference itself."""
    names = ("pairs", "difference", "low", "high", "p_equal", "detectable", "p")
    numbers = np.full((len(labels), len(names)), np.nan)
    if reference is not None:
        for place, label in enumerate(labels):
            if label != reference:
                numbers[place] = _test(dice, label, reference)
    frame = pd.DataFrame(numbers, columns=names)
    frame.insert(len(names) - 1, "verdict", "")
    frame["p_holm"] = holm(frame["p"].to_numpy())
    if reference is not None:
        for place, label in enumerate(labels):
            if label != reference:
                outer = dice.interval(label, reference)
                inner = dice.interval(label, reference, 1 - 2 * ALPHA)
                p_holm, p_equal = frame.loc[place, "p_holm"], frame.loc[place, "p_equal"]
                frame.loc[place, "verdict"] = verdict(outer, inner, p_holm, p_equal)
    return frame


def _test(dice: Bootstrap, label: str, reference: str) -> tuple[float, ...]:
    """The numbers of `_against` for one method: pairs to p."""
    differences, found = dice.cells.differences(label, reference), dice.interval(label, reference)
    detectable = smallest_detectable(found.error, found.n)
    ends = found.low, found.high
    p_equal, p_value = equivalence(differences), signed_rank(differences)
    return found.n, found.mean, *ends, p_equal, detectable, p_value
