"""The page of one comparison: its tables, statistics, figures, pictures, splits and runs.

The files it links (tables, figures) are written on the way. Not here: the page of a run
(run.py), the leaderboard's row of it (board.py), any arithmetic.
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmark.core.errors import InputError
from benchmark.core.identity import canonical, digest, flat
from benchmark.core.texts import one_line
from benchmark.record.record import Record
from benchmark.spec.method import MethodSpec
from benchmark.spec.protocol import Protocol, differences
from benchmark.spec.run import RunSpec
from reports.comparison.badges import Mark, badges, owners
from reports.comparison.caveats import notes_on_numbers, warnings
from reports.comparison.format import absent_runs, rounded
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.inference import Inference
from reports.comparison.labels import plain_value, preset_label, protocol_label
from reports.comparison.links import group_page, run_page
from reports.comparison.paper_numbers import not_comparable
from reports.comparison.repeat_command import repeat_command
from reports.comparison.substituted import ledger_rows
from reports.comparison.summaries import Summary
from reports.figures.by_method import group_figures
from reports.figures.drawing import DPI
from reports.figures.panels import Panel
from reports.figures.ranks import rank_figures
from reports.pages.board import counts, heading
from reports.pages.samples import audit_place
from reports.pages.site import Site
from reports.pages.study import figure_links
from reports.records.load import commit_of
from reports.tables.inference import (
    statistics_notes,
    variance_table,
    verdict_table,
    write_statistics,
)
from reports.tables.tables import case_table, comparison_table, result_table, write_tables

SHOWN_CASES, SHOWN_CASES_OF_MANY = 100, 30
SHOWN_PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class RunLine:
    """A run as a page lists it; `key` and `page` are empty for a run that is missing."""

    method: str
    fold: int
    seed: int
    status: str
    key: str
    seconds: str
    machine: str
    commit: str
    page: str = ""
    dice: str = ""
    owner: str = ""
    badges: tuple[str, ...] = ()


def write_group(
    site: Site,
    summary: Summary,
    inference: Inference | None,
    panels: Sequence[Panel],
    generator_defaults: Mapping[str, Any] | None,
    marks: Mapping[str, Mark],
    *,
    brief: bool,
    large: bool,
    pictured: int = 0,
) -> Path:
    """Writes the page with its tables and figures. brief: see `figures.group_figures`; large: files
    are kept small; pictured: how many comparisons of the report have panels."""
    group = summary.group
    files = write_tables(summary, site.out / "tables", packed=large)
    figures = [] if brief and large else group_figures(summary, site.out / "figures", brief=brief)
    return site.write(
        "group.html.jinja",
        group_page(group.slug),
        group=group,
        heading=heading(group),
        facts=_facts(summary),
        switches=_switches(group.spec.protocol),
        numbers={
            name: plain_value(value) for name, value in group.spec.preset.model_dump().items()
        },
        spec=canonical(group.spec.model_dump(include={"dataset", "source", "protocol", "preset"})),
        counts=counts(group),
        warnings=warnings(summary),
        results=result_table(summary).without("absent runs"),
        absent={
            row["method"]: text
            for row in summary.rows.to_dict("records")
            if (text := absent_runs(row))
        },
        comparison=comparison_table(summary),
        reasons=not_comparable(group),
        notes=notes_on_numbers(summary),
        ledger=ledger_rows(group),
        figures=[figure_links(drawing, site) for drawing in figures],
        joined=brief,
        statistics=_statistics(site, inference) if inference else None,
        pictured=pictured,
        audit=audit_place(group),
        panels=[
            _panel_link(panel, f"{group.slug}-{number}", site)
            for number, panel in enumerate(panels)
        ],
        generators=_generators(group),
        splits=_splits(group),
        software=_software(group),
        runs=run_lines(group, marks),
        lacking=missing_commands(group, generator_defaults),
        cases=case_table(summary, SHOWN_CASES_OF_MANY if large else SHOWN_CASES),
        all_cases=len(summary.cases),
        files={name: site.link(path) for name, path in files.items()},
    )


def missing_commands(
    group: Group, generator_defaults: Mapping[str, Any] | None = None
) -> list[tuple[str, str]]:
    """(which runs, the command that computes them) for all missing runs: one command for the seeds
    that lack the same folds."""
    found = []
    for runs in group.methods:
        by_seed: dict[int, tuple[int, ...]] = {}
        for fold, seed in runs.missing:
            by_seed[seed] = (*by_seed.get(seed, ()), fold)
        spec = (*runs.done, *runs.failed)[0].spec
        for folds in dict.fromkeys(by_seed.values()):
            seeds = tuple(seed for seed, lacking in by_seed.items() if lacking == folds)
            words = f"{runs.label}, {_counted('fold', folds)}, {_counted('seed', seeds)}"
            found.append((words, repeat_command(spec, generator_defaults, folds, seeds)))
    return found


def _counted(word: str, numbers: Sequence[int]) -> str:
    return f"{word}{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def run_lines(group: Group, marks: Mapping[str, Mark] | None = None) -> list[RunLine]:
    """Every run of a group, in the order of its table: done, failed with its reason, then missing
    ones."""
    lines = []
    for runs in group.methods:
        for record in (*runs.done, *runs.failed):
            lines.append(_run_line(runs.label, record, marks or {}))
        lines += [
            RunLine(runs.label, fold, seed, "missing", "", "", "", "")
            for fold, seed in runs.missing
        ]
    return lines


def _run_line(label: str, record: Record, marks: Mapping[str, Mark]) -> RunLine:
    spec: RunSpec = record.spec
    done = record.status == "done"
    dice = [row.dice for row in record.cases]
    return RunLine(
        method=label,
        fold=spec.fold,
        seed=spec.seed,
        status="done" if done else f"failed: {one_line(record.error or 'no reason recorded')}",
        key=one_line(record.key),
        seconds=f"{record.seconds:.1f}" if record.stages else "",
        machine=machines(record),
        commit=commit_text(record),
        page=run_page(record.key),
        dice=rounded(sum(dice) / len(dice), 1, 100) if dice else "",
        owner=owners([record.key], marks),
        badges=tuple(badges([record.key], marks)),
    )


def machines(record: Record) -> str:
    """The machines that computed a run's stages, each once."""
    return one_line("; ".join(dict.fromkeys(stage.machine for stage in record.stages)))


def commit_text(record: Record) -> str:
    """'1234567890ab (dirty)', '' where none is recorded."""
    commit, dirty = commit_of(record)
    return f"{one_line(commit)[:12]}{' (dirty)' if dirty else ''}" if commit else ""


def split_id(record: Record) -> str:
    """Name of a run's split on the page of its comparison; '' for a record without one."""
    return (
        f"split-{record.spec.fold}-{one_line(record.split.hash)[:12].replace(' ', '-')}"
        if record.split
        else ""
    )


def generator_id(method: MethodSpec) -> str:
    """Name of a generator's settings on the page of its comparison, '' for a method without a
    generator."""
    return f"generator-{digest(method.generator)[:10]}" if method.generator else ""


def _generators(group: Group) -> list[dict[str, Any]]:
    """The settings of every generator of the group once, with the methods that share it."""
    found: dict[str, list[MethodRuns]] = {}
    for runs in group.methods:
        if runs.method.generator:
            found.setdefault(generator_id(runs.method), []).append(runs)
    return [
        {
            "id": name,
            "labels": [runs.label for runs in sharing],
            "settings": {
                key: plain_value(value) for key, value in flat(sharing[0].method.generator).items()
            },
        }
        for name, sharing in found.items()
    ]


def software_id(record: Record) -> str:
    """Name of what a run was made with, on the page of its comparison; '' where the record does not
    tell."""
    told = {name: value for name, value in record.provenance.items() if name != "git"}
    return f"software-{digest(told)[:10]}" if told else ""


def _software(group: Group) -> list[dict[str, Any]]:
    """Python, packages, device and whatever else the runs were made with: each different set once,
    with its runs' number."""
    runs = Counter(map(software_id, group.records))
    made = {software_id(record): record.provenance for record in group.records}
    return [
        {"id": name, "runs": runs[name], "facts": _software_facts(told)}
        for name, told in made.items()
        if name
    ]


def _software_facts(told: Mapping[str, Any]) -> dict[str, str]:
    packages = told.get("packages")
    held = {name: value for name, value in told.items() if name not in ("git", "packages")}
    shown = {one_line(str(name)): plain_value(value) for name, value in held.items()}
    if isinstance(packages, dict):
        shown["packages"] = one_line(
            ", ".join(f"{name} {version}" for name, version in packages.items())
        )
    return shown


def _splits(group: Group) -> list[dict[str, Any]]:
    """Every split of the group once, with its cases by part."""
    found: dict[str, Record] = {}
    for record in sorted(group.records, key=lambda one: (one.spec.fold, one.status != "done")):
        if record.split:
            found.setdefault(split_id(record), record)
    parts = ("train", "validation", "test")
    return [
        {
            "id": name,
            "fold": record.spec.fold,
            "hash": one_line(record.split.hash),
            "parts": {
                part: [one_line(case) for case in getattr(record.split, part)] for part in parts
            },
        }
        for name, record in found.items()
    ]


def _statistics(site: Site, inference: Inference) -> dict[str, Any]:
    """Tests, ties, ranks, variance and noise of the group."""
    return {
        "verdicts": verdict_table(inference),
        "variance": variance_table(inference),
        "notes": statistics_notes(inference),
        "csv": site.link(write_statistics(inference, site.out / "tables")),
        "figures": [
            figure_links(drawing, site) for drawing in rank_figures(inference, site.out / "figures")
        ],
    }


def _facts(summary: Summary) -> dict[str, str]:
    """The group's settings under the names readers look for."""
    group, spec = summary.group, summary.group.spec
    share = (
        {}
        if spec.training_share == 1
        else {"training cases": f"{100 * spec.training_share:g} % of each fold's"}
    )
    cases = summary.cases.drop_duplicates(["fold", "case"])
    fingerprint = one_line(spec.source.fingerprint)[:12]
    return {
        "source": f"{one_line(spec.source.title)} ({spec.source.kind}), fingerprint {fingerprint}",
        "licence": one_line(spec.source.licence),
        "architecture": one_line(spec.architecture),
        "protocol": protocol_label(spec.protocol),
        "preset": f"{preset_label(spec.preset)}: {spec.preset.size} px, {spec.preset.epochs}"
        f" epochs",
        **share,
        "folds and seeds": f"{spec.preset.n_folds} folds, seed"
        f" {', '.join(str(seed) for seed in group.seeds)}",
        "test cases": f"{len(cases)}",
    }


def _switches(protocol: Protocol) -> list[dict[str, str]]:
    """The protocol's switches that are not those of `rigorous`: name, value, the usual value,
    meaning."""
    usual = Protocol().model_dump()
    return [
        {
            "name": name,
            "value": plain_value(value),
            "usual": plain_value(usual[name]),
            "meaning": Protocol.model_fields[name].description or "",
        }
        for name, value in differences(protocol).items()
    ]


def _panel_link(panel: Panel, name: str, site: Site) -> dict[str, Any]:
    """Where the page finds a panel's picture, copied into its folder if it lies elsewhere, and its
    width."""
    try:
        with Image.open(panel.path) as picture:
            width = picture.width
    except OSError as error:
        raise InputError(
            f"panel {panel.path} is missing or not a picture ({error}); draw it again."
        ) from error
    path = panel.path
    if not path.resolve().is_relative_to(site.out.resolve()):
        path = site.out / "panels" / f"{name}{panel.path.suffix.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(panel.path, path)
    return {
        "path": site.link(path),
        "width": round(width * SHOWN_PIXELS_PER_INCH / DPI),
        "title": one_line(panel.title),
        "caption": one_line(panel.caption),
    }
