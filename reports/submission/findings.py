"""What the check of a submission found: per check, passed, refused with its reasons, or not
checked and why. Not here: the checks."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmark.core.texts import one_line

PASSED, REFUSED, UNCHECKED = "passed", "refused", "not checked"
MAX_REASONS = 5  # of one check; of the others only their number is told
MAX_SENTENCE = 400
_KEY = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")  # shown by its first letters


class Refusal(Exception):
    """Why a submission cannot be read any further, one sentence."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; `text` is one sentence, '' where there is nothing to add."""

    check: str
    state: str
    text: str


@dataclass
class Findings:
    """Collects outcomes. A check that nothing was noted on has not been reached."""

    _reasons: dict[str, list[str]] = field(default_factory=dict)  # the first of each check
    _refused: Counter[str] = field(default_factory=Counter)
    _passed: dict[str, str] = field(default_factory=dict)
    _unchecked: dict[str, dict[str, None]] = field(default_factory=dict)
    _order: dict[str, None] = field(default_factory=dict)

    def refuse(self, check: str, reason: str) -> None:
        self._order.setdefault(check)
        self._refused[check] += 1
        kept = self._reasons.setdefault(check, [])
        if len(kept) < MAX_REASONS:
            kept.append(_KEY.sub(r"\1…", one_line(reason))[:MAX_SENTENCE])

    def passed(self, check: str, text: str = "") -> None:
        """The check was made; it counts as passed unless something was refused."""
        self._order.setdefault(check)
        self._passed[check] = one_line(text)

    def unchecked(self, check: str, why: str) -> None:
        self._order.setdefault(check)
        self._unchecked.setdefault(check, {})[one_line(why)[:MAX_SENTENCE]] = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the submission is refused; () if it is not."""
        return tuple(text for check in self._order for text in self._told(check))

    def rows(self) -> list[Finding]:
        """All outcomes, in the order in which the checks were begun."""
        found = []
        for check in self._order:
            refused = self._told(check)
            found += [Finding(check, REFUSED, text) for text in refused]
            unchecked = list(self._unchecked.get(check, ()))
            found += [
                Finding(check, UNCHECKED, text)
                for text in first_of(unchecked[:MAX_REASONS], len(unchecked))
            ]
            if check in self._passed and not refused:
                found.append(Finding(check, PASSED, self._passed[check]))
        return found

    def _told(self, check: str) -> list[str]:
        return first_of(self._reasons.get(check, []), self._refused[check])


def first_of(texts: Sequence[str], count: int) -> list[str]:
    """The texts, which are the first of `count`, and one that counts the others."""
    rest = count - len(texts)
    return [*texts, *([f"and {rest} more of this kind."] if rest > 0 else [])]
