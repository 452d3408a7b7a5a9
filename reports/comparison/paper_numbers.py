"""The published numbers, Table II of arXiv 2310.12868 (doi 10.1109/TMI.2024.3519307), and when not
to compare. Not here: reading the files (paper_files.py)."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchmark.core.texts import one_line
from benchmark.record.record import Split
from benchmark.spec.method import CLASSIC_NAME, MethodSpec
from benchmark.spec.presets import Preset
from benchmark.spec.run import RunSpec
from datasets.tasks.catalogue import TASKS
from reports.comparison.labels import is_as_preset, preset_base
from reports.comparison.paper_files import BASELINE, DIFFBOOST, printed, transform_rows

PAPER_ARCHITECTURE = "attention-unet"
PAPERS_METHOD, PAPERS_RIVAL = "emitdiff", "pix2pix"  # our names of what its Table I compares
# Our generators that a table of samples always lists -> the paper's name, None where it has none.
TABLE1_GENERATORS = {PAPERS_RIVAL: "Pix2Pix", "unconditional": None, PAPERS_METHOD: "EMIT-Diff"}
_METHODS = {"none": BASELINE, PAPERS_METHOD: DIFFBOOST}


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
    return MappingProxyType(
        {
            (row["dataset"], row["method"], row["metric"]): _value(row, row["unit"])
            for row in printed("table2.csv")
        }
    )


@functools.cache
def table1() -> Mapping[tuple[str, str], PaperValue]:
    """(the paper's generator, measure) -> value of Table I, grey range 0-1."""
    return MappingProxyType(
        {(row["generator"], row["metric"]): _value(row, "") for row in printed("table1.csv")}
    )


def paper_cases(dataset: str) -> int:
    """How many cases the paper's row of a dataset has."""
    rows = printed("table2.csv")
    return next(int(row["n_cases"]) for row in rows if row["dataset"] == dataset)


def _value(row: Mapping[str, str], unit: str) -> PaperValue:
    return PaperValue(float(row["mean"]), float(row["std"]), unit)


def paper_method(method: MethodSpec, preset: Preset) -> str | None:
    """The paper's name of a method; None for one that Table II lacks, and for settings that are not
    the preset's."""
    if not is_as_preset(method, preset):
        return None
    if method.name == CLASSIC_NAME:
        return transform_rows().get(method.transform or "")
    return None if method.transform else _METHODS.get(method.name)


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


def not_comparable(spec: RunSpec, split: Split | None) -> tuple[str, ...]:
    """Why runs like `spec` may not be held against the paper's numbers; () if nothing speaks
    against it. split: of one of the runs."""
    reasons = _other_images(spec, split)
    if spec.preset.name != "paper":
        reasons.append(f"preset is {one_line(spec.preset.name)}, not paper")
    elif changed := _changed_numbers(spec.preset):
        reasons.append(f"preset paper with other {', '.join(changed)}")
    if spec.architecture != PAPER_ARCHITECTURE:
        reasons.append(f"architecture is {one_line(spec.architecture)}, not {PAPER_ARCHITECTURE}")
    if spec.training_share != 1:
        reasons.append(f"{100 * spec.training_share:g} % of the training cases")
    return tuple(reasons)


def _changed_numbers(preset: Preset) -> list[str]:
    """Numbers that are not the named preset's. Edges that are not the paper's stand in the ledger
    of the runs that read them (Q18)."""
    return [name for name in preset_base(preset)[1] if "edge" not in name]


def _other_images(spec: RunSpec, split: Split | None) -> list[str]:
    """What tells the source from the paper's. The published data set with cases left out is another
    one."""
    task, title = TASKS.of_results(spec.dataset), one_line(spec.source.title)
    if task.paper is None:
        return [f"the paper has no data set {spec.dataset}"]
    if task.paper.title is None:
        return [f"source is {title}, and the paper does not name its {spec.dataset} images (Q30)"]
    if not task.has_papers_images(spec.source.kind, title):
        return [f"source is {title}, not {task.paper.title}"]
    if split is None or spec.training_share != 1:
        return []
    count = len({*split.train, *split.validation, *split.test})
    published = paper_cases(spec.dataset)
    return [] if count == published else [f"{count} cases, not {published}"]
