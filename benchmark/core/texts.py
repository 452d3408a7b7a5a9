"""Short texts for sentences and tables: one line, the first names of a long list, the nearest
known word. Not here: numbers as readers see them (reports/comparison/format.py)."""

import difflib
import re
from collections.abc import Collection, Iterable

QUICK_LOOK = "a quick look"  # in the title of a source that --limit cut short


def one_line(text: str) -> str:
    """`text` without line breaks and other control characters, so that no value can start a line of
    its own."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


def one_line_of(error: BaseException) -> str:
    """What an error says, as a part of a sentence: on one line, without a full stop at its end."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without a full stop at its end; '' if it says
    nothing."""
    return str(error).strip().partition("\n")[0].rstrip(". ")


def slug(text: str) -> str:
    """A text as part of a file's name: its letters a to z and digits, a hyphen for what stands
    between them; '' where it has none."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


def some(names: Collection[str], shown: int = 4) -> str:
    """'a, b, c, d and 7 more': the names that a message shows of a long list."""
    names = list(names)
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' (did you mean 'x'?)' for the nearest known word, or '' when none is near."""
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    return f" (did you mean '{lowered[near[0]]}'?)" if near else ""


def nearest(word: str, known: Iterable[str], count: int = 5) -> list[str]:
    """The known words nearest to `word`, the nearest first; at most `count`."""
    return difflib.get_close_matches(word, list(known), n=count, cutoff=0.0)
