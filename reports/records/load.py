"""Record files -> records and flat tables of them.

One broken file never hides the others: it becomes a problem with its name, which the page shows.
Not here: which records may stand in one table (groups.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd

from benchmark.core.errors import InputError
from benchmark.metrics.definitions import COUNTS, FLAGS, METRICS, CaseRow
from benchmark.record.record import Record, load_record
from reports.records.compact_records import CaseTable, Pool, compact

CASE_FIELDS = tuple(CaseRow.model_fields)
# What belongs to the augmentation method, and what to the network that is trained with it.
GENERATOR_STAGES = ("fit-generator", "synthesize")
SEGMENTER_STAGES = ("fit-segmenter",)


@dataclass(frozen=True)
class Loaded:
    """All records that could be read, in the order of their paths, and one sentence per file that
    could not."""

    records: list[Record]
    problems: list[str]


class Records(Sequence[Record]):
    """Records as a sequence, with the tables that are made of them.

    problems: one sentence per file that could not be read.
    """

    def __init__(self, loaded: Loaded):
        self._records, self.problems = loaded.records, loaded.problems

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        return self._records[place]

    def __len__(self) -> int:
        return len(self._records)

    @cached_property
    def cases(self) -> pd.DataFrame:
        """One row per test case of each finished run: see `case_frame`."""
        return case_frame(self._records)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run: see `run_frame`."""
        return run_frame(self._records)


def read(*places: str | Path) -> Records:
    """The records of stores, folders of record files or single files. Raises InputError for a
    place that does not exist."""
    return Records(load_records(map(Path, places), small=True))


def load_records(folders: Iterable[Path], small: bool = False) -> Loaded:
    """Reads every *.json of each folder: a folder of records, a store (its records/ is read), or
    one record file.

    small: for reading alone, in little memory (compact_records.py). Raises InputError for a path
    that does not exist; a file that is no record is a problem, not an error.
    """
    records, problems, pool = [], [], Pool()
    for folder in folders:
        for path in _record_files(Path(folder)):
            try:
                record = load_record(path)
                records.append(compact(record, pool) if small else record)
            except InputError as error:
                problems.append(str(error))
    return Loaded(records, problems)


def case_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per test case of each record: the run's key, dataset, source, method, fold and seed,
    then CASE_FIELDS."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("key", "dataset", "source", "method", "fold", "seed")
    }
    tables, pool = [], Pool()
    for record in (record for record in records if record.cases):
        tables.append(
            record.cases if isinstance(record.cases, CaseTable) else CaseTable(record.cases, pool)
        )
        count, spec = len(record.cases), record.spec
        for name, value in zip(
            columns,
            (record.key, spec.dataset, spec.source.title, spec.method.label, spec.fold, spec.seed),
            strict=True,
        ):
            columns[name] += [value] * count
    fields = {name: _joined([table.column(name) for table in tables]) for name in CASE_FIELDS}
    frame = pd.DataFrame({**columns, **fields})
    number_types = dict.fromkeys((*METRICS, *COUNTS), "float64")
    return frame.astype(
        {**number_types, **dict.fromkeys(FLAGS, "bool"), "fold": "int64", "seed": "int64"}
    )


def _joined(columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Columns of several tables below each other."""
    return (
        np.concatenate(columns)
        if columns and isinstance(columns[0], np.ndarray)
        else [*chain.from_iterable(columns)]
    )


def run_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per record: what it is, how it ended, seconds by kind of stage, peak memory, machine
    and commit."""
    return pd.DataFrame([_run_row(record) for record in records], columns=list(_RUN_COLUMNS))


_RUN_COLUMNS = (
    "key",
    "status",
    "error",
    "dataset",
    "source",
    "method",
    "architecture",
    "fold",
    "seed",
    "cases",
    "optimiser_steps",
    "real_presentations",
    "synthetic_presentations",
    "seconds",
    "generator_seconds",
    "segmenter_seconds",
    "peak_memory_mb",
    "gpu_memory_mb",
    "machine",
    "commit",
    "dirty",
)


def _run_row(record: Record) -> dict[str, Any]:
    spec, budget = record.spec, record.budget
    commit, dirty = commit_of(record)
    return {
        "key": record.key,
        "status": record.status,
        "error": record.error,
        "dataset": spec.dataset,
        "source": spec.source.title,
        "method": spec.method.label,
        "architecture": spec.architecture,
        "fold": spec.fold,
        "seed": spec.seed,
        "cases": len(record.cases),
        "optimiser_steps": budget.optimiser_steps if budget else None,
        "real_presentations": budget.real_presentations if budget else None,
        "synthetic_presentations": budget.synthetic_presentations if budget else None,
        "seconds": record.seconds,
        "generator_seconds": stage_seconds(record, GENERATOR_STAGES),
        "segmenter_seconds": stage_seconds(record, SEGMENTER_STAGES),
        "peak_memory_mb": max((stage.peak_memory_mb for stage in record.stages), default=None),
        "gpu_memory_mb": max((stage.gpu_memory_mb for stage in record.stages), default=None),
        "machine": "; ".join(dict.fromkeys(stage.machine for stage in record.stages)),
        "commit": commit,
        "dirty": dirty,
    }


def stage_seconds(record: Record, stages: Sequence[str]) -> float:
    """Seconds of the named stages of a run, as they took when they were computed; those that only
    audit are left out."""
    return sum(
        stage.seconds for stage in record.stages if stage.stage in stages and stage.purpose == "run"
    )


def commit_of(record: Record) -> tuple[str | None, bool]:
    """(commit or None, whether the checkout had uncommitted changes) of the program that made a
    record."""
    git = record.provenance.get("git")
    if not isinstance(git, dict) or not git.get("commit"):
        return None, False
    return str(git["commit"]), bool(git.get("dirty"))


def _record_files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(
            f"no records: {folder} does not exist; give a store or a folder of record files."
        )
    inside = folder / "records"
    return sorted((inside if inside.is_dir() else folder).glob("*.json"))
