"""The page of audits: how far the protocol, noise and the generator explain a result.

Each block is a function (site, summaries) -> Block or None; BLOCKS lists them in the order of the
page. A block writes its own files below the site's folder and names a template of its own. To add
one: write the function in its own module, its template in templates/, and list it here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.comparison.inference import noise_floor
from reports.comparison.links import group_page
from reports.comparison.summaries import Summary
from reports.figures.by_setting import audit_figures
from reports.pages.board import heading
from reports.pages.samples import samples_view
from reports.pages.site import Site
from reports.pages.study import figure_links
from reports.tables.inference import noise_sentences


@dataclass(frozen=True)
class Block:
    """A part of the page. id: its anchor; template: a file of templates/ that sees `block` and
    `root`; view: its data."""

    id: str
    title: str
    template: str
    view: dict[str, Any] = field(default_factory=dict)


def quirks_block(site: Site, summaries: Sequence[Summary]) -> Block | None:
    """Which quirk of the release moves the gain by how much."""
    figures = [
        figure_links(drawing, site) for drawing in audit_figures(summaries, site.out / "figures")
    ]
    return (
        Block(
            "quirks",
            "Which quirk moves the gain, and by how much",
            "audit_quirks.html.jinja",
            {"figures": figures},
        )
        if figures
        else None
    )


def noise_block(site: Site, summaries: Sequence[Summary]) -> Block | None:
    """How far runs that should be equal differ, by comparison."""
    found = [
        {
            "title": f"{heading(one.group)}: {', '.join(one.group.rules)}",
            "page": group_page(one.group.slug),
            "lines": noise_sentences(noise),
        }
        for one in summaries
        if (noise := noise_floor(one))
    ]
    return (
        Block("noise", "The noise floor", "audit_noise.html.jinja", {"groups": found})
        if found
        else None
    )


def samples_block(site: Site, summaries: Sequence[Summary]) -> Block | None:
    """Diversity, label agreement and memorisation of audited synthetic images, by comparison."""
    view = samples_view(site, summaries)
    return (
        Block("samples", "Synthetic images before they are used", "audit_samples.html.jinja", view)
        if view
        else None
    )


BLOCKS: tuple[Callable[[Site, Sequence[Summary]], Block | None], ...] = (
    samples_block,
    quirks_block,
    noise_block,
)


def write_audits(site: Site, summaries: Sequence[Summary]) -> int:
    """Writes audits.html; returns how many blocks the records support."""
    blocks = [block for make in BLOCKS if (block := make(site, summaries))]
    site.write("audits.html.jinja", "audits.html", blocks=blocks)
    return len(blocks)
