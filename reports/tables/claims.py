"""The answers to the paper's claims as a table and files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.texts import one_line
from reports.claims.claims import Finding, Verdict, tally
from reports.comparison.badges import Mark, badges, owners
from reports.comparison.labels import source_label
from reports.comparison.links import run_page
from reports.tables.csv_files import write_rows
from reports.tables.tables import Table

SHOWN_METHODS = 40
_COLUMNS = (
    "id",
    "where",
    "claim",
    "as_printed",
    "as_printed_why",
    "elsewhere",
    "elsewhere_why",
    "source",
    "rules",
    "finding",
    "finding_text",
    "not_as_printed_because",
    "answers_nothing_because",
)


def claim_table(verdicts: Sequence[Verdict]) -> Table:
    """One row per claim: both answers, each with the numbers behind it or what is lacking."""
    rows = [
        {
            "claim": one_line(verdict.claim.text),
            "where": verdict.claim.where,
            "as printed": verdict.printed.state,
            "why": one_line(verdict.printed.text),
            "elsewhere": verdict.elsewhere.state,
            "what other runs show": one_line(verdict.elsewhere.text),
        }
        for verdict in verdicts
    ]
    return Table.of(rows)


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
                "state": finding.state,
                "text": one_line(finding.text),
                "obstacles": [one_line(text) for text in finding.obstacles],
                "unsound": [one_line(text) for text in finding.unsound],
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
        claim, printed, elsewhere = verdict.claim, verdict.printed, verdict.elsewhere
        answers = (printed.state, printed.text, elsewhere.state, elsewhere.text)
        head = (claim.id, claim.where, claim.text, *answers)
        for finding in verdict.findings or (None,):
            rows.append([*head, *(_finding_cells(finding) if finding else [""] * 6)])
    write_rows(rows, paths["csv"])
    main = [one for one in verdicts if not one.claim.minor]
    text = f"# The paper's claims\n\nOf the main claims. {tally(main)}\n\n"
    text += f"{claim_table(verdicts).markdown()}\n"
    paths["markdown"].write_text(text, encoding="utf-8")
    return paths


def _finding_cells(finding: Finding) -> list[str]:
    group = finding.group
    return [
        source_label(group.spec.source),
        group.rules,
        finding.state,
        finding.text,
        one_line("; ".join(finding.obstacles)),
        one_line("; ".join(finding.unsound)),
    ]
