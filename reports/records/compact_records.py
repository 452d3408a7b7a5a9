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

SHOWN_POINTS = 20  # of a curve, on the page of its run
_NUMBERS = (*METRICS, *COUNTS)
_Kept = TypeVar("_Kept")


class CaseTable:
    """The case rows of a record, kept as columns: numbers float64 and flags bool (rows,
    columns). Rows are made when they are read, and not checked again."""

    __slots__ = ("cases", "units", "_numbers", "_flags")

    def __init__(self, rows: Sequence[CaseRow], pool: "Pool"):
        self.cases: tuple[str, ...] = pool.one(tuple(row.case for row in rows))
        self.units: tuple[Unit, ...] = pool.one(tuple(row.unit for row in rows))
        self._numbers = np.array([[getattr(row, name) for name in _NUMBERS] for row in rows], float)
        self._flags = np.array([[getattr(row, name) for name in FLAGS] for row in rows], bool)

    def column(self, name: str) -> Any:
        """A column by its name: a tuple of texts, or an array of float64 or bool."""
        if name in FLAGS:
            return self._flags[:, FLAGS.index(name)]
        if name in _NUMBERS:
            return self._numbers[:, _NUMBERS.index(name)]
        return {"case": self.cases, "unit": self.units}[name]

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, place: int) -> CaseRow:
        return self._row(place, self._numbers[place].tolist(), self._flags[place].tolist())

    def __iter__(self) -> Iterator[CaseRow]:
        rows = range(len(self)), self._numbers.tolist(), self._flags.tolist()
        return map(self._row, *rows)

    def _row(self, place: int, numbers: list[float], flags: list[bool]) -> CaseRow:
        values: dict[str, Any] = dict(zip(_NUMBERS, numbers, strict=True))
        values |= {name: int(values[name]) for name in COUNTS}
        values |= zip(FLAGS, flags, strict=True)
        return CaseRow.model_construct(case=self.cases[place], unit=self.units[place], **values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CaseTable):
            return NotImplemented
        names = self.cases == other.cases and self.units == other.units
        return (
            names
            and np.array_equal(self._numbers, other._numbers, equal_nan=True)
            and np.array_equal(self._flags, other._flags)
        )


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
