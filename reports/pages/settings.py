"""The page of figures over one setting: ratio, alpha, patch size, network, share of training
cases. Not here: the figures (reports/figures/by_setting.py)."""

from pathlib import Path

from reports.comparison.study import Study
from reports.figures.by_setting import setting_figures
from reports.pages.parts import figure_links
from reports.pages.site import Site


def write_settings_page(site: Site, study: Study) -> Path:
    """Writes settings.html and its figures."""
    drawings = setting_figures(study, site.out / "figures")
    figures = [figure_links(drawing, site) for drawing in drawings]
    return site.write("settings.html.jinja", "settings.html", figures=figures)
