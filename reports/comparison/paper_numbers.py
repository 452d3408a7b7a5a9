"""The published numbers, Table II of arXiv 2310.12868 (doi 10.1109/TMI.2024.3519307), and when not
to compare. The files and their source are described in reports/paper/README.md."""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmark.core.texts import one_line
from benchmark.spec.method import MethodSpec
from benchmark.spec.presets import PRESETS, Preset
from datasets.tasks.catalogue import TASKS
from reports.comparison.groups import Group
from reports.comparison.labels import changed_settings, preset_base

FOLDER = Path(__file__).parents[1] / "paper"
BASELINE = "Baseline"
PAPER_ARCHITECTURE = "attention-unet"
PAPERS_METHOD, PAPERS_RIVAL = "emitdiff", "pix2pix"  # our names of what its Table I compares
# Our generators that a table of samples always lists -> the paper's name, None where it has none.
TABLE1_GENERATORS = {PAPERS_RIVAL: "Pix2Pix", "unconditional": None, PAPERS_METHOD: "EMIT-Diff"}
_METHODS = {
    ("none", None): BASELINE,
    (PAPERS_METHOD, None): "DiffBoost",
    ("classic", "deepstack"): "DeepStack",
} | {
    ("classic", name): f"Random{name.capitalize()}"
    for name in (
        "contrast",
        "gamma",
        "brightness",
        "noise",
        "resolution",
        "mirror",
        "rotate",
        "scale",
    )
}


@dataclass(frozen=True)
class PaperValue:
    """Mean and SD over cases as printed: Dice, precision and recall in %, distances in `unit`."""

    mean: float
    sd: float
    unit: str


@functools.cache
def table2() -> Mapping[tuple[str, str, str], PaperValue]:
    """(dataset, the paper's method name, metric) -> value of Table II; metrics dice, precision,
    recall, hd95, assd."""
    with (FOLDER / "table2.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    values = {
        (row["dataset"], row["method"], row["metric"]): PaperValue(
            float(row["mean"]), float(row["std"]), row["unit"]
        )
        for row in rows
    }
    return MappingProxyType(values)


@functools.cache
def paper_cases(dataset: str) -> int:
    """How many cases the paper's row of a dataset has."""
    with (FOLDER / "table2.csv").open(encoding="utf-8", newline="") as file:
        return next(
            int(row["n_cases"]) for row in csv.DictReader(file) if row["dataset"] == dataset
        )


def paper_method(method: MethodSpec, preset: Preset) -> str | None:
    """The paper's name of a method; None for one that Table II lacks, and for settings that are not
    the preset's."""
    if changed_settings(method, preset) or "kind" in method.changed:
        return None
    return _METHODS.get((method.name, method.transform))


def paper_value(dataset: str, name: str | None, metric: str) -> PaperValue | None:
    """The paper's value of the method that it calls `name`, or None."""
    return table2().get((dataset, name or "", metric))


def paper_gain_percent(dataset: str, name: str | None) -> float | None:
    """Relative gain in Dice over the paper's Baseline, %; None for the baseline itself and for
    methods it lacks."""
    base, value = (paper_value(dataset, one, "dice") for one in (BASELINE, name))
    if name == BASELINE or base is None or value is None:
        return None
    return 100 * (value.mean - base.mean) / base.mean


def not_comparable(group: Group) -> tuple[str, ...]:
    """Why the group's numbers may not be held against the paper's; () if nothing speaks against
    it."""
    spec = group.spec
    reasons = _other_images(group)
    if spec.preset.name != "paper":
        reasons.append(f"preset is {one_line(spec.preset.name)}, not paper")
    elif "paper" in PRESETS and (changed := _changed_numbers(spec.preset)):
        reasons.append(f"preset paper with other {', '.join(changed)}")
    if spec.architecture != PAPER_ARCHITECTURE:
        reasons.append(f"architecture is {one_line(spec.architecture)}, not {PAPER_ARCHITECTURE}")
    if spec.training_share != 1:
        reasons.append(f"{100 * spec.training_share:g} % of the training cases")
    return tuple(reasons)


def _changed_numbers(preset: Preset) -> list[str]:
    """Numbers that are not the named preset's. HED edges are the paper's own, though the preset
    does without (Q18)."""
    papers = ("edge", "edge_weights") if preset.edge == "hed" else ()
    return [name for name in preset_base(preset)[1] if name not in papers]


def _other_images(group: Group) -> list[str]:
    spec, task = group.spec, TASKS.of_results(group.spec.dataset)
    title = one_line(spec.source.title)
    if task.paper is None:
        return [f"the paper has no data set {spec.dataset}"]
    if task.paper.title is None:
        return [f"source is {title}, and the paper does not name its {spec.dataset} images (Q30)"]
    if not task.has_papers_images(spec.source.kind, title):
        return [f"source is {title}, not {task.paper.title}"]
    return _other_cases(group)


def _other_cases(group: Group) -> list[str]:
    """The published data set with cases left out is another one."""
    split = next((record.split for record in group.records if record.split), None)
    if split is None or group.spec.training_share != 1:
        return []
    count, published = (
        len({*split.train, *split.validation, *split.test}),
        paper_cases(group.spec.dataset),
    )
    return [] if count == published else [f"{count} cases, not {published}"]
