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
    Claim,
    Verdict,
    judge,
    rule_text,
    tally,
)
from reports.claims.others import other_papers
from reports.comparison.format import ABSENT, signed
from reports.comparison.links import claim_page
from reports.comparison.paper_numbers import BASELINE, paper_gain_percent, paper_value
from reports.comparison.study import Study
from reports.pages.site import Site
from reports.statistics.verdicts import FEW
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
        others=other_papers(),
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
        "paper": _printed(claim),
        **_ours(verdict),
        "printed": _answer_line(verdict.printed),
        "elsewhere": _answer_line(verdict.elsewhere),
        "found": len(verdict.findings),
    }


def _printed(claim: Claim) -> str:
    """What the paper prints for a claim on one row of Table II; else that it says so."""
    gain = paper_gain_percent(claim.dataset, claim.method)
    if claim.rule != "gain" or gain is None:
        return "says so"
    values = (paper_value(claim.dataset, name, "dice") for name in (claim.method, BASELINE))
    ours, base = (value.mean if value else float("nan") for value in values)
    return f"{signed(ours - base, 1)} points ({signed(gain, 1)} %)"


def _ours(verdict: Verdict) -> dict[str, str]:
    """The numbers of the finding that an answer rests on, or of the first that answers nothing."""
    if not verdict.findings:
        return {"ours": ABSENT, "setting": ""}
    first = verdict.findings[0]
    spec = first.group.spec
    notes = ["drawn images"] if spec.source.synthetic else []
    setting = ", ".join([one_line(spec.source.title.split(" (")[0]), f"{spec.preset.size} px"])
    return {
        "ours": one_line(first.text.split("; ")[0]),
        "setting": ", ".join([setting, *notes, *([FEW] if first.few else [])]),
    }


def _answer_line(answer: Answer) -> dict[str, str]:
    return {"state": answer.state, "mark": MARK[answer.state], "text": one_line(answer.text)}
