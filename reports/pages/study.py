"""Pages beyond single comparisons: claims, the paper's tables, figures over settings.

Files they link are written on the way. Not here: the pages of comparisons (comparison.py) and
audits (audits.py), any number.
"""

from collections.abc import Sequence
from typing import Any

from benchmark.core.texts import one_line
from reports.claims.claims import (
    NOT_REPRODUCED,
    NOT_TESTABLE,
    REPRODUCED,
    Verdict,
    judge,
    rule_text,
)
from reports.comparison.links import claim_page
from reports.comparison.setting_curves import FIELDS, families
from reports.comparison.summaries import Summary
from reports.figures.by_setting import setting_figures
from reports.figures.drawing import KINDS, Drawing
from reports.pages.site import Site
from reports.tables.claims import finding_lines, write_claims
from reports.tables.paper import write_paper_tables

MARK = {REPRODUCED: "good", NOT_REPRODUCED: "bad", NOT_TESTABLE: "open"}


def write_study(site: Site, summaries: Sequence[Summary]) -> dict[str, Any]:
    """Writes the pages of the claims, of the paper's tables and of the settings; returns what the
    first page shows.

    That is {"claims": lines of the main claims, "counts": verdict -> how many of them, "settings":
    number of figures}.
    """
    verdicts = judge(summaries)
    files = write_claims(verdicts, site.out / "tables")
    lines = [_claim_line(verdict) for verdict in verdicts]
    main, minor = ([line for line in lines if line["minor"] == small] for small in (False, True))
    counts = {name: sum(line["verdict"] == name for line in main) for name in MARK}
    links = {name: site.link(path) for name, path in files.items()}
    site.write(
        "claims.html.jinja", "claims.html", claims=main, minor=minor, counts=counts, files=links
    )
    for verdict, line in zip(verdicts, lines, strict=True):
        site.write(
            "claim.html.jinja",
            line["page"],
            claim=line,
            needs=verdict.claim.needs,
            rule=rule_text(verdict.claim),
            findings=finding_lines(verdict),
        )
    tables = [
        {
            "title": one.title,
            "table": one.table,
            "notes": one.notes,
            "guide": one.guide,
            "files": {kind: site.link(path) for kind, path in one.files.items()},
        }
        for one in write_paper_tables(summaries, site.out / "tables")
    ]
    site.write("paper.html.jinja", "paper.html", tables=tables)
    figures = [
        figure_links(drawing, site) for drawing in setting_figures(summaries, site.out / "figures")
    ]
    site.write("settings.html.jinja", "settings.html", figures=figures)
    return {"claims": main, "counts": counts, "settings": len(figures)}


def joined_groups(summaries: Sequence[Summary]) -> set[str]:
    """Ids of the groups of four methods or fewer whose runs a figure over networks, shares or
    protocols shows too."""
    joined = [
        member.summary
        for field in FIELDS
        for family in families(summaries, field)
        for member in family.members
    ]
    return {summary.group.id for summary in joined if len(summary.group.methods) <= 4}


def figure_links(drawing: Drawing, site: Site) -> dict[str, str]:
    """A figure as the template shows it: addresses of its files ('' for those not written), its
    title and its text."""
    paths = {kind: getattr(drawing, kind) for kind in KINDS}
    files = {kind: site.link(path) if path else "" for kind, path in paths.items()}
    return files | {"title": drawing.title, "alt": drawing.alt}


def _claim_line(verdict: Verdict) -> dict[str, Any]:
    claim = verdict.claim
    return {
        "id": claim.id,
        "page": claim_page(claim.id),
        "text": one_line(claim.text),
        "where": claim.where,
        "verdict": verdict.verdict,
        "mark": MARK[verdict.verdict],
        "reason": one_line(verdict.reason),
        "minor": claim.minor,
        "found": len(verdict.findings),
    }
