"""The leaderboard: one table per dataset and source, one row per method of each comparison.

Ranks and ties hold within a comparison only, so the page shows one comparison at a time and says
so. Methods with enough runs for a verdict come first; the others take no rank. Not here: the
numbers (summaries.py, inference.py), the drawing of gains and costs (gain_cost.py).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmark.core.texts import one_line
from reports.board.gain_cost import GainCost, gain_cost
from reports.board.pairs import board_key, opening_order
from reports.board.pills import Pill, pill_of
from reports.comparison.badges import Mark, badges, owners
from reports.comparison.caveats import warnings
from reports.comparison.format import (
    ABSENT,
    clock,
    detectable_text,
    difference_text,
    factor_text,
    rank_range,
    rounded,
    spread,
    with_interval,
)
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.labels import preset_label, protocol_label
from reports.comparison.links import method_page
from reports.comparison.ranked_settings import main_methods
from reports.comparison.study import Comparison
from reports.records.times import RunTime

_MANY_SEEDS = 3
_FULL, _HALF, _EMPTY = "●", "◐", "○"


@dataclass(frozen=True)
class Row:
    """A method of one comparison, as text; `order` holds the numbers that columns are sorted by,
    None where absent."""

    label: str
    page: str  # of the method
    name: str
    settings: str  # n, and what else is unlike the other rows of its method
    family: str
    usual: bool  # its method's main setting, so that it is ranked; the others form curves
    best: bool  # the best classic method
    owner: str
    badges: tuple[str, ...]
    rank: str
    dice: str
    dice_sd: str
    difference: str
    seeds: str  # of the difference, where they are one or two
    against_best: str
    pill: Pill
    detectable: str  # beside the verdict: the smallest difference that could be shown
    ties: str
    time: str
    factor: str
    other_machine: bool
    dots: str
    evidence: str  # '5/9'
    absent: str
    order: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """The rows of one comparison, with what tells it from the others of its board.

    footnotes: settings that the rows share, and whose times compare.
    """

    id: str
    rules: str
    protocol: str
    network: str
    preset: str
    share: str
    pixels: int
    page: str
    warnings: tuple[str, ...]
    counts: dict[str, int]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...]
    figure: GainCost | None


@dataclass(frozen=True)
class Board:
    """All comparisons of one dataset and source. The page opens with the first one."""

    id: str
    heading: str
    synthetic: bool
    licence: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """The heading without what stands in brackets at its end: which part of the images."""
        return self.heading.split(" (")[0]

    @property
    def part(self) -> str:
        """What stands in those brackets."""
        return self.heading.removeprefix(self.title).strip(" ()")

    @property
    def rows(self) -> list[Row]:
        """The rows of all comparisons."""
        return [row for one in self.sections for row in one.rows]

    @property
    def swept(self) -> bool:
        """Whether some rows are other settings of a method than the one that is ranked."""
        return len({row.usual for row in self.rows}) == 2

    @property
    def others(self) -> list[tuple[str, str]]:
        """(page, what is unlike the first comparison) of all others."""
        first, found = self.sections[0], []
        for one in self.sections[1:]:
            pairs = (
                (f"protocol {one.protocol}", one.protocol == first.protocol),
                (one.network, one.network == first.network),
                (f"preset {one.preset}", one.preset == first.preset),
                (f"{one.share} of the training cases", one.share == first.share),
            )
            words = [text for text, same in pairs if not same]
            found.append((one.page, ", ".join(words) or one.rules))
        return found

    @property
    def doubtful(self) -> list[Section]:
        """The comparisons with warnings."""
        return [one for one in self.sections if one.warnings]


def board_section(comparison: Comparison, marks: Mapping[str, Mark]) -> Section:
    """The rows of one comparison: ranked ones first, then by Dice."""
    group, summary = comparison.group, comparison.summary
    spec, ranked = group.spec, {runs.label for runs in main_methods(group)}
    rows = [board_row(comparison, label, marks, label in ranked) for label in group.by_label]
    return Section(
        id=group.id,
        rules=group.rules,
        protocol=protocol_label(spec.protocol),
        network=one_line(spec.architecture),
        preset=preset_label(spec.preset),
        share=f"{100 * spec.training_share:g} %",
        pixels=spec.preset.size,
        page=group.page,
        warnings=tuple(warnings(summary)),
        counts=counts(group),
        rows=tuple(sorted(rows, key=_by_rank)),
        footnotes=(*group.shared_settings, *time_notes(comparison)),
        figure=gain_cost(comparison),
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
        joined[board_key(group)].append(group)
    return [
        Board(
            id=f"board-{number}",
            heading=members[0].heading,
            synthetic=members[0].spec.source.synthetic,
            licence=one_line(members[0].spec.source.licence),
            sections=tuple(sections[group.id] for group in sorted(members, key=opening_order)),
        )
        for number, members in enumerate(joined.values())
    ]


def board_row(
    comparison: Comparison, label: str, marks: Mapping[str, Mark], usual: bool = True
) -> Row:
    """One method of a comparison."""
    group, inference = comparison.group, comparison.inference
    runs, numbers = group.by_label[label], comparison.summary.by_label[label]
    tested = inference.by_label.get(label) if inference else None
    is_reference = label == group.none_label
    best = inference.best_classic if inference else None
    keys = [record.key for record in runs.records]
    time = comparison.times.get(label)
    reference = "reference" if numbers["cases"] else ABSENT
    return Row(
        label=label,
        page=f"{method_page(runs.method)}#{group.id}",
        name=group.short[label].name,
        settings=group.short[label].settings,
        family=runs.method.name,
        usual=usual,
        best=label == best,
        owner=owners(keys, marks),
        badges=tuple(badges(keys, marks)),
        rank=rank_range(tested["rank_low"], tested["rank_high"]) if tested else ABSENT,
        dice=rounded(numbers["dice_mean"], 1, 100),
        dice_sd=spread(numbers["dice_mean"], numbers["dice_sd"], 1, 100),
        difference=reference if is_reference else difference_text(numbers),
        seeds=_compared_seeds(numbers),
        against_best=_against_best(tested, label == best),
        pill=pill_of(comparison, label),
        detectable=detectable_text(tested) if tested and tested["none_verdict"] else "",
        ties=(tested["ties"] if tested else "") or ABSENT,
        time=clock(time.seconds) if time else ABSENT,
        factor=factor_text(time.factor) if time else "",
        other_machine=bool(time and not time.comparable),
        dots=seed_dots(runs),
        evidence=f"{len(runs.done)}/{runs.expected}",
        absent=runs.absent_text,
        order={
            "rank": _or_none(tested["rank_low"]) if tested else None,
            "dice": _or_none(numbers["dice_mean"]),
            "difference": _or_none(numbers["dice_difference"]),
            "best": _or_none(tested["best_classic_difference"]) if tested else None,
            "seconds": time.seconds if time and time.comparable else None,
            "runs": len(runs.done) / max(runs.expected, 1),
        },
    )


def seed_dots(runs: MethodRuns) -> str:
    """One dot per seed that the comparison asks for: full with all folds, half with some, empty
    with none."""
    seeds = sorted({one.spec.seed for one in runs.records} | {seed for _, seed in runs.missing})
    done = [sum(one.spec.seed == seed for one in runs.done) for seed in seeds]
    return "".join(_FULL if count >= runs.n_folds else _HALF if count else _EMPTY for count in done)


def time_notes(comparison: Comparison) -> list[str]:
    """Whose times compare: the machine of the reference, and which rows ran on others."""
    times = comparison.times
    here = {time.machine for time in times.values() if time.comparable}
    if not here:
        return []
    base = comparison.group.none_label
    factors = any(time.factor for time in times.values())
    over = f"; × is the time over that of {base}" if factors and base else ""
    notes = [f"Training time per run, generator and segmenter, on {_named(here)}{over}."]
    if any(time.busy for time in times.values()):
        notes.append(
            f"A method took less time than {base}, which does least: the machine had other work, so"
            f" these times say little and are not compared."
        )
    others = [time for time in times.values() if not time.comparable]
    if others:
        notes.append(
            f"{len(others)} row{'s' * (len(others) > 1)} ran on another machine or system"
            f" ({_named({time.machine for time in others})}): those times are not compared."
        )
    return notes


def _named(machines: set) -> str:
    """Machines by their processors, and by what else differs."""
    words = sorted(
        ", ".join(filter(None, (one.words, one.instructions, one.system))) for one in machines
    )
    return " and ".join(words) or "an unnamed machine"


def time_text(time: RunTime | None) -> str:
    """'67 min, 15×'; with a remark where it does not compare."""
    if time is None:
        return ABSENT
    end = factor_text(time.factor) if time.comparable else "other machine"
    return ", ".join(filter(None, (clock(time.seconds), end)))


def _against_best(tested: Mapping[str, Any] | None, is_best: bool) -> str:
    if is_best:
        return "is the best classic"
    if not tested:
        return ABSENT
    return with_interval(*(tested[f"best_classic_{end}"] for end in ("difference", "low", "high")))


def _compared_seeds(numbers: Mapping[str, Any]) -> str:
    """'seed 0', 'seeds 0, 1', or '' where at least three seeds are compared."""
    seeds = (numbers["paired_seeds"] or "").split()
    if not 0 < len(seeds) < _MANY_SEEDS:
        return ""
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}"


def _by_rank(row: Row) -> tuple[bool, float]:
    dice = row.order["dice"]
    return row.order["rank"] is None, 1.0 if dice is None else -dice


def _or_none(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
