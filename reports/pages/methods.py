"""The page of each method: what it is, and for every comparison its results, settings, pictures and
runs. Not here: the numbers (reports/board), the settings that a comparison shares (shared.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.texts import one_line
from benchmark.spec.method import CLASSIC_NAME, NONE_NAME, MethodSpec
from reports.board.leaderboard import Row, Section
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.links import method_page, run_page
from reports.comparison.study import Study
from reports.pages.shared import generator_id
from reports.pages.site import Site

_JOINING = {
    "merge": "real and synthetic slices are merged by random patches in every training step, a"
    " share alpha of them real",
    "pairs": "they stand beside the real slices",
    "pretrain": "the network sees them in its first epochs, and then the real slices alone",
    "only": "the network sees no real slice",
}


@dataclass(frozen=True)
class Part:
    """A method in one comparison: its rows of the leaderboard, and the runs behind each."""

    group: Group
    rows: tuple[Row, ...]
    runs: tuple[MethodRuns, ...]
    footnotes: tuple[str, ...]
    panels: tuple[dict[str, Any], ...]


def write_methods(
    site: Site,
    study: Study,
    sections: Mapping[str, Section],
    panels: Mapping[str, Sequence[dict[str, Any]]],
    *,
    brief: bool = False,
) -> list[Path]:
    """Writes methods/*.html. sections: by the id of a group; panels: pictures of a group that the
    page of the comparison holds, as links. brief: runs are counted, not listed."""
    specs: dict[str, MethodSpec] = {}
    parts: dict[str, list[Part]] = {}
    for one in study.comparisons:
        mine: dict[str, list[MethodRuns]] = {}
        for runs in one.group.methods:
            page = method_page(runs.method)
            specs.setdefault(page, runs.method)
            mine.setdefault(page, []).append(runs)
        section = sections[one.group.id]
        for page, found in mine.items():
            parts.setdefault(page, []).append(
                _part(one.group, found, section, panels.get(one.group.id, ()))
            )
    return [_write(site, page, specs[page], found, brief) for page, found in parts.items()]


def _part(
    group: Group,
    found: Sequence[MethodRuns],
    section: Section,
    panels: Sequence[dict[str, Any]],
) -> Part:
    by_label = {row.label: row for row in section.rows}
    name = found[0].method.name
    notes = tuple(
        note
        for note in section.footnotes
        if note.startswith((f"{name}:", "Training time")) or "another machine" in note
    )
    return Part(
        group,
        tuple(sorted((by_label[one.label] for one in found), key=lambda row: not row.usual)),
        tuple(found),
        notes,
        tuple(panel for panel in panels if found[0].method.name in panel["methods"]),
    )


def _write(site: Site, page: str, method: MethodSpec, parts: Sequence[Part], brief: bool) -> Path:
    forms = (runs.method.look.form for part in parts for runs in part.runs)
    return site.write(
        "method.html.jinja",
        page,
        title=one_line(method.plain_label),
        own=method.own,
        brief=brief,
        what=description(method),
        forms=list(dict.fromkeys(filter(None, forms))),
        parts=[_shown(part) for part in parts],
        done=sum(len(runs.done) for part in parts for runs in part.runs),
    )


def _shown(part: Part) -> dict[str, Any]:
    group = part.group
    return {
        "id": group.id,
        "heading": group.heading,
        "synthetic": group.spec.source.synthetic,
        "pixels": group.spec.preset.size,
        "rules": group.rules,
        "page": group.page,
        "rows": part.rows,
        "footnotes": part.footnotes,
        "panels": part.panels,
        "settings": [
            {
                "name": group.short[runs.label].text,
                "label": runs.label,
                "generator": generator_id(runs.method),
                "runs": [
                    (one.spec.fold, one.spec.seed, run_page(one.key), one.status == "done")
                    for one in runs.records
                ],
                "absent": runs.absent_text,
            }
            for runs in part.runs
        ],
    }


def description(method: MethodSpec) -> list[str]:
    """What a method is, in sentences that follow from its settings alone."""
    if method.name == NONE_NAME:
        return ["No augmentation: the network trains on the real slices as they are."]
    if method.name == CLASSIC_NAME:
        return [
            f"The transform {method.transform}, drawn anew for every slice in every epoch. It makes"
            " no images in advance and needs no training of its own."
        ]
    if not method.generates:
        whose = "A method of a user's own" if method.own else "A method"
        return [f"{whose}: a transform of slices and masks, drawn anew in every epoch."]
    whose = "a user's own class" if method.own else "built in"
    text = [
        f"A generator ({whose}, {method.reference}) is trained on the training cases of the fold"
        " alone. It makes n synthetic variants of every real training slice."
    ]
    masks = "A variant keeps the mask of its slice"
    if method.brings_masks:
        masks = "Samples bring masks of their own"
    text.append(f"{masks}; {_JOINING[method.joining or 'pairs']}.")
    if method.transform:
        text.append(f"The transform {method.transform} is applied on top.")
    return [one_line(sentence) for sentence in text]
