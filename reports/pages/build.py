"""A study -> one folder: the leaderboard, a page per comparison, run and claim, the protocol,
tables and figures.

The pages open from disk, ask nothing of the network, and show every text of a record escaped. Not
here: what a page shows (one module per page), the layout (templates/, assets/).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.core.texts import one_line
from reports.board.first_screen import first_screen
from reports.board.leaderboard import Section, board_section, boards
from reports.comparison.study import Comparison, Study
from reports.figures.drawing import KINDS, only
from reports.figures.panels import Panel
from reports.pages.audits import write_audit_page
from reports.pages.cite import write_cite_page
from reports.pages.claims import write_claim_pages
from reports.pages.comparison import panel_links, write_comparison
from reports.pages.gallery import write_images_page
from reports.pages.methods import write_methods
from reports.pages.overviews import write_paper_page, write_settings_page
from reports.pages.parallel import in_order
from reports.pages.protocol import write_protocol
from reports.pages.run import write_runs
from reports.pages.site import Site
from reports.pages.submissions import write_submissions

# From so many records on, figures are written as SVG alone unless asked for, tables of cases are
# compressed, and the work is spread over processes.
LARGE = 200
RUNS_AT_ONCE = 250  # pages of runs that one process writes in a row
FIGURES = ("auto", "all", "page")
MOST_JOINED = 4  # methods of a comparison that a figure over a setting shows in full


def build(
    study: Study,
    out: Path,
    panels: Mapping[str, Sequence[Panel]] | None = None,
    *,
    figures: str = "auto",
) -> Path:
    """Writes out/index.html with everything it links; returns the path of that page.

    Args:
        study: The records, with problems, marks and refused submissions that the page shows.
        out: The folder.
        panels: Pictures by group (`groups.group_id`), copied into the folder if they lie elsewhere.
        figures: "all" kinds of files, "page" for SVG alone, which the page shows, or "auto": all
            below LARGE records.

    Raises InputError where a panel's file is missing or no picture, or where `out` cannot be
    written.
    """
    panels = dict(panels or {})
    if unknown := sorted(set(panels) - {one.group.id for one in study.comparisons}):
        raise ValueError(f"panels for groups that no record belongs to: {', '.join(unknown)}")
    site, large = Site(out), len(study.records) >= LARGE
    kinds = KINDS if figures == "all" or (figures == "auto" and not large) else ("svg",)
    brief, pictured = joined_groups(study), sum(map(bool, panels.values()))

    def section(one: Comparison) -> tuple[Section, list[dict[str, Any]]]:
        """Writes the page of a comparison; returns its part of the leaderboard and its
        pictures."""
        part = board_section(one, study.marks)
        links = panel_links(panels.get(one.group.id, ()), one.group, site)
        write_comparison(
            site,
            study,
            one,
            part,
            links,
            brief=one.group.id in brief,
            large=large,
            pictured=pictured,
        )
        return part, links

    write_protocol(site)
    # The longest first: what stands for the whole study, then the comparisons by their number of
    # runs; at last the runs.
    order = sorted(study.comparisons, key=lambda one: -len(one.group.records))
    tasks: list[Callable[[], Any]] = [
        partial(write_claim_pages, site, study),
        partial(write_paper_page, site, study),
        partial(write_settings_page, site, study),
        partial(write_audit_page, site, study),
    ]
    whole = len(tasks)
    tasks += [partial(section, one) for one in order]
    for one in order:
        for start in range(0, len(one.group.records), RUNS_AT_ONCE):
            part = slice(start, start + RUNS_AT_ONCE)
            tasks.append(partial(write_runs, site, study, one.group, part))
    with only(kinds):
        workers = None if large else 1
        found = in_order(lambda place: tasks[place](), len(tasks), workers=workers)
    made = found[whole : whole + len(order)]
    sections = {one.group.id: part for one, (part, _) in zip(order, made, strict=True)}
    pictures = {one.group.id: links for one, (_, links) in zip(order, made, strict=True)}
    write_methods(site, study, sections, pictures, brief=large)
    write_images_page(site, study, pictures)
    write_submissions(site, study)
    write_cite_page(site, study)
    return site.write(
        "index.html.jinja",
        "index.html",
        first=first_screen(study),
        boards=boards([one.group for one in study.comparisons], sections),
        claims=found[0],
        problems=[one_line(problem) for problem in study.problems],
        refused=[
            (one_line(one.name), [one_line(reason) for reason in one.reasons])
            for one in study.refused
        ],
        totals={
            name: sum(one.counts[name] for one in sections.values())
            for name in ("done", "failed", "missing")
        },
        all_kinds=kinds == KINDS,
    )


def joined_groups(study: Study) -> set[str]:
    """Ids of the groups of few methods whose runs a figure over networks, shares or protocols shows
    too."""
    members = [
        member.summary.group
        for families in study.families.values()
        for family in families
        for member in family.members
    ]
    return {group.id for group in members if len(group.methods) <= MOST_JOINED}
