"""Numbers between marks of a markdown page, written from the published records.

A mark is a comment that names the number, the text, and a comment that ends it:

    Dice gains <!-- cpu-128px/breast/classic-deepstack/gain/points -->+5.5<!-- . --> points

So a page can be read and edited as it is, and its numbers never fall behind the records:
`python cli.py report --numbers PAGE.md` writes them again. Not here: what a name means
(named_numbers.py).
"""

import re
from collections.abc import Callable
from pathlib import Path

from benchmark.core.errors import InputError

_START = r"<!-- (?P<name>[a-z0-9.-]+(?:/[a-z0-9.-]+)+) -->"
_END = "<!-- . -->"
_MARK = re.compile(rf"{_START}(?P<text>[^<\n]*){re.escape(_END)}")
_ANY = re.compile(rf"{_START}|{re.escape(_END)}")
_FIRST = re.compile(rf"^[\s>*+-]*{_START}", re.MULTILINE)


def filled(page: str, number: Callable[[str], str]) -> str:
    """The page with the number of every mark written again. number: the text for a name.

    Raises InputError for a mark without its end on the same line, and for one that starts a line:
    there a comment would end the paragraph. Both name the mark.
    """
    if first := _FIRST.search(page):
        raise InputError(
            f"the mark '{first['name']}' starts a line, where a comment ends the paragraph; put a"
            f" word before it."
        )
    rest = _MARK.sub("", page)
    if broken := _ANY.search(rest):
        raise InputError(
            f"the mark '{broken.group()}' has no partner on its line; write"
            f" <!-- NAME -->number{_END}."
        )
    return _MARK.sub(lambda mark: f"<!-- {mark['name']} -->{number(mark['name'])}{_END}", page)


def marks(page: str) -> list[tuple[str, str]]:
    """(name, text) of every mark of a page, in its order."""
    return [(mark["name"], mark["text"]) for mark in _MARK.finditer(page)]


def fill_file(path: Path, number: Callable[[str], str]) -> list[str]:
    """Writes the numbers of a page again; returns the names of those that changed.

    Raises InputError for a file that is not there or no text, and for what `filled` raises.
    """
    try:
        page = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the page {path} cannot be read: {error}.") from None
    try:
        new = filled(page, number)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    changed = [
        name for (name, old), (_, text) in zip(marks(page), marks(new), strict=True) if old != text
    ]
    if new != page:
        path.write_bytes(new.encode("utf-8"))
    return changed
