"""The page of one run: its numbers, cases with the worst first, curves, settings, budget, costs,
provenance, command.

What runs of a comparison share (protocol, preset, source, splits, settings of a generator) stands
on the comparison's page and is linked, so that the pages of thousands of runs stay small. Not
here: any mean over runs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from benchmark.core.texts import one_line
from benchmark.metrics.definitions import CASE_TABLE_METRICS, DISTANCES, METRICS, CaseRow
from benchmark.record.curves import thinned
from benchmark.record.record import Record, StageCost
from reports.comparison.badges import Mark, badges
from reports.comparison.defects import leaked_cases
from reports.comparison.format import case_remark, measured, rounded, spread
from reports.comparison.groups import Group, row_method
from reports.comparison.labels import plain_value
from reports.comparison.links import run_page
from reports.comparison.repeat_command import repeat_command
from reports.comparison.study import Study
from reports.comparison.summaries import headline_columns
from reports.pages.parts import audit_place, commit_text, machines
from reports.pages.samples import run_samples
from reports.pages.shared import generator_id, software_id, split_id
from reports.pages.site import Site
from reports.records.compact_records import SHOWN_POINTS
from reports.records.load import commit_of

SHOWN_CASES = 500
_WIDTH, _HEIGHT = 300, 90
_SELECTION = {
    "validation": "validation Dice",
    "test": "Dice on the TEST cases (Q1)",
    "last": "no selection: the last",
}


def write_runs(site: Site, study: Study, group: Group, part: slice = slice(None)) -> None:
    """The pages of a part of a group's runs, failed ones included; a missing run has none."""
    listed = [
        (group.short[runs.label].text, record) for runs in group.methods for record in runs.records
    ]
    for label, record in listed[part]:
        _write_run(site, study, group, label, record)


def _write_run(site: Site, study: Study, group: Group, label: str, record: Record) -> Path:
    spec, mark = record.spec, study.marks.get(record.key, Mark())
    rows = list(record.cases)
    unit = unit_of(rows)
    return site.write(
        "run.html.jinja",
        run_page(record.key),
        short_bar=True,  # there may be thousands of these pages
        method=label,
        record=record,
        key=one_line(record.key),
        error=one_line(record.error or "no reason recorded"),
        heading=group.heading,
        group=group,
        owner=one_line(mark.owner),
        badges=badges([record.key], study.marks),
        remark=one_line(mark.note),
        facts=_facts(record, rows),
        case_rows=case_rows(record, rows),
        headings=[METRICS[name].heading(unit) for name in CASE_TABLE_METRICS],
        curves=[curve for stage in record.stages for curve in stage_curves(stage)],
        settings=_settings(record),
        generator=generator_id(row_method(spec)),
        split=_split(record),
        stages=_stages(record),
        samples=run_samples(record),
        audit=audit_place(group),
        provenance=_provenance(record),
        software=software_id(record),
        notes=[one_line(note) for note in record.notes],
        command="" if record.lifted_from else repeat_command(spec),
        made_by=one_line(str(commit_of(record)[0] or "unknown")),
    )


def unit_of(cases: Sequence[CaseRow]) -> str:
    """The unit of all distances of a run, '' where there is none or more than one."""
    units = {row.unit for row in cases}
    return units.pop() if len(units) == 1 else ""


def case_rows(record: Record, rows: Sequence[CaseRow]) -> Markup:
    """Rows of the case table, the lowest Dice first. Built here: the one part of a page that is
    long in large reports.

    All but the case's name is formatted numbers; the name is escaped.
    """
    chosen = headline_columns(record.spec.protocol)
    unit, found = unit_of(rows), []
    for row in sorted(rows, key=lambda row: (row.dice, row.case))[:SHOWN_CASES]:
        remark = case_remark(row.missed, row.empty_truth)
        cells = []
        for name in chosen.values():
            tail = f" {row.unit}" if name in DISTANCES and not unit else ""
            cells.append(measured(name, getattr(row, name), row.unit) + tail)
        found.append(f"<tr><th>{escape(one_line(row.case))}<td>{'<td>'.join(cells)}<td>{remark}")
    return Markup("\n".join(found))


def stage_curves(stage: StageCost) -> list[dict[str, Any]]:
    """The curves of a training as lines of a small drawing: name, ends of both axes, and the points
    of the line."""
    found = []
    for name, pairs in stage.curve.items():
        if len(pairs) < 2:
            continue
        steps, values = zip(*thinned(pairs, SHOWN_POINTS), strict=True)
        low, high = min(values), max(values)
        wide, tall = max(steps[-1] - steps[0], 1e-12), max(high - low, 1e-12)
        places = [
            (_WIDTH * (step - steps[0]) / wide, _HEIGHT * (1 - (value - low) / tall))
            for step, value in zip(steps, values, strict=True)
        ]
        found.append(
            {
                "title": f"{stage_title(stage)}: {one_line(name)}",
                "low": f"{low:.4g}",
                "high": f"{high:.4g}",
                "first": f"{steps[0]:g}",
                "last": f"{steps[-1]:g}",
                "end": f"{values[-1]:.4g}",
                "path": _path(places),
            }
        )
    return found


def stage_title(stage: StageCost) -> str:
    """'fit-segmenter', or 'fit-segmenter (for the audit)' where the stage only judged the
    samples."""
    return one_line(stage.stage) + (
        " (for the audit)" if stage.purpose == "audit" and stage.stage != "audit" else ""
    )


def _path(places: Sequence[tuple[float, float]]) -> str:
    """Points as an SVG path in whole units, each from the one before: the shortest way to write
    them."""
    rounded_places = [(round(x), round(y)) for x, y in places]
    (x, y), *rest = rounded_places
    words = []
    for before, (here_x, here_y) in zip(rounded_places, rest, strict=False):
        across, down = here_x - before[0], here_y - before[1]
        words.append(f"{across}{'' if down < 0 else ' '}{down}")
    return f"M{x} {y}l{' '.join(words)}"


def _facts(record: Record, cases: Sequence[CaseRow]) -> dict[str, str]:
    """The headline of a run."""
    if not cases:
        return {}
    chosen, unit = headline_columns(record.spec.protocol), unit_of(cases)
    facts = {"Dice, mean ± SD over cases": f"{_mean_sd([row.dice for row in cases], 1, 100)} %"}
    if unit:
        values = [getattr(row, chosen["hd95"]) for row in cases]
        decimals = METRICS["hd95"].decimals(unit)
        facts["HD95, mean ± SD over cases"] = f"{_mean_sd(values, decimals)} {unit}"
    facts |= {"test cases": str(len(cases)), "missed cases": str(sum(row.missed for row in cases))}
    facts["seconds, all stages"] = rounded(record.seconds, 1)
    fitted = next((stage.results for stage in record.stages if stage.stage == "fit-segmenter"), {})
    if "selected_epoch" in fitted:
        selection = _SELECTION[record.spec.protocol.selection]
        total = record.spec.preset.epochs + record.spec.method.further_epochs
        epochs = f"epoch {fitted['selected_epoch']} of {total}"
        facts["checkpoint"] = f"{epochs}, by {selection}"
    return facts


def _mean_sd(values: Sequence[float], decimals: int, scale: float = 1) -> str:
    mean = sum(values) / len(values)
    sd = (
        (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
        if len(values) > 1
        else None
    )
    return spread(mean, sd, decimals, scale)


def _settings(record: Record) -> dict[str, str]:
    """What the method was told; fold and seed stand in the heading, all else holds for the
    comparison."""
    method = record.spec.method
    shown = {
        "method": method.name,
        "transform": method.transform,
        "variants per slice (n)": method.ratio or None,
        "alpha": method.alpha,
        "patch size, px": method.patch_size,
    }
    return {name: plain_value(value) for name, value in shown.items() if value is not None}


def _split(record: Record) -> dict[str, Any] | None:
    """Counts of the split's parts; its cases stand on the comparison's page."""
    split = record.split
    if split is None:
        return None
    own = set(split.generator) in ({*split.train}, {*split.train, *split.validation}, set())
    return {
        "id": split_id(record.spec.fold, split),
        "hash": one_line(split.hash)[:16],
        "train": len(split.train),
        "validation": len(split.validation),
        "test": len(split.test),
        "generator": len(split.generator),
        "others": [] if own else sorted(one_line(case) for case in split.generator),
        "leaked": sorted(map(one_line, leaked_cases(record))),
    }


def _stages(record: Record) -> list[tuple[str, ...]]:
    """Name, version, seconds, peak memory (of the GPU too) and key of each stage; equal neighbours
    (variants) joined."""
    found: list[list] = []
    for stage in record.stages:
        name = stage_title(stage)
        if found and found[-1][0] == name and stage.stage == "synthesize":
            found[-1][1].append(stage)
        else:
            found.append([name, [stage]])
    return [
        (
            f"{name} × {len(ones)}" if len(ones) > 1 else name,
            str(ones[0].version),
            rounded(sum(one.seconds for one in ones), 1),
            "; GPU ".join(rounded(max(found), 0) for found in _memory(ones)),
            f"{one_line(ones[0].key)[:12]}{' …' if len(ones) > 1 else ''}",
        )
        for name, ones in found
    ]


def _memory(stages: Sequence[StageCost]) -> list[list[float]]:
    """MB of each stage, and on the GPU where any was used."""
    both = [stage.peak_memory_mb for stage in stages], [stage.gpu_memory_mb for stage in stages]
    return [found for found in both if any(found)] or [both[0]]


def _provenance(record: Record) -> dict[str, str]:
    """Commit, machine and seeds; the software, which many runs share, stands on the comparison's
    page."""
    shown = {
        "commit": commit_text(record) or "not recorded",
        "machine": machines(record) or "not recorded",
    }
    if record.seeds:
        shown["seeds"] = one_line(
            ", ".join(f"{name} {value}" for name, value in record.seeds.items())
        )
    return shown
