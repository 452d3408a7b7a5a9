"""The leaderboard: one table per dataset and source, one row per method of each comparison.

Ranks and ties hold within a comparison only, so the page shows one comparison at a time and says
so. Not here: the numbers (summaries.py, inference.py).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmark.core.identity import canonical
from benchmark.core.texts import one_line
from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from reports.comparison.badges import Mark, badges, owners
from reports.comparison.caveats import warnings
from reports.comparison.format import ABSENT, measured_spread, rank_range, rounded
from reports.comparison.groups import Group, shared_parts
from reports.comparison.labels import generator_apart, preset_label, protocol_label
from reports.comparison.paper_numbers import PAPER_ARCHITECTURE
from reports.comparison.ranked_settings import main_methods
from reports.comparison.study import Comparison
from reports.pages.parts import heading
from reports.tables.inference import detectable_text, verdict_words
from reports.tables.tables import difference_text

# points: what the interval drawings of a board show at least on either side of 0
_LEAST_REACH = 1.0
_MANY_SEEDS = 3
_CSS = {"better": "good", "worse": "bad"}


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
    seeds: str  # of the difference, where they are one or two
    interval: tuple[float, ...] | None  # points: low, mean, high
    verdict: str
    verdict_css: str
    detectable: str  # beside the verdict: the smallest difference that could be shown
    ties: str
    rank: str
    hd95: str
    cases: str
    runs: str
    absent: str
    seconds: str
    order: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """The rows of one comparison, with what tells it from the others of its board."""

    id: str
    rules: str
    protocol: str
    network: str
    preset: str
    share: str
    unit: str
    page: str
    warnings: tuple[str, ...]
    counts: dict[str, int]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Board:
    """All comparisons of one dataset and source. The page opens with the first one; reach: points
    from 0 to an end of the interval drawings."""

    id: str
    heading: str
    synthetic: bool
    licence: str
    sections: tuple[Section, ...]
    reach: float

    @property
    def rows(self) -> list[Row]:
        """The rows of all comparisons."""
        return [row for one in self.sections for row in one.rows]

    @property
    def swept(self) -> bool:
        """Whether some rows are other settings of a method than the one that is ranked."""
        return len({row.usual for row in self.rows}) == 2

    @property
    def doubtful(self) -> list[Section]:
        """The comparisons with warnings."""
        return [one for one in self.sections if one.warnings]

    def bar(self, row: Row) -> dict[str, float] | None:
        """A row's interval in the units of its drawing, 0 to 100 with 50 for no difference; None
        where it has none."""
        if row.interval is None:
            return None
        places = (50 + 48 * value / self.reach for value in row.interval)
        inside = (round(min(max(place, 1), 99), 1) for place in places)
        return dict(zip(("low", "mean", "high"), inside, strict=True))


def board_section(comparison: Comparison, marks: Mapping[str, Mark]) -> Section:
    """The rows of one comparison, the highest Dice first."""
    group, summary = comparison.group, comparison.summary
    spec, ranked = group.spec, {runs.label for runs in main_methods(group)}
    rows = [_row(comparison, label, marks, label in ranked) for label in group.by_label]
    return Section(
        id=group.id,
        rules=group.rules,
        protocol=protocol_label(spec.protocol),
        network=one_line(spec.architecture),
        preset=preset_label(spec.preset),
        share=f"{100 * spec.training_share:g} %",
        unit=summary.unit or "",
        page=group.page,
        warnings=tuple(warnings(summary)),
        counts=counts(group),
        rows=tuple(sorted(rows, key=_by_dice)),
    )


def counts(group: Group) -> dict[str, int]:
    """Runs of a group that are done, failed and missing."""
    return {
        "done": sum(len(runs.done) for runs in group.methods),
        "failed": sum(len(runs.failed) for runs in group.methods),
        "missing": sum(len(runs.missing) for runs in group.methods),
    }


def boards(groups: Sequence[Group], sections: Mapping[str, Section]) -> list[Board]:
    """The groups by dataset and source, in their order. sections: by the id of a group."""
    joined: dict[tuple[str, ...], list[Group]] = defaultdict(list)
    for group in groups:
        parts = shared_parts(group.spec)
        joined[group.spec.dataset, canonical(parts["source"])].append(group)
    found = []
    for number, members in enumerate(joined.values()):
        ordered = tuple(sections[group.id] for group in sorted(members, key=_opening_order))
        rows = [row for one in ordered for row in one.rows]
        ends = [abs(end) for row in rows for end in row.interval or ()]
        source = members[0].spec.source
        board = Board(
            id=f"board-{number}",
            heading=heading(members[0]),
            synthetic=source.synthetic,
            licence=one_line(source.licence),
            sections=ordered,
            reach=max([_LEAST_REACH, *ends]),
        )
        found.append(board)
    return found


def _opening_order(group: Group) -> tuple:
    """Most methods first, then rigorous, the paper's network, all training cases."""
    spec = group.spec
    protocol, switches = nearest_protocol(spec.protocol)
    return (
        -len(group.methods),
        len(switches),
        PROTOCOL_NAMES.index(protocol),
        spec.architecture != PAPER_ARCHITECTURE,
        -spec.training_share,
        group.id,
    )


def _row(comparison: Comparison, label: str, marks: Mapping[str, Mark], usual: bool) -> Row:
    group, summary, inference = comparison.group, comparison.summary, comparison.inference
    runs, numbers = group.by_label[label], summary.by_label[label]
    tested = inference.by_label.get(label) if inference else None
    is_reference = label == group.none_label
    keys = [record.key for record in runs.records]
    ends = [numbers[f"dice_difference{end}"] for end in ("_low", "", "_high")]
    interval = tuple(100 * end for end in ends) if all(map(_is_number, ends)) else None
    difference = "reference" if is_reference and numbers["cases"] else difference_text(numbers)
    verdict = tested["none_verdict"] if tested and not is_reference else ""
    method, generator = generator_apart(label)
    costs = [numbers[f"{part}_seconds"] for part in ("generator", "segmenter")]
    seconds = sum(filter(_is_number, costs)) if any(map(_is_number, costs)) else None
    return Row(
        method=method,
        generator=generator,
        family=runs.method.name,
        usual=usual,
        owner=owners(keys, marks),
        badges=tuple(badges(keys, marks)),
        dice=measured_spread("dice", numbers, summary.unit),
        difference=difference,
        seeds=_compared_seeds(numbers),
        interval=interval,
        verdict=verdict_words(verdict, inference.margin if inference else 0),
        detectable=detectable_text(tested) if tested and verdict else "",
        verdict_css=_CSS.get(verdict, ""),
        ties=(tested["ties"] if tested else "") or ABSENT,
        rank=rank_range(tested["rank_low"], tested["rank_high"]) if tested else ABSENT,
        hd95=measured_spread("hd95", numbers, summary.unit),
        cases=str(numbers["cases"]),
        runs=runs.done_of_expected,
        absent=runs.absent_text,
        seconds=rounded(seconds, 1),
        order={
            "dice": _or_none(numbers["dice_mean"]),
            "difference": _or_none(numbers["dice_difference"]),
            "hd95": _or_none(numbers["hd95_mean"]),
            "rank": _or_none(tested["rank_low"]) if tested else None,
            "runs": len(runs.done) / max(runs.expected, 1),
            "seconds": seconds,
        },
    )


def _compared_seeds(numbers: Mapping[str, Any]) -> str:
    """'seed 0 only', 'seeds 0 and 1 only', or '' where at least three seeds are compared."""
    seeds = (numbers["paired_seeds"] or "").split()
    if not 0 < len(seeds) < _MANY_SEEDS:
        return ""
    return f"seed{'s' * (len(seeds) > 1)} {' and '.join(seeds)} only"


def _by_dice(row: Row) -> float:
    dice = row.order["dice"]
    return 1 if dice is None else -dice


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _or_none(value: float | None) -> float | None:
    return value if _is_number(value) else None
