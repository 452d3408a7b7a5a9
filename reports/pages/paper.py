"""The page of the paper's tables, ours beside the printed values. Not here: the tables
(reports/tables/paper.py)."""

from pathlib import Path

from reports.comparison.study import Study
from reports.pages.site import Site
from reports.tables.paper import write_paper_tables


def write_paper_page(site: Site, study: Study) -> Path:
    """Writes paper.html and the files of its tables."""
    tables = [
        {
            "title": one.title,
            "table": one.table,
            "notes": one.notes,
            "guide": one.guide,
            "files": {kind: site.link(path) for kind, path in one.files.items()},
        }
        for one in write_paper_tables(study, site.out / "tables")
    ]
    return site.write("paper.html.jinja", "paper.html", tables=tables)
