"""The leaderboard: one table per dataset and source, one row per method of each comparison.

Ranks and ties hold within a comparison only, so the page shows one comparison at a time and says
so. Not here: the numbers (summaries.py, inference.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmark.core.texts import one_line
from datasets.tasks.catalogue import TASKS
from reports.comparison.badges import Mark, badges, owners
from reports.comparison.caveats import warnings
from reports.comparison.format import ABSENT, absent_runs, measured_spread, rounded, signed
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.inference import Inference
from reports.comparison.labels import generator_apart, preset_label, protocol_label
from reports.comparison.links import group_page
from reports.comparison.ranked_settings import main_methods
from reports.comparison.summaries import Summary, none_label
from reports.tables.inference import VERDICT_WORDS

# points: what the interval drawings of a board show at least on either side of 0
_LEAST_REACH = 1.0
_CSS = {"better": "good", "worse": "bad", "equal": "", "not told apart": "", "": ""}


@dataclass(frozen=True)
class Row:
    """A method of one comparison, as text; `order` holds the numbers that columns are sorted by,
    None where absent."""

    method: str
    generator: str  # its settings, where they belong to the label
    family: str
    usual: bool  # its method's main setting, so that it is ranked; the others form curves
    owner: str
    badges: tuple[str, ...]
    dice: str
    difference: str
    interval: tuple[float, float, float] | None  # points: low, mean, high
    verdict: str
    verdict_css: str
    ties: str
    rank: str
    hd95: str
    cases: str
    runs: str
    absent: str
    seconds: str
    order: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """The rows of one group, with what tells it from the other comparisons of its board."""

    id: str
    board: tuple
    rank: tuple
    heading: str
    synthetic: bool
    rules: str
    protocol: str
    network: str
    preset: str
    share: str
    cases: int
    unit: str
    page: str
    licence: str
    warnings: tuple[str, ...]
    counts: dict[str, int]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Board:
    """All comparisons of one dataset and source. `shown`: the id of the one that the page opens
    with."""

    id: str
    heading: str
    synthetic: bool
    licence: str
    comparisons: tuple[Comparison, ...]
    shown: str
    reach: float

    @property
    def owned(self) -> bool:
        """Whether any row was submitted by somebody."""
        return any(row.owner for one in self.comparisons for row in one.rows)

    @property
    def swept(self) -> bool:
        """Whether some rows are other settings of a method than the one that is ranked."""
        return len({row.usual for one in self.comparisons for row in one.rows}) == 2

    @property
    def doubtful(self) -> list[Comparison]:
        """The comparisons with warnings."""
        return [one for one in self.comparisons if one.warnings]

    def bar(self, row: Row) -> dict[str, float] | None:
        """A row's interval in the units of its drawing, 0 to 100 with 50 for no difference; None
        where it has none."""
        if row.interval is None:
            return None
        low, mean, high = (min(max(50 + 48 * value / self.reach, 1), 99) for value in row.interval)
        return {"low": round(low, 1), "mean": round(mean, 1), "high": round(high, 1)}


def heading(group: Group) -> str:
    """'Prostate MRI, MSD Task05_Prostate'."""
    return f"{TASKS.of_results(group.spec.dataset).title}, {one_line(group.spec.source.title)}"


def comparison(
    summary: Summary, inference: Inference | None, marks: Mapping[str, Mark], rank: tuple
) -> Comparison:
    """The rows of one group. rank: sorts the comparisons of a board, the one that opens the page
    first."""
    group, spec = summary.group, summary.group.spec
    found = {row["method"]: row for row in inference.rows.to_dict("records")} if inference else {}
    ranked = {runs.label for runs in main_methods(group)}
    rows = [
        _row(summary, runs, row, found.get(runs.label), marks, runs.label in ranked)
        for runs, row in zip(group.methods, summary.rows.to_dict("records"), strict=True)
    ]
    return Comparison(
        id=group.id,
        board=(
            spec.dataset,
            spec.source.synthetic,
            spec.source.kind,
            spec.source.title,
            spec.source.fingerprint,
        ),
        rank=rank,
        heading=heading(group),
        synthetic=spec.source.synthetic,
        rules=", ".join(group.rules),
        protocol=protocol_label(spec.protocol),
        network=one_line(spec.architecture),
        preset=preset_label(spec.preset),
        share=f"{100 * spec.training_share:g} %",
        cases=len(summary.cases.drop_duplicates(["fold", "case"])),
        unit=summary.unit or "",
        page=group_page(group.slug),
        licence=one_line(spec.source.licence),
        warnings=tuple(warnings(summary)),
        counts=counts(group),
        rows=tuple(
            sorted(rows, key=lambda row: -(-1 if row.order["dice"] is None else row.order["dice"]))
        ),
    )


def counts(group: Group) -> dict[str, int]:
    """Runs of a group that are done, failed and missing."""
    return {
        "done": sum(len(runs.done) for runs in group.methods),
        "failed": sum(len(runs.failed) for runs in group.methods),
        "missing": sum(len(runs.missing) for runs in group.methods),
    }


def boards(comparisons: Sequence[Comparison]) -> list[Board]:
    """The comparisons by dataset and source, in their order; a board opens with the one that has
    most methods."""
    joined: dict[tuple, list[Comparison]] = defaultdict(list)
    for one in comparisons:
        joined[one.board].append(one)
    found = []
    for number, ones in enumerate(joined.values()):
        ends = [
            abs(end) for one in ones for row in one.rows if row.interval for end in row.interval
        ]
        ordered = sorted(ones, key=lambda one: one.rank)
        found.append(
            Board(
                f"board-{number}",
                ones[0].heading,
                ones[0].synthetic,
                ones[0].licence,
                tuple(ordered),
                ordered[0].id,
                max([_LEAST_REACH, *ends]),
            )
        )
    return found


def _row(
    summary: Summary,
    runs: MethodRuns,
    row: dict[str, Any],
    found: dict[str, Any] | None,
    marks: Mapping[str, Mark],
    usual: bool,
) -> Row:
    keys = [record.key for record in (*runs.done, *runs.failed)]
    ends = [row["dice_difference_low"], row["dice_difference"], row["dice_difference_high"]]
    interval = (
        None
        if any(end is None or np.isnan(end) for end in ends)
        else tuple(100 * float(end) for end in ends)
    )
    difference = signed(row["dice_difference"], 1, 100)
    if interval:
        difference += f" [{signed(ends[0], 1, 100)}, {signed(ends[2], 1, 100)}]"
    base = runs.label == none_label(summary.group)
    verdict = (found or {}).get("none_verdict") or ""
    method, generator = generator_apart(runs.label)
    seconds = [
        value
        for value in (row["generator_seconds"], row["segmenter_seconds"])
        if not np.isnan(value)
    ]
    return Row(
        method=method,
        generator=generator,
        family=runs.method.name,
        usual=usual,
        owner=owners(keys, marks),
        badges=tuple(badges(keys, marks)),
        dice=measured_spread("dice", row, summary.unit),
        difference="reference" if base and row["cases"] else difference,
        interval=interval,
        verdict=ABSENT if base else VERDICT_WORDS.get(verdict, ABSENT),
        verdict_css=_CSS.get(verdict, ""),
        ties=found["ties"] if found else ABSENT,
        rank="–".join(str(end) for end in dict.fromkeys((found["rank_low"], found["rank_high"])))
        if found
        else ABSENT,
        hd95=measured_spread("hd95", row, summary.unit),
        cases=str(row["cases"]),
        runs=f"{row['runs_done']} of {row['runs_expected']}",
        absent=absent_runs(row),
        seconds=rounded(sum(seconds), 1) if seconds else ABSENT,
        order={
            "dice": _number(row["dice_mean"]),
            "difference": _number(row["dice_difference"]),
            "hd95": _number(row["hd95_mean"]),
            "rank": found["rank_low"] if found else None,
            "runs": row["runs_done"] / max(row["runs_expected"], 1),
            "seconds": sum(seconds) if seconds else None,
        },
    )


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
