"""The result of a run: schema of records and case rows, versioned.

A record is the only source of every table and plot. It is JSON, holds the resolved spec, one row
per test case, what each stage cost and where it ran, and is written once, atomically, by the
store. Old records must keep loading: `load_record` is the one place where an older schema is
lifted to this one.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from benchmark.core.errors import InputError
from benchmark.core.files import read_bytes
from benchmark.core.frozen import Frozen
from benchmark.metrics.definitions import CaseRow
from benchmark.record.curves import Curve
from benchmark.record.lift import lift
from benchmark.record.samples import Samples
from benchmark.record.told import Provenance, Results
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution

SCHEMA: Final = 2


class StageCost(Frozen):
    """What one stage of the run cost when it was computed, and where."""

    stage: str
    key: str
    version: int
    seconds: float
    peak_memory_mb: float
    gpu_memory_mb: float = 0.0
    energy_joules: float | None = Field(
        None, ge=0, description="of the whole GPU meanwhile; null where it is not told"
    )
    machine: str = Field(description="CPU or GPU that computed it")
    deterministic: bool = Field(False, description="torch used deterministic algorithms alone")
    purpose: Literal["run", "audit"] = Field(
        "run", description="audit: computed to judge the samples, not to make the result"
    )
    results: Results = Field(
        default_factory=dict, description="numbers the stage reports about itself"
    )
    curve: dict[str, Annotated[Curve, Field(fail_fast=True)]] = Field(
        default_factory=dict,
        description="of a training, thinned: name ('loss', 'dice') -> (optimiser step, value)"
        " pairs",
    )


Cases = Annotated[tuple[str, ...], Field(fail_fast=True)]


class Split(Frozen):
    """Which cases did what. `generator` lists the cases that any generator of the run was trained
    on."""

    hash: str
    train: Cases
    validation: Cases
    test: Cases
    generator: Cases = ()


class Budget(Frozen):
    """What the segmenter was shown; equal between the methods of one comparison, synthetic images
    excepted."""

    optimiser_steps: int = Field(ge=0)
    real_presentations: int = Field(ge=0)
    synthetic_presentations: int = Field(ge=0)


class Repeat(Frozen):
    """The Dice of the run's cases, in the record's order, when all its stages were computed once
    more (`--repeat`)."""

    machine: str
    deterministic: bool = Field(
        description="torch used deterministic algorithms alone in every stage"
    )
    dice: tuple[float, ...] = Field(fail_fast=True)


class Record(Frozen):
    """One run, done or failed. `repeats` are the same spec with the same seeds: what differs
    between them is noise."""

    schema_version: Literal[2] = SCHEMA
    lifted_from: int | None = Field(
        None,
        description="the schema that the record was written in, if an older one; its key is then"
        " not that of its spec: the commit in its provenance repeats it",
    )
    key: str
    status: Literal["done", "failed"]
    error: str | None = None
    spec: RunSpec
    cases: tuple[CaseRow, ...] = Field((), fail_fast=True)
    split: Split | None = None
    copies: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] | None = Field(
        None,
        description="clusters of cases of the source that are near copies of each other; null where"
        " nobody looked",
    )
    budget: Budget | None = None
    seeds: dict[str, int] = Field(default_factory=dict)
    stages: tuple[StageCost, ...] = Field((), fail_fast=True)
    notes: tuple[str, ...] = Field((), fail_fast=True)
    substitutions: tuple[Substitution, ...] = Field(
        (), fail_fast=True, description="what is not the paper's"
    )
    provenance: Provenance = Field(default_factory=dict)
    repeats: tuple[Repeat, ...] = Field((), fail_fast=True)
    samples: Samples | None = Field(
        None, description="the audit of the synthetic images, where one was asked for"
    )

    @property
    def seconds(self) -> float:
        """Seconds of all stages, those shared with other runs included."""
        return sum(stage.seconds for stage in self.stages)


class DamagedRecord(InputError):
    """A file in place of a record that holds none: truncated, changed or something else."""


def load_record(path: Path) -> Record:
    """The record in `path`. Raises DamagedRecord if it is none, InputError if it was written by a
    newer schema."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DamagedRecord(
            f"{path} is not a readable record ({error}); delete it and run the same command again."
        ) from error
    try:
        try:
            return Record.model_validate_json(data)
        except ValidationError:
            version, values = _parsed(path, data)
            if version == SCHEMA:
                raise
            return Record.model_validate(lift(values))
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedRecord(
            f"{path} holds no record of schema 1 ({type(error).__name__}); run it again."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedRecord(
            f"{path} is not a valid record: field {where}: {first['msg']}; run it again."
        ) from error


def _parsed(path: Path, data: bytes) -> tuple[int, dict[str, Any]]:
    """(schema, values) of a file that holds no record of this schema. Raises what is wrong with
    it, where it is not a single field."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedRecord(
            f"{path} is not a readable record ({error}); delete it and run the same command again."
        ) from error
    version = found.get("schema_version") if isinstance(found, dict) else None
    if not isinstance(version, int):
        raise DamagedRecord(
            f"{path} has record schema {version}, this program reads up to {SCHEMA}; run it again."
        )
    if version > SCHEMA:
        raise InputError(
            f"{path} has record schema {version}, this program reads up to {SCHEMA}; update the"
            f" program."
        )
    return version, found
