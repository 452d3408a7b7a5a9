"""The table of contents of a submission: whose it is, and what each of its entries must be. Entry
names are made from keys and numbers alone, so that no name from outside becomes a path."""

import hashlib
import math
from typing import Literal

from pydantic import Field

from benchmark.core.frozen import Frozen
from benchmark.record.record import Record
from reports.submission.container import Container
from reports.submission.findings import Refusal

NAME = "manifest.json"
MAX_OWNER, MAX_NOTE = 80, 400
_KEY = r"^[0-9a-f]{64}$"


class Averages(Frozen):
    """Of the case rows of one record; distances in the unit of its cases. Sums are exact, so that
    all machines agree."""

    cases: int = Field(ge=1)
    missed: int = Field(ge=0)
    dice: float
    hd95: float


class RecordEntry(Frozen):
    """The file records/<key>.json."""

    key: str = Field(pattern=_KEY)
    sha256: str = Field(pattern=_KEY)
    averages: Averages

    @property
    def name(self) -> str:
        return f"records/{self.key}.json"


class MaskEntry(Frozen):
    """The file masks/<record>/<place>.npy: the predicted mask of the record's case number `place`.

    shape: (planes, y, x) of the planes that were predicted, on the case's own grid; the file holds
    them as bits, uint8.
    """

    record: str = Field(pattern=_KEY)
    place: int = Field(ge=0)
    shape: tuple[int, int, int]
    sha256: str = Field(pattern=_KEY)

    @property
    def name(self) -> str:
        return f"masks/{self.record}/{self.place}.npy"


class Manifest(Frozen):
    """owner: how the submitter wants to be called; note: one sentence for the page of each run;
    made_on: the day it was packed, as the submitter's machine tells, '' in older files."""

    format: Literal["augbench-submission"] = "augbench-submission"
    version: int = Field(1, ge=1, le=1, strict=True)
    owner: str = Field("", max_length=MAX_OWNER)
    note: str = Field("", max_length=MAX_NOTE)
    made_on: str = Field("", pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")
    records: tuple[RecordEntry, ...] = Field(min_length=1, fail_fast=True)
    masks: tuple[MaskEntry, ...] = Field((), fail_fast=True)

    @property
    def names(self) -> list[str]:
        """All entries of the file, in its order."""
        records, masks = (entry.name for entry in self.records), (one.name for one in self.masks)
        return [NAME, *records, *masks]


def averages(record: Record) -> Averages:
    """What the manifest says of a record's cases."""
    rows, count = record.cases, len(record.cases)
    return Averages(
        cases=count,
        missed=sum(row.missed for row in rows),
        dice=math.fsum(row.dice for row in rows) / count,
        hd95=math.fsum(row.hd95 for row in rows) / count,
    )


def read(container: Container, entry: RecordEntry | MaskEntry) -> bytes:
    """The content of an entry. Raises Refusal where it is not the one that the manifest
    announces."""
    data = container.read(entry.name)
    if sha256(data) != entry.sha256:
        raise Refusal(f"{entry.name} is not the one of the manifest: its sha256 differs.")
    return data


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
