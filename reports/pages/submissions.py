"""The pages of submissions: how to send one, what the badges mean, and for each what was checked
and what was not. Not here: the checks (reports/submission)."""

from typing import Any

from benchmark.core.identity import digest
from benchmark.core.texts import one_line, slug
from reports.comparison.badges import VERIFIED, Submission
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.links import method_page, run_page
from reports.comparison.study import Study
from reports.pages.site import Site

LONGEST_NAME = 40  # letters of a file's name in the address of its page
LEGEND = (
    (
        VERIFIED,
        "All case rows of these runs were computed again from the predicted masks in the"
        " file, against the true masks at hand here, and agree. Nobody can know from outside what a"
        " method was trained on.",
    ),
    (
        "as submitted",
        "The rows are those of the file. Its form, splits, stage keys, totals and"
        " possible values were checked; the masks were not there, or the images were not. Such rows"
        " give no verdict on the paper's claims.",
    ),
    (
        "as submitted, disputed",
        "Rows as submitted, and another submission says otherwise of the"
        " same images. Nobody can tell here which is right.",
    ),
    ("no badge", "Runs of this page's own records."),
)


def write_submissions(site: Site, study: Study) -> None:
    """Writes submissions.html and submissions/*.html."""
    rows = {
        record.key: (one.group, runs, record)
        for one in study.comparisons
        for runs in one.group.methods
        for record in runs.records
    }
    lines = []
    for number, one in enumerate(study.submissions):
        name = slug(one.name.removesuffix(".zip"))[:LONGEST_NAME] or digest(one.name)[:8]
        page = f"submissions/{name}-{number + 1}.html"
        found = [rows[key] for key in one.keys if key in rows]
        verified = sum(study.marks[key].badge == VERIFIED for key in one.keys)
        shown = _shown(one, page, found, verified)
        site.write("submission.html.jinja", page, one=shown, legend=LEGEND)
        lines.append(shown)
    site.write(
        "submissions.html.jinja",
        "submissions.html",
        submissions=lines,
        legend=LEGEND,
        refused=[
            (one_line(one.name), [one_line(reason) for reason in one.reasons])
            for one in study.refused
        ],
    )


def _shown(
    one: Submission, page: str, found: list[tuple[Group, MethodRuns, Any]], verified: int
) -> dict[str, Any]:
    methods: dict[tuple[str, str, str, str], list[tuple[int, int, str]]] = {}
    for group, runs, record in found:
        row = (group.short[runs.label].text, method_page(runs.method), group.title, group.page)
        methods.setdefault(row, []).append(
            (record.spec.fold, record.spec.seed, run_page(record.key))
        )
    checks = [tuple(map(one_line, check)) for check in one.checks]
    return {
        "page": page,
        "name": one_line(one.name),
        "owner": one_line(one.owner),
        "note": one_line(one.note),
        "made_on": one.made_on,
        "runs": len(one.keys),
        "verified": verified,
        "checks": checks,
        "unchecked": [check for check in checks if check[1] == "not checked"],
        "methods": [(*row, runs) for row, runs in methods.items()],
    }
