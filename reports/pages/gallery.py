"""The page of images: the pictures of this report's comparisons, and those of the phantom that are
shipped with the program (benchmark/results/gallery.py makes them). Not here: drawing."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.texts import one_line
from datasets.tasks.catalogue import TASKS
from reports.comparison.study import Study
from reports.pages.site import HERE, Site

SHIPPED = HERE / "assets" / "gallery"


def write_images_page(
    site: Site, study: Study, panels: Mapping[str, Sequence[dict[str, Any]]]
) -> Path:
    """Writes images.html. panels: pictures of the groups, by id, as links."""
    groups = [one.group for one in study.comparisons]
    return site.write(
        "images.html.jinja",
        "images.html",
        pictured=[
            {
                "heading": group.heading,
                "rules": group.rules,
                "page": group.page,
                "synthetic": group.spec.source.synthetic,
                "panels": panels[group.id],
            }
            for group in groups
            if panels.get(group.id)
        ],
        absent=_absent(study, panels),
        shipped=_shipped(site),
    )


def _absent(
    study: Study, panels: Mapping[str, Sequence[dict[str, Any]]]
) -> list[tuple[str, str, str]]:
    """(source, its licence, why no picture of it is shipped) of real images without a picture."""
    found: dict[str, tuple[str, str, str]] = {}
    for one in study.comparisons:
        spec = one.group.spec
        title = one_line(spec.source.title)
        release = TASKS.of_results(spec.dataset).release
        if spec.source.synthetic or panels.get(one.group.id):
            continue
        ours = release is not None and release.source == spec.source.kind
        why = release.not_shipped if release and ours else ""
        found.setdefault(title, (title, one_line(spec.source.licence), why))
    return list(found.values())


def _shipped(site: Site) -> dict[str, Any]:
    """The shipped gallery, its files copied into the report; tiles by set and row."""
    text = (SHIPPED / "gallery.json").read_text(encoding="utf-8")
    told: dict[str, Any] = json.loads(text)
    folder = site.out / "assets" / "gallery"
    folder.mkdir(exist_ok=True)
    for one in told["sets"]:
        rows: dict[str, list[dict[str, str]]] = {}
        for tile in one["tiles"]:
            shutil.copyfile(SHIPPED / tile["file"], folder / tile["file"])
            link = site.link(folder / tile["file"])
            rows.setdefault(tile["row"], []).append({**tile, "path": link})
        one["rows"] = rows
    return told
