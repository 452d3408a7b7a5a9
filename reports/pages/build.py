"""Records -> one folder: the leaderboard, a page per comparison, run and claim, the protocol,
tables and figures.

The pages open from disk, ask nothing of the network, and show every text of a record escaped. Not
here: what a page shows (board.py, comparison.py, run.py, study.py, audits.py,
protocol.py), the layout (templates/, assets/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.texts import one_line
from benchmark.record.record import Record
from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from reports.comparison.badges import Mark, Refused
from reports.comparison.groups import Group, make_groups
from reports.comparison.inference import infer
from reports.comparison.paper_numbers import PAPER_ARCHITECTURE
from reports.comparison.summaries import Summary, summarise
from reports.figures.drawing import KINDS, only
from reports.figures.panels import Panel
from reports.pages.audits import write_audits
from reports.pages.board import Comparison, boards, comparison
from reports.pages.comparison import write_group
from reports.pages.parallel import in_order
from reports.pages.protocol import write_protocol
from reports.pages.run import write_runs
from reports.pages.site import Site
from reports.pages.study import joined_groups, write_study

# From so many records on, figures are written as SVG alone unless asked for, tables of cases are
# compressed, and the work is spread over processes.
LARGE = 200
RUNS_AT_ONCE = 250  # pages of runs that one process writes in a row
FIGURES = ("auto", "all", "page")


@dataclass(frozen=True)
class _Work:
    """All that the parts of the page are made of."""

    site: Site
    summaries: tuple[Summary, ...]
    brief: frozenset[str]
    panels: Mapping[str, Sequence[Panel]]
    generator_defaults: Mapping[str, Any] | None
    marks: Mapping[str, Mark]
    large: bool

    def group(self, number: int) -> Comparison:
        """Writes the page of a comparison; returns its part of the leaderboard."""
        summary = self.summaries[number]
        group, inference = summary.group, infer(summary)
        write_group(
            self.site,
            summary,
            inference,
            self.panels.get(group.id, ()),
            self.generator_defaults,
            self.marks,
            brief=group.id in self.brief,
            large=self.large,
            pictured=sum(map(bool, self.panels.values())),
        )
        return comparison(summary, inference, self.marks, _rank(group))

    def runs(self, number: int, part: slice) -> None:
        """Writes the pages of a part of a comparison's runs."""
        write_runs(
            self.site, self.summaries[number].group, self.generator_defaults, self.marks, part
        )


def build(
    records: Sequence[Record],
    problems: Sequence[str],
    out: Path,
    panels: Mapping[str, Sequence[Panel]] | None = None,
    generator_defaults: Mapping[str, Any] | None = None,
    *,
    marks: Mapping[str, Mark] | None = None,
    refused: Sequence[Refused] = (),
    figures: str = "auto",
) -> Path:
    """Writes out/index.html with everything it links; returns the path of that page.

    problems: sentences on files that could not be read, shown on top. panels: pictures by group
    (`groups.group_id`), copied into the folder if they lie elsewhere. generator_defaults: see
    `commands.repeat_command`. marks: by the key of a record, whose it is and how far it was
    checked. refused: submissions that are not on the page, with their reasons. figures: "all" kinds
    of files, "page" for SVG alone, which the page shows, or "auto": all below LARGE records. Raises
    InputError where a panel's file is missing or no picture, or where `out` cannot be written.
    """
    groups, panels = make_groups(records, generator_defaults), dict(panels or {})
    if unknown := sorted(set(panels) - {group.id for group in groups}):
        raise ValueError(f"panels for groups that no record belongs to: {', '.join(unknown)}")
    site, large = Site(out), len(records) >= LARGE
    kinds = KINDS if figures == "all" or (figures == "auto" and not large) else ("svg",)
    summaries = tuple(summarise(group) for group in groups)
    brief = frozenset(joined_groups(summaries))
    work = _Work(site, summaries, brief, panels, generator_defaults, marks or {}, large)
    write_protocol(site)
    # The longest first: what stands for the whole study, then the comparisons by their number of
    # runs; at last the runs.
    order = sorted(range(len(groups)), key=lambda number: -len(groups[number].records))
    tasks = [lambda: write_study(site, summaries), lambda: write_audits(site, summaries)]
    tasks += [lambda number=number: work.group(number) for number in order]
    tasks += [
        lambda number=number, start=start: work.runs(number, slice(start, start + RUNS_AT_ONCE))
        for number in order
        for start in range(0, len(groups[number].records), RUNS_AT_ONCE)
    ]
    with only(kinds):
        study, audits, *found = in_order(
            lambda place: tasks[place](), len(tasks), workers=None if large else 1
        )
    comparisons = [one for _, one in sorted(zip(order, found, strict=False))] if found else []
    return site.write(
        "index.html.jinja",
        "index.html",
        boards=boards(comparisons),
        study=study,
        audits=audits,
        problems=[one_line(problem) for problem in problems],
        refused=[
            (one_line(one.name), [one_line(reason) for reason in one.reasons]) for one in refused
        ],
        totals={
            name: sum(one.counts[name] for one in comparisons)
            for name in ("done", "failed", "missing")
        },
        all_kinds=kinds == KINDS,
    )


def _rank(group: Group) -> tuple:
    """Order of the comparisons of a board: most methods first, then rigorous, the paper's network,
    all training cases."""
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
