"""Verdicts on the paper's claims as a table and files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.texts import one_line
from reports.claims.claims import Finding, Verdict
from reports.comparison.badges import Mark, badges, owners
from reports.comparison.labels import source_label
from reports.comparison.links import run_page
from reports.tables.csv_files import write_rows
from reports.tables.tables import Table

SHOWN_FINDINGS = 3
SHOWN_METHODS = 40
_COLUMNS = (
    "id",
    "where",
    "claim",
    "verdict",
    "reason",
    "source",
    "rules",
    "outcome",
    "finding",
    "caveats",
)


def claim_table(verdicts: Sequence[Verdict]) -> Table:
    """One row per claim: the verdict, why, and what the records at hand show on which source."""
    rows = [
        {
            "claim": one_line(verdict.claim.text),
            "where": verdict.claim.where,
            "verdict": verdict.verdict,
            "why": one_line(verdict.reason),
            "what the records show": "; ".join(shown_findings(verdict)) or "nothing yet",
        }
        for verdict in verdicts
    ]
    return Table.of(rows)


def shown_findings(verdict: Verdict) -> list[str]:
    """The first findings, each with its source and rules, and how many more there are."""
    found = verdict.findings
    lines = [
        f"{_setting(finding)}: {finding.outcome}, {finding.text}"
        for finding in found[:SHOWN_FINDINGS]
    ]
    more = len(found) - SHOWN_FINDINGS
    return lines + ([f"{more} more in the claims CSV"] if more > 0 else [])


def finding_lines(verdict: Verdict, marks: Mapping[str, Mark]) -> list[dict[str, Any]]:
    """Every finding as its page shows it, with the runs behind it: (method, rules, its page,
    [(fold, seed, page)]), whose they are and how far they were checked."""
    lines = []
    for finding in verdict.findings:
        group = finding.group
        runs = [
            {
                "method": label,
                "rules": where.rules,
                "page": where.page,
                "owner": owners((one.key for one in where.by_label[label].done), marks),
                "badges": badges((one.key for one in where.by_label[label].done), marks),
                "runs": [
                    (one.spec.fold, one.spec.seed, run_page(one.key))
                    for one in where.by_label[label].done
                ],
            }
            for where, label in finding.methods[:SHOWN_METHODS]
        ]
        lines.append(
            {
                "source": source_label(group.spec.source),
                "synthetic": group.spec.source.synthetic,
                "rules": group.rules,
                "page": group.page,
                "outcome": finding.outcome,
                "text": one_line(finding.text),
                "caveats": [one_line(caveat) for caveat in finding.caveats],
                "methods": runs,
                "more": max(0, len(finding.methods) - SHOWN_METHODS),
            }
        )
    return lines


def write_claims(verdicts: Sequence[Verdict], folder: Path) -> dict[str, Path]:
    """claims.csv, a row per claim and finding, and claims.md, a row per claim; returns {"csv",
    "markdown"} -> path."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"csv": folder / "claims.csv", "markdown": folder / "claims.md"}
    rows: list[Sequence[str]] = [_COLUMNS]
    for verdict in verdicts:
        claim = verdict.claim
        head = (claim.id, claim.where, claim.text, verdict.verdict, verdict.reason)
        for finding in verdict.findings or (None,):
            rows.append([*head, *(_finding_cells(finding) if finding else [""] * 5)])
    write_rows(rows, paths["csv"])
    text = f"# The paper's claims\n\n{claim_table(verdicts).markdown()}\n"
    paths["markdown"].write_text(text, encoding="utf-8")
    return paths


def _finding_cells(finding: Finding) -> list[str]:
    group = finding.group
    caveats = "; ".join(finding.caveats)
    return [
        source_label(group.spec.source),
        group.rules,
        finding.outcome,
        finding.text,
        one_line(caveats),
    ]


def _setting(finding: Finding) -> str:
    return one_line(f"{source_label(finding.group.spec.source)}, {finding.group.rules}")
