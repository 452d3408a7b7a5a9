"""The pages of the paper's claims: one of all, and one per claim with the runs behind its verdict.
Not here: the verdicts (reports/claims)."""

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
from reports.comparison.study import Study
from reports.pages.site import Site
from reports.tables.claims import finding_lines, write_claims

MARK = {REPRODUCED: "good", NOT_REPRODUCED: "bad", NOT_TESTABLE: "open"}


def write_claim_pages(site: Site, study: Study) -> dict[str, int]:
    """Writes claims.html and claims/*.html; returns how many main claims have each verdict."""
    verdicts = judge(study)
    main = [_claim_line(one) for one in verdicts if not one.claim.minor]
    counts = {name: sum(line["verdict"] == name for line in main) for name in MARK}
    files = write_claims(verdicts, site.out / "tables")
    site.write(
        "claims.html.jinja",
        "claims.html",
        claims=main,
        minor=[_claim_line(one) for one in verdicts if one.claim.minor],
        counts=counts,
        files={name: site.link(path) for name, path in files.items()},
    )
    for verdict in verdicts:
        site.write(
            "claim.html.jinja",
            claim_page(verdict.claim.id),
            claim=_claim_line(verdict),
            needs=verdict.claim.needs,
            rule=rule_text(verdict.claim),
            findings=finding_lines(verdict, study.marks),
        )
    return counts


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
        "found": len(verdict.findings),
    }
