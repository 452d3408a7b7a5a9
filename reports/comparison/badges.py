"""What a leaderboard says of records besides their numbers: whose they are, how far they were
checked, who was refused. Not here: the checks themselves."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmark.core.texts import one_line

VERIFIED = "verified"  # all case rows were recomputed from predicted masks
AS_SUBMITTED = "as submitted"  # they could not be
DISPUTED = "as submitted, disputed"  # and contradict those of another submission
BADGES = (VERIFIED, AS_SUBMITTED)


@dataclass(frozen=True)
class Mark:
    """Of one record. owner: who submitted it, as they call themselves, '' for the page's own
    records.

    badge: how far it was checked, for example VERIFIED (recomputed from predicted masks), '' for
    none. note: one sentence for its page, '' for none. All three are shown as text, whatever they
    hold.
    """

    owner: str = ""
    badge: str = ""
    note: str = ""


@dataclass(frozen=True)
class Submission:
    """A submission that is on the board.

    Args:
        name: of its file.
        owner, note, made_on: as the submitter tells.
        checks: (what, outcome, sentence) of every check that was made or could not be.
        keys: of its records on the board.
    """

    name: str
    owner: str
    note: str
    made_on: str
    checks: tuple[tuple[str, str, str], ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """A submission that is not on the board: its name and why, one sentence each."""

    name: str
    reasons: tuple[str, ...]


def owners(keys: Iterable[str], marks: Mapping[str, Mark]) -> str:
    """Who submitted these records: 'A. Author, B. Builder', '' where all are the page's own."""
    found = (one_line(marks[key].owner) for key in keys if key in marks)
    return ", ".join(sorted({name for name in found if name}))


def unverified_owners(keys: Iterable[str], marks: Mapping[str, Mark]) -> str:
    """Who submitted those of these records whose case rows nobody recomputed; '' for none."""
    return owners((key for key in keys if key in marks and marks[key].badge != VERIFIED), marks)


def badges(keys: Iterable[str], marks: Mapping[str, Mark]) -> list[str]:
    """['verified'] where all records hold that badge, ['verified: 2 of 3 runs'] where some do, []
    where none does."""
    held = [one_line(marks[key].badge) if key in marks else "" for key in keys]
    counts = Counter(badge for badge in held if badge)
    return [
        badge if count == len(held) else f"{badge}: {count} of {len(held)} runs"
        for badge, count in sorted(counts.items())
    ]
