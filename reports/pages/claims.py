"""The pages of the paper's claims: one of all, and one per claim with the runs behind its answers.
Not here: the answers (reports/claims)."""

from typing import Any

from benchmark.core.texts import one_line
from reports.claims.claims import (
    HOLDS_HERE,
    NOT_HERE,
    NOT_REPRODUCED,
    NOT_RUN,
    REPRODUCED,
    SMALLER,
    UNDECIDED,
    Answer,
    Verdict,
    judge,
    rule_text,
    tally,
)
from reports.comparison.links import claim_page
from reports.comparison.study import Study
from reports.pages.site import Site
from reports.tables.claims import finding_lines, write_claims

MARK = {
    REPRODUCED: "good",
    SMALLER: "good",
    NOT_REPRODUCED: "bad",
    HOLDS_HERE: "good",
    NOT_HERE: "bad",
    UNDECIDED: "open",
    NOT_RUN: "open",
}


def write_claim_pages(site: Site, study: Study) -> str:
    """Writes claims.html and claims/*.html; returns how many main claims have each answer, in
    words."""
    verdicts = judge(study)
    main = [one for one in verdicts if not one.claim.minor]
    files = write_claims(verdicts, site.out / "tables")
    site.write(
        "claims.html.jinja",
        "claims.html",
        claims=[_claim_line(one) for one in main],
        minor=[_claim_line(one) for one in verdicts if one.claim.minor],
        tally=tally(main),
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
            mark=MARK,
        )
    return tally(main)


def _claim_line(verdict: Verdict) -> dict[str, Any]:
    claim = verdict.claim
    return {
        "id": claim.id,
        "page": claim_page(claim.id),
        "text": one_line(claim.text),
        "where": claim.where,
        "printed": _answer_line(verdict.printed),
        "elsewhere": _answer_line(verdict.elsewhere),
        "found": len(verdict.findings),
    }


def _answer_line(answer: Answer) -> dict[str, str]:
    return {"state": answer.state, "mark": MARK[answer.state], "text": one_line(answer.text)}
