"""The page of one comparison: its tables, statistics, figures, pictures, splits and runs.

The files it links (tables, figures) are written on the way. Not here: the page of a run (run.py),
the leaderboard's row of it (reports/board), any arithmetic.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmark.core.errors import InputError
from benchmark.core.identity import canonical
from benchmark.core.texts import one_line
from benchmark.record.record import Record
from benchmark.spec.protocol import Protocol, differences
from reports.board.leaderboard import Row, Section, counts
from reports.comparison.badges import Mark, badges, owners
from reports.comparison.caveats import notes_on_numbers, warnings
from reports.comparison.format import rounded
from reports.comparison.groups import Group
from reports.comparison.inference import Inference
from reports.comparison.labels import plain_value, preset_label, protocol_label
from reports.comparison.links import run_page
from reports.comparison.repeat_command import repeat_command
from reports.comparison.study import Comparison, Study
from reports.comparison.substituted import ledger_rows
from reports.comparison.summaries import Summary
from reports.figures.by_method import group_figures
from reports.figures.drawing import DPI, Drawing
from reports.figures.panels import Panel, dark_twin
from reports.figures.ranks import COST_TITLE, rank_figures
from reports.pages.parts import audit_place, commit_text, figure_links, machines, short_names
from reports.pages.shared import generators, software, splits
from reports.pages.site import Site
from reports.tables.copies import copy_gains, copy_sentence, copy_table
from reports.tables.inference import (
    statistics_notes,
    variance_table,
    verdict_table,
    write_statistics,
)
from reports.tables.tables import Table, case_table, comparison_table, result_table, write_tables

SHOWN_CASES, SHOWN_CASES_OF_MANY = 100, 10
SHOWN_PIXELS_PER_INCH = 96
# Columns of the summary that stand elsewhere on the page, so that the others fit its width.
NOT_ON_PAGE = ("absent runs", "generator, s", "segmenter, s")


@dataclass(frozen=True)
class RunLine:
    """A run as a page lists it; `key` and `page` are empty for a run that is missing."""

    method: str
    fold: int
    seed: int
    status: str
    key: str = ""
    seconds: str = ""
    machine: str = ""
    commit: str = ""
    page: str = ""
    dice: str = ""
    owner: str = ""
    badges: tuple[str, ...] = ()


def write_comparison(
    site: Site,
    study: Study,
    comparison: Comparison,
    section: Section,
    panels: Sequence[dict[str, Any]],
    *,
    brief: bool,
    large: bool,
    pictured: int = 0,
) -> Path:
    """Writes the page with its tables and figures.

    Args:
        site: The folder of the report.
        study: What the comparison belongs to, for marks and commands.
        comparison: The group and its numbers.
        section: The comparison's part of the leaderboard.
        panels: Pictures of the group's images, as links.
        brief: Only the figures that no page over settings shows (see `group_figures`).
        large: Files are kept small: tables packed, fewer cases shown.
        pictured: How many comparisons of the report have panels.
    """
    group, summary = comparison.group, comparison.summary
    inference, shared = comparison.inference, {"dataset", "source", "protocol", "preset"}
    usual = [row for row in section.rows if row.usual]
    swept = [row for row in section.rows if not row.usual]
    results = result_table(summary)
    for column in NOT_ON_PAGE:
        results = results.without(column)
    copies = _copies(summary)
    further = f"{copies[1]}\n\n{copies[0].markdown()}" if copies else ""
    files = write_tables(summary, site.out / "tables", packed=large, further=further)
    figures = [] if brief and large else group_figures(summary, site.out / "figures", brief=brief)
    ranks = rank_figures(inference, site.out / "figures") if inference else []
    costs = [one for one in ranks if one.title == COST_TITLE]
    others = [one for one in ranks if one.title != COST_TITLE]
    return site.write(
        "group.html.jinja",
        group.page,
        group=group,
        heading=group.heading,
        facts=_facts(summary),
        switches=_switches(group.spec.protocol),
        numbers={
            name: plain_value(value) for name, value in group.spec.preset.model_dump().items()
        },
        spec=canonical(group.spec.model_dump(include=shared)),
        counts=counts(group),
        warnings=warnings(summary),
        usual=usual,
        swept=swept,
        drawn=section.figure,
        footnotes=section.footnotes,
        results=_rows_of(results, usual, group),
        other_results=_rows_of(results, swept, group),
        absent={
            group.short[one.label].text: one.absent_text for one in group.methods if one.absent_text
        },
        comparison=_rows_of(comparison_table(summary), section.rows, group),
        copies=(short_names(copies[0], group), copies[1]) if copies else None,
        reasons=group.not_comparable,
        notes=notes_on_numbers(summary),
        ledger=ledger_rows(group),
        figures=[figure_links(drawing, site) for drawing in [*figures, *costs]],
        joined=brief,
        statistics=_statistics(site, inference, others) if inference else None,
        pictured=pictured,
        audit=audit_place(group),
        panels=panels,
        generators=generators(group),
        splits=splits(group),
        software=software(group),
        runs=run_lines(group, study.marks),
        lacking=missing_commands(group),
        cases=short_names(
            case_table(summary, SHOWN_CASES_OF_MANY if large else SHOWN_CASES), group
        ),
        all_cases=len(summary.cases),
        files={name: site.link(path) for name, path in files.items()},
    )


def _rows_of(table: Table, rows: Sequence[Row], group: Group) -> Table:
    """The rows of a table by method that belong to some rows of the leaderboard, in their order."""
    by_label = {cells[0]: cells for cells in table.rows}
    kept = tuple(by_label[row.label] for row in rows if row.label in by_label)
    return short_names(Table(table.columns, kept), group)


def _copies(summary: Summary) -> tuple[Table, str] | None:
    """The gains with and without near copies and what they mean, where a test case has one."""
    gains = copy_gains(summary)
    return (copy_table(gains, summary), copy_sentence(gains)) if gains else None


def missing_commands(group: Group) -> list[tuple[str, str]]:
    """(which runs, the command that computes them) for all missing runs: one command for the seeds
    that lack the same folds."""
    found = []
    for runs in group.methods:
        by_seed: dict[int, tuple[int, ...]] = {}
        for fold, seed in runs.missing:
            by_seed[seed] = (*by_seed.get(seed, ()), fold)
        for folds in dict.fromkeys(by_seed.values()):
            seeds = tuple(seed for seed, lacking in by_seed.items() if lacking == folds)
            name = group.short[runs.label].text
            words = f"{name}, {_counted('fold', folds)}, {_counted('seed', seeds)}"
            command = repeat_command(runs.records[0].spec, folds, seeds)
            found.append((words, command))
    return found


def _counted(word: str, numbers: Sequence[int]) -> str:
    return f"{word}{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def run_lines(group: Group, marks: Mapping[str, Mark]) -> list[RunLine]:
    """Every run of a group, in the order of its table: done, failed with its reason, then missing
    ones."""
    lines = []
    for runs in group.methods:
        name = group.short[runs.label].text
        lines += [_run_line(name, record, marks) for record in runs.records]
        lines += [RunLine(name, fold, seed, "missing") for fold, seed in runs.missing]
    return lines


def _run_line(label: str, record: Record, marks: Mapping[str, Mark]) -> RunLine:
    done = record.status == "done"
    dice = [row.dice for row in record.cases]
    return RunLine(
        method=label,
        fold=record.spec.fold,
        seed=record.spec.seed,
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


def _statistics(site: Site, inference: Inference, drawings: list[Drawing]) -> dict[str, Any]:
    """Tests, ties, ranks, variance and noise of the group. drawings: of its ranks."""
    return {
        "verdicts": short_names(verdict_table(inference), inference.summary.group),
        "variance": short_names(variance_table(inference), inference.summary.group),
        "notes": statistics_notes(inference),
        "csv": site.link(write_statistics(inference, site.out / "tables")),
        "figures": [figure_links(drawing, site) for drawing in drawings],
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


def panel_links(panels: Sequence[Panel], group: Group, site: Site) -> list[dict[str, Any]]:
    """The pictures of a group as pages show them, in the folder of the report."""
    return [
        _panel_link(panel, f"{group.slug}-{number}", site) for number, panel in enumerate(panels)
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
        if dark_twin(panel.path).is_file():
            shutil.copyfile(dark_twin(panel.path), dark_twin(path))
    return {
        "path": site.link(path),
        "dark": site.link(dark_twin(path)) if dark_twin(path).is_file() else "",
        "width": round(width * SHOWN_PIXELS_PER_INCH / DPI),
        "title": one_line(panel.title),
        "caption": one_line(panel.caption),
        "methods": panel.methods,
    }
