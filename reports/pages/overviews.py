"""Pages over all comparisons: the paper's tables with ours beside the printed values, and figures
over one setting. Not here: the tables (reports/tables/paper.py), the figures
(reports/figures/by_setting.py)."""

from pathlib import Path

from reports.comparison.study import Study
from reports.figures.by_setting import setting_figures
from reports.pages.parts import figure_links
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


def write_settings_page(site: Site, study: Study) -> Path:
    """Writes settings.html and its figures: ratio, alpha, patch size, network, share of cases."""
    drawings = setting_figures(study, site.out / "figures")
    figures = [figure_links(drawing, site) for drawing in drawings]
    return site.write("settings.html.jinja", "settings.html", figures=figures)
