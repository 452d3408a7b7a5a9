"""What the page shows beyond single tables: claims, the paper's tables, figures over settings, statistics of a group.

Files are written on the way. Callers: page. Not here: the tables of a group (page.py), any number.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reports.ablations import ablation_figures
from reports.claim_tables import shown_findings, write_claims
from reports.claims import NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, Verdict, judge
from reports.drawing import Drawing
from reports.inference import infer
from reports.inference_tables import statistics_notes, variance_table, verdict_table, write_statistics
from reports.labels import one_line
from reports.paper_tables import write_paper_tables
from reports.rank_figures import rank_figures
from reports.summaries import Summary
from reports.sweeps import FIELDS, families

_MARK = {REPRODUCED: "good", NOT_REPRODUCED: "bad", NOT_TESTABLE: "open"}


def study_view(summaries: Sequence[Summary], out: Path) -> dict[str, Any]:
    """The claims, the paper's tables with their files, and the figures over settings."""
    verdicts = judge(summaries)
    files = write_claims(verdicts, out / "tables")
    tables = [
        {"title": title, "table": table, "files": {kind: relative(path, out) for kind, path in paths.items()}}
        for title, table, paths in write_paper_tables(summaries, out / "tables")
    ]
    return {
        "claims": [_claim_line(verdict) for verdict in verdicts if not verdict.claim.minor],
        "minor": [_claim_line(verdict) for verdict in verdicts if verdict.claim.minor],
        "counts": {name: sum(one.verdict == name and not one.claim.minor for one in verdicts) for name in _MARK},
        "claim_files": {name: relative(path, out) for name, path in files.items()},
        "tables": tables,
        "figures": [figure_links(drawing, out) for drawing in ablation_figures(summaries, out / "figures")],
    }


def statistics_view(summary: Summary, out: Path) -> dict[str, Any] | None:
    """Tests, ties, ranks, variance and noise of a group; None where fewer than two methods are scored."""
    inference = infer(summary)
    if inference is None:
        return None
    return {
        "verdicts": verdict_table(inference),
        "variance": variance_table(inference),
        "notes": statistics_notes(inference),
        "csv": relative(write_statistics(inference, out / "tables"), out),
        "figures": [figure_links(drawing, out) for drawing in rank_figures(inference, out / "figures")],
    }


def joined_groups(summaries: Sequence[Summary]) -> set[str]:
    """Ids of the groups of four methods or fewer whose runs a figure over networks, shares or protocols shows too."""
    joined = [member.summary for field in FIELDS for family in families(summaries, field) for member in family.members]
    return {summary.group.id for summary in joined if len(summary.group.methods) <= 4}


def figure_links(drawing: Drawing, out: Path) -> dict[str, str]:
    """A figure as the template shows it: addresses of its files, its title and its text."""
    files = {kind: relative(getattr(drawing, kind), out) for kind in ("png", "svg", "pdf")}
    return files | {"title": drawing.title, "alt": drawing.alt}


def relative(path: Path, out: Path) -> str:
    """Address of a file below `out`, as the page links it."""
    return quote(path.resolve().relative_to(out.resolve()).as_posix())


def _claim_line(verdict: Verdict) -> dict[str, Any]:
    claim = verdict.claim
    return {
        "id": claim.id,
        "text": one_line(claim.text),
        "where": claim.where,
        "verdict": verdict.verdict,
        "mark": _MARK[verdict.verdict],
        "reason": one_line(verdict.reason),
        "findings": shown_findings(verdict),
    }
