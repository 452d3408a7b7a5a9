"""Records in little memory, for reports on thousands of them: case rows as arrays, and what records
share held once.

A compact record reads like any other; it is for reading alone. Not here: any number made of them.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from benchmark.core.identity import canonical
from benchmark.record.curves import thinned
from benchmark.record.record import METRICS, CaseRow, Record, StageCost

SHOWN_POINTS = 20  # of a curve, on the page of its run
_NUMBERS = (*METRICS, "truth_voxels", "prediction_voxels")
_FLAGS = ("missed", "empty_truth")
_Kept = TypeVar("_Kept")


class Row(NamedTuple):
    """A case row as `benchmark.record.CaseRow` has it, not checked again."""

    case: str
    unit: str
    dice: float
    precision: float
    recall: float
    hd95: float
    hd95_max: float
    assd: float
    assd_mean: float
    nsd: float
    volume_difference: float
    truth_voxels: int
    prediction_voxels: int
    missed: bool
    empty_truth: bool


class CaseTable(Sequence[Row]):
    """The case rows of a record, kept as columns: numbers float64 and flags bool (rows,
    columns)."""

    __slots__ = ("cases", "units", "_numbers", "_flags")

    def __init__(self, rows: Sequence[CaseRow], pool: "Pool"):
        self.cases: tuple[str, ...] = pool.one(tuple(row.case for row in rows))
        self.units: tuple[str, ...] = pool.one(tuple(row.unit for row in rows))
        self._numbers = np.array([[getattr(row, name) for name in _NUMBERS] for row in rows], float)
        self._flags = np.array([[getattr(row, name) for name in _FLAGS] for row in rows], bool)

    def column(self, name: str) -> Sequence[Any]:
        """A column by its name: a tuple of texts, or an array of float64 or bool."""
        if name in _FLAGS:
            return self._flags[:, _FLAGS.index(name)]
        return {"case": self.cases, "unit": self.units}.get(name) or self._numbers[
            :, _NUMBERS.index(name)
        ]

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, place: int) -> Row:
        *metrics, truth, prediction = self._numbers[place].tolist()
        return Row(
            self.cases[place],
            self.units[place],
            *metrics,
            int(truth),
            int(prediction),
            *self._flags[place].tolist(),
        )

    def __iter__(self) -> Iterator[Row]:
        *metrics, truth, prediction = self._numbers.T.tolist()
        counts = (map(int, truth), map(int, prediction))
        return map(Row, self.cases, self.units, *metrics, *counts, *self._flags.T.tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CaseTable):
            return NotImplemented
        names = self.cases == other.cases and self.units == other.units
        return (
            names
            and np.array_equal(self._numbers, other._numbers)
            and np.array_equal(self._flags, other._flags)
        )

    __hash__ = None


class Pool:
    """Equal values held once."""

    def __init__(self):
        self._held: dict[Hashable, Any] = {}

    def one(self, value: _Kept, key: Hashable = None) -> _Kept:
        """`value`, or an equal one that came before. key: what tells values apart, if they cannot
        be hashed."""
        return self._held.setdefault((type(value), value if key is None else key), value)


def compact(record: Record, pool: Pool) -> Record:
    """The same record in a tenth of its memory."""
    spec = record.spec
    parts = {
        name: pool.one(part, part.model_dump_json())
        for name in ("source", "method", "protocol", "preset")
        if (part := getattr(spec, name))
    }
    new = {
        "spec": spec.model_copy(update=parts),
        "cases": CaseTable(record.cases, pool) if record.cases else (),
        "stages": tuple(_stage(stage, pool) for stage in record.stages),
        "notes": pool.one(record.notes),
        "substitutions": pool.one(record.substitutions),
        "provenance": pool.one(record.provenance, canonical(record.provenance)),
    }
    if record.split:
        new["split"] = pool.one(record.split)
    return record.model_copy(update=new)


def _stage(stage: StageCost, pool: Pool) -> StageCost:
    curve = {name: np.array(thinned(pairs, SHOWN_POINTS)) for name, pairs in stage.curve.items()}
    words = {name: pool.one(getattr(stage, name)) for name in ("stage", "machine", "purpose")}
    return stage.model_copy(update={**words, "curve": curve})
