"""Records -> one folder with an HTML page, tables and figures.

The page opens from disk, asks nothing of the network, runs no script, and shows every text of a record escaped.
Callers: cli. Not here: the arithmetic (summaries.py), claims and statistics (page_study.py), the layout (templates/).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from benchmark.errors import InputError
from benchmark.protocol import Protocol, differences
from benchmark.record import Record
from benchmark.spec import RunSpec
from reports.commands import repeat_command
from reports.drawing import DPI
from reports.figures import group_figures
from reports.groups import Group, make_groups
from reports.labels import one_line, plain_value, preset_label, protocol_label
from reports.load import commit_of
from reports.marks import Mark, Refused, badges, owners
from reports.notes import notes_on_numbers, warnings
from reports.page_study import figure_links, joined_groups, relative, statistics_view, study_view
from reports.panels import Panel
from reports.paper_numbers import not_comparable
from reports.summaries import Summary, summarise
from reports.tables import absent_runs, case_table, comparison_table, result_table, write_tables

SHOWN_CASES = 200
SHOWN_PIXELS_PER_INCH = 96
_TASK = {"prostate": "Prostate MRI", "spleen": "Spleen CT", "breast": "Breast ultrasound"}
_TEXT_COLUMNS = ("seeds", "remark", "method", "case", "ties", "dataset", "from", "absent runs")


@dataclass(frozen=True)
class RunLine:
    """A run as the page lists it; `key` is empty for a run that is missing."""

    method: str
    fold: int
    seed: int
    status: str
    key: str
    seconds: str
    machine: str
    commit: str
    command: str
    owner: str = ""
    badges: tuple[str, ...] = ()


def build(
    records: Sequence[Record],
    problems: Sequence[str],
    out: Path,
    panels: Mapping[str, Sequence[Panel]] | None = None,
    generator_defaults: Mapping[str, Any] | None = None,
    *,
    marks: Mapping[str, Mark] | None = None,
    refused: Sequence[Refused] = (),
) -> Path:
    """Writes out/index.html, out/tables, out/figures and out/panels; returns the path of the page.

    problems: sentences on files that could not be read, shown on top. panels: pictures by group (`groups.group_id`),
    copied into the folder if they lie elsewhere. generator_defaults: see `commands.repeat_command`. marks: by the key of
    a record, whose it is and how far it was checked. refused: submissions that are not on the page, with their reasons.
    Raises InputError where a panel's file is missing or no picture, or where `out` cannot be written.
    """
    groups, panels = make_groups(records), dict(panels or {})
    if unknown := sorted(set(panels) - {group.id for group in groups}):
        raise ValueError(f"panels for groups that no record belongs to: {', '.join(unknown)}")
    try:
        for name in ("tables", "figures"):
            (out / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the report cannot be written to {out} ({error.strerror}); give a folder by --out."
        ) from error
    summaries = [summarise(group) for group in groups]
    brief = joined_groups(summaries)
    views = [
        _view(summary, out, panels.get(summary.group.id, ()), generator_defaults, summary.group.id in brief, marks or {})
        for summary in summaries
    ]
    template = _environment().get_template("index.html.jinja")
    page = template.render(
        groups=views,
        study=study_view(summaries, out),
        problems=[one_line(problem) for problem in problems],
        refused=[(one_line(one.name), [one_line(reason) for reason in one.reasons]) for one in refused],
        totals={name: sum(view["counts"][name] for view in views) for name in ("done", "failed", "missing")},
    )
    path = out / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def run_lines(
    group: Group, generator_defaults: Mapping[str, Any] | None = None, marks: Mapping[str, Mark] | None = None
) -> list[RunLine]:
    """Every run of a group, in the order of its table: done, failed with its reason, then missing ones."""
    lines = []
    for runs in group.methods:
        for record in (*runs.done, *runs.failed):
            lines.append(_run_line(runs.label, record, repeat_command(record.spec, generator_defaults), marks or {}))
        some = (*runs.done, *runs.failed)[0].spec
        for fold, seed in runs.missing:
            spec = some.model_copy(update={"fold": fold, "seed": seed})
            command = repeat_command(spec, generator_defaults)
            lines.append(RunLine(runs.label, fold, seed, "missing", "", "", "", "", command))
    return lines


def _run_line(label: str, record: Record, command: str, marks: Mapping[str, Mark]) -> RunLine:
    spec: RunSpec = record.spec
    commit, dirty = commit_of(record)
    done = record.status == "done"
    return RunLine(
        method=label,
        fold=spec.fold,
        seed=spec.seed,
        status="done" if done else f"failed: {one_line(record.error or 'no reason recorded')}",
        key=one_line(record.key),
        seconds=f"{record.seconds:.1f}" if record.stages else "",
        machine=one_line("; ".join(dict.fromkeys(stage.machine for stage in record.stages))),
        commit=f"{one_line(commit)[:12]}{' (dirty)' if dirty else ''}" if commit else "",
        command=command,
        owner=owners([record.key], marks),
        badges=tuple(badges([record.key], marks)),
    )


def _view(
    summary: Summary, out: Path, panels: Sequence[Panel], generator_defaults: Mapping[str, Any] | None, brief: bool,
    marks: Mapping[str, Mark],
) -> dict[str, Any]:  # fmt: skip
    """All that the template shows of one group; its files are written on the way."""
    group = summary.group
    files = write_tables(summary, out / "tables")
    return {
        "id": group.id,
        "group": group,
        "heading": f"{_TASK[group.spec.dataset]}, {one_line(group.spec.source.title)}",
        "facts": _facts(summary),
        "switches": _switches(group.spec.protocol),
        "numbers": {name: plain_value(value) for name, value in group.spec.preset.model_dump().items()},
        "counts": _counts(group),
        "warnings": warnings(summary),
        "results": result_table(summary).without("absent runs"),
        "absent": {row["method"]: text for row in summary.rows.to_dict("records") if (text := absent_runs(row))},
        "comparison": comparison_table(summary),
        "reasons": not_comparable(group),
        "notes": notes_on_numbers(summary),
        "figures": [figure_links(drawing, out) for drawing in group_figures(summary, out / "figures", brief=brief)],
        "statistics": statistics_view(summary, out),
        "panels": [_panel_link(panel, f"{group.slug}-{number}", out) for number, panel in enumerate(panels)],
        "runs": run_lines(group, generator_defaults, marks),
        "cases": case_table(summary, SHOWN_CASES),
        "all_cases": len(summary.cases),
        "files": {name: relative(path, out) for name, path in files.items()},
    }


def _facts(summary: Summary) -> dict[str, str]:
    """The group's settings under the names readers look for."""
    group, spec = summary.group, summary.group.spec
    share = {} if spec.training_share == 1 else {"training cases": f"{100 * spec.training_share:g} % of each fold's"}
    cases = summary.cases.drop_duplicates(["fold", "case"])
    fingerprint = one_line(spec.source.fingerprint)[:12]
    return {
        "source": f"{one_line(spec.source.title)} ({spec.source.kind}), fingerprint {fingerprint}",
        "licence": one_line(spec.source.licence),
        "architecture": one_line(spec.architecture),
        "protocol": protocol_label(spec.protocol),
        "preset": f"{preset_label(spec.preset)}: {spec.preset.size} px, {spec.preset.epochs} epochs",
        **share,
        "folds and seeds": f"{spec.preset.n_folds} folds, seed {', '.join(str(seed) for seed in group.seeds)}",
        "test cases": f"{len(cases)}",
    }


def _switches(protocol: Protocol) -> list[dict[str, str]]:
    """The protocol's switches that are not those of `rigorous`: name, value, the usual value, meaning."""
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


def _counts(group: Group) -> dict[str, int]:
    return {
        "done": sum(len(runs.done) for runs in group.methods),
        "failed": sum(len(runs.failed) for runs in group.methods),
        "missing": sum(len(runs.missing) for runs in group.methods),
    }


def _panel_link(panel: Panel, name: str, out: Path) -> dict[str, Any]:
    """Where the page finds a panel's picture, copied into its folder if it lies elsewhere, and its width."""
    try:
        with Image.open(panel.path) as picture:
            width = picture.width
    except OSError as error:
        raise InputError(f"panel {panel.path} is missing or not a picture ({error}); draw it again.") from error
    path = panel.path
    if not path.resolve().is_relative_to(out.resolve()):
        path = out / "panels" / f"{name}{panel.path.suffix.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(panel.path, path)
    return {
        "path": relative(path, out),
        "width": round(width * SHOWN_PIXELS_PER_INCH / DPI),
        "title": one_line(panel.title),
        "caption": one_line(panel.caption),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["text_column"] = lambda name: (
        name in _TEXT_COLUMNS or name.endswith("method") or name.startswith("verdict")
    )
    return environment
