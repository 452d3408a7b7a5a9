"""Checked submissions and our own records -> the records of one board, with whose they are, and who
was refused.

A run stands on the board once: our own records come first, then those of submissions that were
recomputed from masks, then the others, each in the order given, so that nobody takes the place of
a run by inventing it. Who repeats a run is told so and keeps the rest. Where two submissions
contradict each other and neither was recomputed, both stay and are called disputed: nobody can
tell which is right. A user's own method belongs to whoever brought it first, under the sha256 of
its file, so that nobody adds runs to a row of another's method. Not here: the check of a single
file (validate.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmark.core.texts import one_line
from benchmark.record.record import Record
from reports.comparison.badges import AS_SUBMITTED, DISPUTED, VERIFIED, Mark, Refused, Submission
from reports.submission.extent import Extent
from reports.submission.findings import MAX_REASONS
from reports.submission.same_run import cell, own_code, shared_facts, title
from reports.submission.validate import Checked

ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Board:
    """records: of the page; marks: by key, of the submitted ones; refused: whole submissions, and
    runs of others, that are not on it, with their reasons; added: how many runs of each submission
    are on it, in the order given; submissions: those with a run on it."""

    records: tuple[Record, ...]
    marks: dict[str, Mark]
    refused: tuple[Refused, ...]
    added: tuple[int, ...]
    submissions: tuple[Submission, ...] = ()


def merge(checked: Sequence[Checked], own: Sequence[Record]) -> Board:
    """Puts the valid submissions beside `own` records."""
    board = _Board(own)
    told: list[list[str]] = [list(one.reasons) for one in checked]
    added: list[list[str]] = [[] for _ in checked]
    for recomputed in (True, False):
        for place, one in enumerate(checked):
            for record in one.records:
                if (record.key in one.verified) == recomputed:
                    reason = board.add(record, one)
                    added[place] += [] if reason else [record.key]
                    told[place] += [f"{title(record)} is left out: {reason}."] if reason else []
    refused = [
        Refused(one_line(one.path.name), one.reasons or tuple(_first(reasons)))
        for one, reasons in zip(checked, told, strict=True)
        if reasons
    ]
    submissions = tuple(
        Submission(
            one_line(one.path.name),
            one.owner or ANONYMOUS,
            one.note,
            one.made_on,
            tuple((found.check, found.state, found.text) for found in one.findings),
            tuple(keys),
        )
        for one, keys in zip(checked, added, strict=True)
        if keys
    )
    counts = tuple(map(len, added))
    return Board(tuple(board.records), board.marks, tuple(refused), counts, submissions)


def _first(reasons: list[str]) -> Iterator[str]:
    yield from reasons[:MAX_REASONS]
    if (rest := len(reasons) - MAX_REASONS) > 0:
        yield f"{rest} more runs are left out for the same reasons."


@dataclass(frozen=True)
class _Fact:
    """What a record on the board says of the images; key: of that record; sure: it is one of ours
    or was recomputed."""

    value: int
    key: str
    sure: bool


class _Board:
    def __init__(self, own: Sequence[Record]):
        self.records, self.marks = list(own), dict[str, Mark]()
        self._extent = Extent()
        self._cells, self._facts = dict[tuple, str](), dict[tuple, _Fact]()
        self._methods = dict[str, tuple[str, str]]()
        for record in own:
            self._note(record, "our own records", "", sure=True)
        self._keys = {record.key for record in own}

    def add(self, record: Record, one: Checked) -> str:
        """Adds a run of a valid submission; why it was not, '' if it was."""
        owner, sure = one.owner or ANONYMOUS, record.key in one.verified
        if reason := self._taken(record, owner):
            return reason
        against = [
            (key, count, known)
            for key, count in shared_facts(record)
            if (known := self._facts.get(key)) and known.value != count
        ]
        if against and (certain := next((one for one in against if one[2].sure), None)):
            (*_, what), count, known = certain
            return f"{what} {count} here, {known.value} in records that are on the board"
        if reason := self._extent.add(record):
            return reason
        badge = VERIFIED if sure else DISPUTED if against else AS_SUBMITTED
        self.marks[record.key] = Mark(owner, badge, one.note)
        for _, _, known in against:
            self.marks[known.key] = replace(self.marks[known.key], badge=DISPUTED)
        self._note(record, f"the submission {one.path.name}", owner, sure)
        self._keys.add(record.key)
        self.records.append(record)
        return ""

    def _note(self, record: Record, holder: str, owner: str, sure: bool) -> None:
        """Remembers whose a run, its method and its facts are."""
        self._cells.setdefault(cell(record), holder)
        if record.spec.method.own:
            self._methods.setdefault(record.spec.method.reference, (owner, own_code(record)))
        for key, value in shared_facts(record):
            self._facts.setdefault(key, _Fact(value, record.key, sure))

    def _taken(self, record: Record, owner: str) -> str:
        """Why the record cannot stand on the board, '' if it can."""
        if (holder := self._cells.get(cell(record))) or record.key in self._keys:
            return f"this run is on the board already, by {holder or 'another file'}"
        method = record.spec.method
        mine = owner, own_code(record)
        if method.own and (theirs := self._methods.get(method.reference, mine)) != mine:
            return (
                f"another's method is called '{method.label}', by {theirs[0] or 'us'}; give the"
                f" class another name"
            )
        return ""
