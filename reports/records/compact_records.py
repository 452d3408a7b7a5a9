"""Records in little memory, for reports on thousands of them: case rows as arrays, and what records
share held once.

A compact record reads like any other; it is for reading alone. Not here: any number made of them.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from benchmark.core.identity import canonical
from benchmark.metrics.definitions import COUNTS, FLAGS, METRICS, CaseRow, Unit
from benchmark.record.curves import thinned
from benchmark.record.record import Record, StageCost

SHOWN_POINTS = 15  # of a curve, on the page of its run
_PARTS = ((tuple(METRICS), np.float64), (COUNTS, np.int64), (FLAGS, np.bool_))
_NAMES = ("case", "unit", "patient", *METRICS, *COUNTS, *FLAGS)
_Kept = TypeVar("_Kept")


class CaseTable:
    """The case rows of a record, kept as columns: an array (rows, names) for each of _PARTS. Rows
    are made when they are read."""

    __slots__ = ("cases", "units", "patients", "_parts")

    def __init__(self, rows: Sequence[CaseRow], pool: "Pool"):
        self.cases: tuple[str, ...] = pool.one(tuple(row.case for row in rows))
        self.units: tuple[Unit, ...] = pool.one(tuple(row.unit for row in rows))
        self.patients: tuple[str, ...] = pool.one(tuple(row.patient for row in rows))
        self._parts = [
            np.array([[getattr(row, name) for name in names] for row in rows], kind)
            for names, kind in _PARTS
        ]

    def column(self, name: str) -> Any:
        """A column by its name: a tuple of texts, or an array of float64, int64 or bool."""
        for (names, _), values in zip(_PARTS, self._parts, strict=True):
            if name in names:
                return values[:, names.index(name)]
        return {"case": self.cases, "unit": self.units, "patient": self.patients}[name]

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, place: int) -> CaseRow:
        return _row(
            self.cases[place],
            self.units[place],
            self.patients[place],
            *(part[place].tolist() for part in self._parts),
        )

    def __iter__(self) -> Iterator[CaseRow]:
        texts = (self.cases, self.units, self.patients)
        return map(_row, *texts, *(part.tolist() for part in self._parts))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CaseTable):
            return NotImplemented
        mine = (self.cases, self.units, self.patients)
        return mine == (other.cases, other.units, other.patients) and all(
            np.array_equal(one, theirs, equal_nan=True)
            for one, theirs in zip(self._parts, other._parts, strict=True)
        )


def _row(case: str, unit: Unit, patient: str, metrics: list, counts: list, flags: list) -> CaseRow:
    values = zip(_NAMES, (case, unit, patient, *metrics, *counts, *flags), strict=True)
    # nan stands for a metric that the record is too old to have
    return CaseRow.model_validate({name: value for name, value in values if value == value})


class Pool:
    """Equal values held once."""

    def __init__(self) -> None:
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
    new: dict[str, Any] = {
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
