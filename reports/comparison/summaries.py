"""Means, spreads, gains and paired differences of one comparison group, in full precision. Not
here: rounding and layout (tables.py), which runs belong together (groups.py), tests and verdicts
(inference.py)."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.metrics.definitions import CASE_TABLE_METRICS, METRICS, TABLE_METRICS
from benchmark.spec.protocol import Protocol
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.paper_numbers import paper_gain_percent, paper_method, paper_value
from reports.records.load import GENERATOR_STAGES, SEGMENTER_STAGES, case_frame, stage_seconds
from reports.statistics.case_grid import Cells
from reports.statistics.differences import Differences

# Not to be averaged over cases of different units.
IN_CASE_UNITS = [
    name for name in TABLE_METRICS if METRICS[name].kind == "distance" or METRICS[name].tolerance
]


@dataclass(frozen=True, eq=False)
class Summary:
    """A group in numbers.

    cases: one row per test case of every done run, as recorded, with the table's label in `method`.
    values: one row per method, fold and case: TABLE_METRICS averaged over seeds, the protocol's
    HD95 and ASSD chosen. rows: one row per method, the columns of the summary CSV. unit: of all
    distances, or None where cases with different units stand in one group; distances are then nan.
    dice: differences in Dice of all methods with a scored case.
    """

    group: Group
    cases: pd.DataFrame
    values: pd.DataFrame
    rows: pd.DataFrame
    unit: str | None
    dice: Differences

    @functools.cached_property
    def by_label(self) -> dict[str, dict[str, Any]]:
        """The rows of `rows` by the label of their method, in the order of the table."""
        return {row["method"]: row for row in self.rows.to_dict("records")}

    @functools.cached_property
    def labels(self) -> list[str]:
        """Labels of the methods that have at least one scored case, in the order of the table."""
        there = set(self.values["method"])
        return [runs.label for runs in self.group.methods if runs.label in there]

    @property
    def none_label(self) -> str | None:
        """Label of the row without augmentation where it is scored, else None."""
        base = self.group.none_label
        return base if base in self.labels else None

    def of(self, label: str) -> pd.DataFrame:
        """The seed-averaged case values of one method."""
        return self.values[self.values["method"] == label]


def summarise(group: Group) -> Summary:
    """All numbers of a group."""
    done = [(runs.label, record) for runs in group.methods for record in runs.done]
    labels = [label for label, record in done for _ in range(len(record.cases))]
    cases = case_frame([record for _, record in done]).assign(method=labels)
    units = cases["unit"].unique()
    unit = str(units[0]) if len(units) == 1 else None
    values = case_values(cases, group.spec.protocol)
    if unit is None:
        values[IN_CASE_UNITS] = np.nan
    scored = set(cases["method"])
    dice = Differences(
        Cells.of(cases, "dice", [runs.label for runs in group.methods if runs.label in scored])
    )
    rows = pd.DataFrame([_row(group, runs, cases, values, dice) for runs in group.methods])
    rows.insert(0, "unit", unit)
    return Summary(group, cases, values, rows, unit, dice)


def headline_columns(protocol: Protocol) -> dict[str, str]:
    """Which recorded column stands for each metric of the tables under the protocol's switches hd95
    (Q11) and assd (Q28)."""
    columns = {name: name for name in CASE_TABLE_METRICS}
    for name, metric in METRICS.items():
        if metric.in_place_of:
            switch, value = metric.in_place_of
            if getattr(protocol, switch) == value:
                columns[switch] = name
    return columns


def case_values(cases: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """One row per method, fold and case: the TABLE_METRICS, each the mean over the seeds that were
    run."""
    columns = headline_columns(protocol)
    chosen = pd.DataFrame({name: cases[columns[name]] for name in TABLE_METRICS})
    keyed = pd.concat([cases[["method", "fold", "case"]], chosen], axis=1)
    return keyed.groupby(["method", "fold", "case"], sort=True, as_index=False).mean()


def mean_and_sd(
    values: pd.DataFrame, aggregate: str, metrics: Sequence[str] = TABLE_METRICS
) -> tuple[pd.Series, pd.Series]:
    """Mean and SD of each metric in the case values of one method.

    aggregate "cases": over all cases, SD with n - 1; "folds": the mean of the fold means and the
    root mean square of the fold SDs, each with n, as the authors' release does (Q19).
    """
    numbers, mean = values[list(metrics)], mean_of(values, aggregate, metrics)
    if aggregate == "cases":
        return mean, numbers.std()
    return mean, np.sqrt((numbers.groupby(values["fold"]).std(ddof=0) ** 2).mean())


def mean_of(values: pd.DataFrame, aggregate: str, metrics: Sequence[str]) -> pd.Series:
    """The means of `mean_and_sd` alone."""
    numbers = values[list(metrics)]
    if aggregate == "cases":
        return numbers.mean()
    return numbers.groupby(values["fold"]).mean().mean()


def same_runs(
    cases: pd.DataFrame, values: pd.DataFrame, cells: Cells, a: str, b: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Dice of both methods by fold and case, averaged over the seeds that they are compared on:
    those that both ran in a fold, or all of each where they share none (differences.py).

    values: of the same cases, averaged over all seeds (`case_values`); taken where no run is left
    out. cells: the Dice of the same cases.
    """
    of_a, of_b = cells.runs(a), cells.runs(b)
    shared = of_a & of_b
    folds = {fold for fold, _ in shared}
    means = values
    if any(fold in folds for fold, _ in of_a ^ of_b):
        rows = cases.loc[cases["method"].isin((a, b)), ["method", "fold", "seed", "case", "dice"]]
        drawn = zip(rows["fold"].tolist(), rows["seed"].tolist(), strict=True)
        used = rows[[run in shared or run[0] not in folds for run in drawn]]
        means = used.groupby(["method", "fold", "case"], as_index=False)["dice"].mean()
    return means[means["method"] == a], means[means["method"] == b]


def case_differences(rows_a: pd.DataFrame, rows_b: pd.DataFrame, metric: str = "dice") -> pd.Series:
    """a - b for each (fold, case) that both have, sorted by it."""
    a, b = (rows.groupby(["fold", "case"])[metric].mean() for rows in (rows_a, rows_b))
    both = a.index.intersection(b.index).sort_values()
    return a.loc[both] - b.loc[both]


def relative_gain_percent(
    rows_a: pd.DataFrame, rows_b: pd.DataFrame, aggregate: str
) -> tuple[float, int]:
    """(gain of a over b in mean Dice, % of b; number of cases), over the cases that both have."""
    keys_a, keys_b = (
        list(zip(rows["fold"].tolist(), rows["case"].tolist(), strict=True))
        for rows in (rows_a, rows_b)
    )
    pairs_a, pairs_b = rows_a, rows_b
    if keys_a != keys_b:
        both = set(keys_a) & set(keys_b)
        pairs_a = rows_a[[key in both for key in keys_a]]
        pairs_b = rows_b[[key in both for key in keys_b]]
    if pairs_a.empty:
        return float("nan"), 0
    mean_a, mean_b = (mean_of(rows, aggregate, ["dice"])["dice"] for rows in (pairs_a, pairs_b))
    return (float(100 * (mean_a - mean_b) / mean_b) if mean_b > 0 else float("nan")), len(pairs_a)


def _row(
    group: Group, runs: MethodRuns, cases: pd.DataFrame, values: pd.DataFrame, dice: Differences
) -> dict[str, Any]:
    spec, method = group.spec, runs.method
    mine = values[values["method"] == runs.label]
    mean, sd = mean_and_sd(mine, spec.protocol.aggregate)
    row: dict[str, Any] = {
        "method": runs.label,
        "name": method.name,
        "transform": method.transform,
        "ratio": method.ratio,
        "alpha": method.alpha,
        "patch_size": method.patch_size,
        "cases": len(mine),
        "runs_done": len(runs.done),
        "runs_expected": runs.expected,
        "seeds": " ".join(str(seed) for seed in sorted({record.spec.seed for record in runs.done})),
        "missing": runs.missing_text,
        "failed": runs.failed_text,
        "missed_predictions": int(cases.loc[cases["method"] == runs.label, "missed"].sum()),
    }
    for metric in TABLE_METRICS:
        row |= {f"{metric}_mean": mean[metric], f"{metric}_sd": sd[metric]}
    row |= _against_none(group, runs.label, cases, values, dice) | _paper_columns(group, runs)
    for part, stages in (("generator", GENERATOR_STAGES), ("segmenter", SEGMENTER_STAGES)):
        seconds = [stage_seconds(record, stages) for record in runs.done]
        row[f"{part}_seconds"] = sum(seconds) / len(seconds) if seconds else float("nan")
    return row


def _against_none(
    group: Group, label: str, cases: pd.DataFrame, values: pd.DataFrame, dice: Differences
) -> dict[str, Any]:
    base = group.none_label
    names = (
        "dice_difference",
        "dice_difference_low",
        "dice_difference_high",
        "gain_percent",
        "paired_cases",
        "paired_seeds",
    )
    if base is None or label == base or not {base, label} <= set(dice.cells.labels):
        return dict.fromkeys(names) | {"paired_seeds": ""}
    mine, reference = same_runs(cases, values, dice.cells, label, base)
    found = dice.of(label, base)
    difference = found.interval()
    gain, _ = relative_gain_percent(mine, reference, group.spec.protocol.aggregate)
    return dict(
        zip(
            names,
            (
                difference.mean,
                difference.low,
                difference.high,
                gain,
                found.n,
                " ".join(map(str, found.seeds)),
            ),
            strict=True,
        )
    )


def _paper_columns(group: Group, runs: MethodRuns) -> dict[str, Any]:
    dataset, name = group.spec.dataset, paper_method(runs.method, group.spec.preset)
    row: dict[str, Any] = {"paper_method": name or ""}
    for metric in ("dice", "hd95"):
        value = paper_value(dataset, name, metric)
        row[f"paper_{metric}_mean"] = value.mean if value else None
        row[f"paper_{metric}_sd"] = value.sd if value else None
    row["paper_gain_percent"] = paper_gain_percent(dataset, name)
    row["not_comparable"] = "; ".join(group.not_comparable)
    return row
