"""The page of audits: how far the protocol, noise and the generator explain a result.

Each block is a function (site, study) -> Block or None; BLOCKS lists them in the order of the page.
A block writes its own files below the site's folder and names a template of its own. To add one:
write the function in its own module, its template in templates/, and list it here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.comparison.inference import noise_floor
from reports.comparison.study import Study
from reports.deviations.effects import Effects, deviation_effects
from reports.deviations.sentences import effect_rows, opening, sentence
from reports.figures.by_setting import audit_figures
from reports.figures.deviations import deviations_figure
from reports.pages.parts import figure_links
from reports.pages.samples import samples_view
from reports.pages.site import Site
from reports.tables.csv_files import write_frame
from reports.tables.inference import noise_sentences


@dataclass(frozen=True)
class Block:
    """A part of the page. id: its anchor; template: a file of templates/ that sees `block` and
    `root`; view: its data."""

    id: str
    title: str
    template: str
    view: dict[str, Any] = field(default_factory=dict)


def samples_block(site: Site, study: Study) -> Block | None:
    """Diversity, label agreement and memorisation of audited synthetic images, by comparison."""
    view = samples_view(site, study)
    if view is None:
        return None
    title = "Synthetic images before they are used"
    return Block("samples", title, "audit_samples.html.jinja", view)


def quirks_block(site: Site, study: Study) -> Block | None:
    """Which quirk of the release moves the gain by how much: a figure and a sentence for each
    quirk, by method; then all protocols beside each other."""
    drawings = audit_figures(study, site.out / "figures")
    if not drawings:
        return None
    effects = deviation_effects(study)
    if effects:
        write_frame(effect_rows(effects), site.out / "tables" / "deviations.csv")
    view = {
        "figures": [figure_links(drawing, site) for drawing in drawings],
        "methods": [_effects_view(one, site) for one in effects],
    }
    title = "Which deviation of the release moves the gain, and by how much"
    return Block("quirks", title, "audit_quirks.html.jinja", view)


def _effects_view(effects: Effects, site: Site) -> dict[str, Any]:
    drawing = deviations_figure(effects, site.out / "figures")
    group = effects.family.members[0].summary.group
    return {
        "title": f"{group.heading}: {effects.label}",
        "opening": opening(effects),
        "sentences": [sentence(effects, effect) for effect in effects.all],
        "figure": figure_links(drawing, site),
    }


def noise_block(site: Site, study: Study) -> Block | None:
    """How far runs that should be equal differ, by comparison."""
    found = []
    for one in study.comparisons:
        noise = noise_floor(one.summary)
        if noise:
            title = f"{one.group.heading}: {one.group.rules}"
            lines = noise_sentences(noise)
            found.append({"title": title, "page": one.group.page, "lines": lines})
    if not found:
        return None
    return Block("noise", "The noise floor", "audit_noise.html.jinja", {"groups": found})


BLOCKS: tuple[Callable[[Site, Study], Block | None], ...] = (
    samples_block,
    quirks_block,
    noise_block,
)


def write_audit_page(site: Site, study: Study) -> Path:
    """Writes audits.html with the blocks that the records support."""
    blocks = [block for make in BLOCKS if (block := make(site, study))]
    return site.write("audits.html.jinja", "audits.html", blocks=blocks)
