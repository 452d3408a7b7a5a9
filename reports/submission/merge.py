"""Checked submissions and our own records -> the records of one board, with whose they are, and who
was refused.

A run stands on the board once: our own records come first, then the submissions in the order
given. Who repeats a run is told so and keeps the rest. A user's own method belongs to whoever
brought it first, under the sha256 of its file, so that nobody adds runs to a row of another's
method. Not here: the check of a single file (validate.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.core.texts import one_line
from benchmark.record.record import Record
from reports.comparison.badges import VERIFIED, Mark, Refused
from reports.submission.findings import MAX_REASONS
from reports.submission.same_run import cell, title, truths
from reports.submission.validate import Checked

ANONYMOUS = "anonymous"
AS_SUBMITTED = "as submitted"  # the badge of runs whose case rows could not be recomputed


@dataclass(frozen=True)
class Board:
    """records: of the page; marks: by key, of the submitted ones; refused: whole submissions, and
    runs of others, that are not on it, with their reasons; added: how many runs of each submission
    are on it, in the order given."""

    records: tuple[Record, ...]
    marks: dict[str, Mark]
    refused: tuple[Refused, ...]
    added: tuple[int, ...]


def merge(checked: Sequence[Checked], own: Sequence[Record]) -> Board:
    """Puts the valid submissions beside `own` records."""
    board = _Board(own)
    refused, added = [], []
    for one in checked:
        before = len(board.records)
        reasons = one.reasons or board.add(one)
        added.append(len(board.records) - before)
        if reasons:
            refused.append(Refused(one_line(one.path.name), tuple(reasons)))
    return Board(tuple(board.records), board.marks, tuple(refused), tuple(added))


class _Board:
    def __init__(self, own: Sequence[Record]):
        self.records, self.marks = list(own), dict[str, Mark]()
        self._cells = {cell(record): "our own records" for record in own}
        self._keys = {record.key for record in own}
        self._methods = {
            _method(record): ("", _code(record)) for record in own if record.spec.method.own
        }
        self._truths = dict(truths(own))

    def add(self, one: Checked) -> list[str]:
        """Adds the runs of a valid submission that are not there yet; why the others, or none of
        them, were added."""
        for key, count in truths(one.records):
            if self._truths.get(key, count) != count:
                return [
                    f"case {key[-1]} has {count} true voxels here, {self._truths[key]} in records"
                    f" that are on the board."
                ]
        owner = one.owner or ANONYMOUS
        told, added = [], []
        for record in one.records:
            if reason := self._taken(record, owner):
                told.append(f"{title(record)} is left out: {reason}.")
            else:
                added.append(record)
        for record in added:
            self._cells[cell(record)] = f"the submission {one.path.name}"
            self._keys.add(record.key)
            if record.spec.method.own:
                self._methods[_method(record)] = (owner, _code(record))
            badge = VERIFIED if record.key in one.verified else AS_SUBMITTED
            self.marks[record.key] = Mark(owner, badge, one.note)
            self.records.append(record)
        self._truths |= dict(truths(added))
        rest = len(told) - MAX_REASONS
        return told[:MAX_REASONS] + (
            [f"{rest} more runs are left out for the same reasons."] if rest > 0 else []
        )

    def _taken(self, record: Record, owner: str) -> str:
        """Why the record cannot stand on the board, '' if it can."""
        if (holder := self._cells.get(cell(record))) or record.key in self._keys:
            return f"this run is on the board already, by {holder or 'another file'}"
        if record.spec.method.own:
            theirs = self._methods.get(_method(record), (owner, _code(record)))
            if theirs != (owner, _code(record)):
                name = record.spec.method.label
                return (
                    f"another's method is called '{name}', by {theirs[0] or 'us'}; give the class"
                    f" another name"
                )
        return ""


def _method(record: Record) -> str:
    return record.spec.method.reference


def _code(record: Record) -> str:
    """sha256 of the file of a user's own method, as the stages noted it; '' where none did."""
    found = (stage.results.get("own_sha256") for stage in record.stages if stage.purpose == "run")
    return next((str(value) for value in found if value), "")
