"""The metrics of a case, each defined once: its meaning, its range and how it is shown.

A metric is one field of CaseMetrics with a Metric beside it; case.py computes it under the same
name. Columns of records and CSV files, tables, the page of the rules, the checks of submissions
and docs/metrics.md follow from here. Tools of the field mean different numbers by "HD95" and "ASSD"
(Q11, Q28), so every definition has a column of its own. Not here: how they are computed (case.py),
averages over cases (reports).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import BaseMetadata, Ge, GroupedMetadata, Le
from pydantic import Field

from benchmark.core.frozen import Frozen

Unit = Literal["mm", "px", "voxel"]
DISTANCE_DECIMALS = {"mm": 2, "voxel": 2, "px": 1}


@dataclass(frozen=True)
class Metric(GroupedMetadata):
    """What a metric is. P is the prediction and T the truth in `meaning`.

    Args:
        title: its name in the heading of a column.
        kind: "fraction", in [0, 1], shown in %; "distance", >= 0, in the unit of the case; or
            "ratio", >= -1, shown in % with its sign. It decides the value for empty masks too.
        meaning: what is computed, in a few words.
        origin: whose definition it is.
        better: which values are good.
        shown: "tables", of methods and of cases; "cases", in tables of cases alone; "record", in
            records and CSV files alone.
        tolerance: whether it depends on the preset's `nsd_tolerance`.
        in_place_of: (switch, value): with this value of the protocol's switch it is shown in place
            of the metric that has the switch's name.
    """

    title: str
    kind: Literal["fraction", "distance", "ratio"]
    meaning: str
    origin: str = ""
    better: Literal["higher", "lower", "closer to 0"] = "higher"
    shown: Literal["tables", "cases", "record"] = "record"
    tolerance: bool = False
    in_place_of: tuple[str, str] | None = None

    @property
    def range(self) -> tuple[float, float]:
        return {"fraction": (0, 1), "distance": (0, math.inf), "ratio": (-1, math.inf)}[self.kind]

    @property
    def scale(self) -> int:
        """What a value is multiplied by to be shown."""
        return 1 if self.kind == "distance" else 100

    def decimals(self, unit: str | None) -> int:
        """How many decimals are shown where cases are measured in `unit`."""
        return DISTANCE_DECIMALS.get(unit or "", 2) if self.kind == "distance" else 1

    def heading(self, unit: str) -> str:
        """'Dice, %' or 'HD95, mm'; `unit` is that of the cases, '' where there is none."""
        shown = unit if self.kind == "distance" else "%"
        return f"{self.title}, {shown}" if shown else self.title

    def __iter__(self) -> Iterator[BaseMetadata]:
        """The range, as pydantic checks it."""
        low, high = self.range
        yield Ge(low)
        yield Le(high)


# For a metric that older records do not have: it is nan there, shown as absent, and not written.
LATER = Field(math.nan, exclude_if=math.isnan)


class CaseMetrics(Frozen):
    """The metrics of one prediction, and the counts behind them. No value is nan but one that
    older records lack."""

    dice: Annotated[
        float,
        Metric("Dice", "fraction", "2 |P and T| / (|P| + |T|), in voxels", shown="tables"),
    ]
    precision: Annotated[
        float, Metric("precision", "fraction", "|P and T| / |P|, in voxels", shown="tables")
    ]
    recall: Annotated[
        float, Metric("recall", "fraction", "|P and T| / |T|, in voxels", shown="tables")
    ]
    hd95: Annotated[
        float,
        Metric(
            "HD95",
            "distance",
            "95th percentile of both directed surface distances pooled",
            origin="MedPy; Q11",
            better="lower",
            shown="tables",
        ),
    ]
    hd95_max: Annotated[
        float,
        Metric(
            "HD95 (larger)",
            "distance",
            "larger of the two directed 95th percentiles",
            origin="MONAI; Q11",
            better="lower",
            in_place_of=("hd95", "max"),
        ),
    ]
    assd: Annotated[
        float,
        Metric(
            "ASSD",
            "distance",
            "mean of both directed surface distances pooled",
            origin="MedPy 0.5.2, MONAI; Q28",
            better="lower",
            shown="tables",
        ),
    ]
    assd_mean: Annotated[
        float,
        Metric(
            "ASSD (of means)",
            "distance",
            "mean of the two directed means",
            origin="MedPy up to 0.5.1; Q28",
            better="lower",
            in_place_of=("assd", "mean"),
        ),
    ]
    nsd: Annotated[
        float,
        Metric(
            "NSD",
            "fraction",
            "share of surface voxels within the tolerance of the other surface",
            origin="MONAI, no subvoxels",
            shown="tables",
            tolerance=True,
        ),
    ]
    volume_difference: Annotated[
        float,
        Metric("volume", "ratio", "(|P| - |T|) / |T|", better="closer to 0", shown="cases"),
    ]
    truth_voxels: int = Field(ge=0)
    prediction_voxels: int = Field(ge=0)
    missed: bool = Field(description="the truth has foreground and the prediction none")
    empty_truth: bool = Field(description="the truth has no foreground")

    def measured(self, names: Iterable[str]) -> dict[str, float]:
        """Name -> value of the metrics named; those that the row is too old to have are left
        out."""
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if not math.isnan(value)}


class CaseName(Frozen):
    """Which case it is, and the unit of its distances."""

    case: str
    unit: Unit
    patient: str = Field(
        "",
        description="whose image it is, where the source knows; else every case is a patient",
        exclude_if=lambda patient: not patient,
    )


class CaseRow(CaseMetrics, CaseName):
    """One test case of a record."""


METRICS: dict[str, Metric] = {
    name: metric
    for name, field in CaseMetrics.model_fields.items()
    for metric in field.metadata
    if isinstance(metric, Metric)
}
COUNTS = ("truth_voxels", "prediction_voxels")
FLAGS = ("missed", "empty_truth")
DISTANCES = tuple(name for name, metric in METRICS.items() if metric.kind == "distance")
TABLE_METRICS = tuple(name for name, metric in METRICS.items() if metric.shown == "tables")
CASE_TABLE_METRICS = tuple(name for name, metric in METRICS.items() if metric.shown != "record")


def of_empty_masks(metric: Metric, predicted: bool, true: bool, diagonal: float) -> float:
    """The value of a metric where at least one mask is empty (table in case.py).

    predicted, true: whether the mask has foreground; diagonal: of the image, in the case's unit.
    """
    if metric.kind == "ratio":
        return float(predicted) - float(true)
    agree = predicted == true
    if metric.kind == "fraction":
        return float(agree)
    return 0.0 if agree else diagonal
