"""The page that says how to cite, and where the code is. Not here: the entries
(reports/tables/cite.py)."""

from collections import Counter
from pathlib import Path

import yaml

from benchmark.core.texts import one_line
from reports.comparison.study import Study
from reports.pages.site import Site
from reports.records.load import commit_of
from reports.tables.cite import CITATION, bibtex


def write_cite_page(site: Site, study: Study) -> Path:
    """Writes cite.html. The address of the code is that of CITATION.cff, where it has one."""
    facts = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    made_by = (commit_of(one)[0] for one in study.records)
    commits = Counter(one_line(commit)[:12] for commit in made_by if commit)
    return site.write(
        "cite.html.jinja",
        "cite.html",
        entries=bibtex(study.records).strip().split("\n\n"),
        repository=str(facts.get("repository-code") or ""),
        commits=commits.most_common(),
    )
