"""What a group's Dice values allow to say of its methods: differences, verdicts, ties, ranks,
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
from datasets.tasks.catalogue import TASKS
from reports.comparison.groups import Group
from reports.comparison.ranked_settings import main_methods
from reports.comparison.summaries import Summary
from reports.statistics.paired import ALPHA
from reports.statistics.power import Design
from reports.statistics.ranks import mean_ranks
from reports.statistics.variance import seed_differences, variance_split
from reports.statistics.verdicts import Verdicts


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
    groups: ties, as places in `labels`; only methods with enough runs are in one. mean_ranks: of
    these methods, nan for others. best_classic: the classic method with the highest mean Dice, of
    those with enough runs if there are any; None without one. design: what a difference of two of
    the methods is made of, None where no two ran the same seeds.
    """

    summary: Summary
    labels: tuple[str, ...]
    verdicts: Verdicts
    rows: pd.DataFrame
    groups: list[tuple[int, ...]]
    mean_ranks: np.ndarray
    best_classic: str | None
    design: Design | None
    noise: tuple[Noise, ...]

    @cached_property
    def by_label(self) -> dict[str, dict[str, Any]]:
        """The rows of `rows` by the label of their method."""
        return {row["method"]: row for row in self.rows.to_dict("records")}

    @property
    def margin(self) -> float:
        """Two methods are equal if their Dice differs by less; a fraction of 1."""
        return self.verdicts.margin

    @cached_property
    def out_of_reach(self) -> int:
        """How many pairs with enough runs could not be called equal at any mean: the 90 % interval
        is wider than twice the margin."""
        pairs = [pair for pair in self.verdicts.p_holm if pair[0] < pair[1]]
        ends = [self.summary.dice.interval(a, b, 1 - 2 * ALPHA) for a, b in pairs]
        return sum(end.high - end.low >= 2 * self.margin for end in ends)


def infer(summary: Summary) -> Inference | None:
    """All statistics of a group, or None where fewer than two methods are scored."""
    labels = main_labels(summary)
    if len(labels) < 2:
        return None
    spec, cells, base = summary.group.spec, summary.dice.cells, summary.group.none_label
    margin = TASKS.of_results(spec.dataset).margin_points / 100
    verdicts = Verdicts(summary.dice, labels, spec.preset.n_folds, margin)
    means = np.stack([cells.case_means(label) for label in labels])
    by_label = dict(zip(labels, np.nanmean(means, axis=1), strict=True))
    best = best_classic(summary, verdicts.ranked) or best_classic(summary, labels)
    letters = verdicts.letters(by_label)
    ranks = [verdicts.rank_range(label) or (np.nan, np.nan) for label in labels]
    rows = pd.DataFrame(
        {
            "method": labels,
            "cases": np.isfinite(means).sum(1),
            "dice_mean": list(by_label.values()),
            "ties": [letters[label] for label in labels],
            "rank_low": [low for low, _ in ranks],
            "rank_high": [high for _, high in ranks],
        }
    )
    for name, reference in (("none", base if base in labels else None), ("best_classic", best)):
        rows = pd.concat([rows, _against(verdicts, reference).add_prefix(f"{name}_")], axis=1)
    splits = [variance_split(cells.of_method(label), cells.folds).shares() for label in labels]
    for part in ("fold", "case", "training", "rest"):
        rows[f"variance_{part}"] = [split.get(part, np.nan) for split in splits]
    places = {label: place for place, label in enumerate(labels)}
    ranked = [places[label] for label in verdicts.ranked]
    shown_ranks = np.full(len(labels), np.nan)
    shown_ranks[ranked] = mean_ranks(means[ranked])
    return Inference(
        summary,
        labels,
        verdicts,
        rows,
        [tuple(places[label] for label in group) for group in verdicts.groups(by_label)],
        shown_ranks,
        best,
        summary.dice.design(labels),
        noise_floor(summary),
    )


def main_labels(summary: Summary) -> tuple[str, ...]:
    """Labels of the group's main methods (ranked_settings.py), those that are scored."""
    usual = [runs.label for runs in main_methods(summary.group)]
    return tuple(label for label in summary.labels if label in usual)


def best_classic(summary: Summary, labels: tuple[str, ...]) -> str | None:
    """The classic method of highest mean Dice; chosen on the test cases, which flatters it a
    little."""
    classic = {
        runs.label
        for runs in summary.group.methods
        if runs.method.name == "classic" and not runs.method.further_epochs
    }
    found = [label for label in labels if label in classic]
    return max(
        found, key=lambda label: np.nanmean(summary.dice.cells.case_means(label)), default=None
    )


def noise_floor(summary: Summary) -> tuple[Noise, ...]:
    """Runs of the group that should be equal: the no-ops of Q2 and Q3 against `none`, repeats of
    one run, and seeds against each other."""
    group, cells = summary.group, summary.dice.cells
    found = []
    for transform, words in _no_ops(group).items():
        label, base = _label_of(group, transform), summary.none_label
        if base is None or label is None or label not in cells.labels:
            continue
        difference = summary.dice.of(label, base)
        if difference.n:
            found.append(Noise(words, 1, abs(difference.mean), abs(difference.mean)))
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


def _against(verdicts: Verdicts, reference: str | None) -> pd.DataFrame:
    """Every method minus the reference. One row per method, with nan and '' for the reference.

    Columns: pairs (cases), difference, low, high, seeds that are compared, p, p_holm (nan outside
    the family), p_equal, detectable (the smallest true difference that the test finds in 80 % of
    repetitions after Bonferroni's correction, which Holm's never exceeds), verdict.
    """
    alpha = ALPHA / max(verdicts.tests, 1)
    rows: list[dict[str, Any]] = []
    for label in verdicts.labels:
        if reference is None or label == reference:
            rows.append({"seeds": "", "verdict": ""})
            continue
        found = verdicts.differences.of(label, reference)
        interval = found.interval()
        rows.append(
            {
                "pairs": found.n,
                "difference": found.mean,
                "low": interval.low,
                "high": interval.high,
                "seeds": " ".join(map(str, found.seeds)),
                "p": found.p,
                "p_holm": verdicts.p_holm.get((label, reference), np.nan),
                "p_equal": found.p_equal(verdicts.margin),
                "detectable": found.detectable(alpha),
                "verdict": verdicts.words(label, reference),
            }
        )
    return pd.DataFrame(rows, columns=list(_AGAINST))


_AGAINST = (
    "pairs",
    "difference",
    "low",
    "high",
    "seeds",
    "p",
    "p_holm",
    "p_equal",
    "detectable",
    "verdict",
)
