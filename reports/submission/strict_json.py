"""JSON from outside: one spelling, bounded in depth, in the number of its values and in its numbers
and texts, no value twice. Not here: what the values mean."""

import json
import math
import unicodedata
from typing import Any

from benchmark.core.identity import canonical
from benchmark.core.texts import one_line
from reports.submission.findings import Refusal

MAX_DEPTH = 16
MAX_FIELDS = 1_000  # of one object
MAX_TEXT = 2_000
MAX_WHOLE = 1 << 63
MAX_NUMBER = 1e15


def parse(data: bytes, where: str, max_values: int) -> dict[str, Any]:
    """The object in `data`. Raises Refusal for anything but canonical JSON
    (benchmark/core/identity.py) within the limits.

    The values are counted before any of them is read: an empty list takes two bytes in a file and
    thirty times as many in memory.
    """
    # Commas in texts count too, so that this is never too few.
    if sum(map(data.count, (b",", b"[", b"{"))) > max_values:
        raise Refusal(f"{where} holds more than {max_values} values.")

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or abs(value) > MAX_NUMBER:
            raise Refusal(f"{where} holds the number {text[:40]}, which is too large.")
        return value

    def whole(text: str) -> int:
        if len(text) > 20 or abs(int(text)) > MAX_WHOLE:
            raise Refusal(f"{where} holds the number {text[:40]}, which is too large.")
        return int(text)

    def constant(text: str) -> None:
        raise Refusal(f"{where} holds {text}, which is no number.")

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found) > MAX_FIELDS:
            raise Refusal(f"{where} has an object of more than {MAX_FIELDS} fields.")
        values = dict(found)
        if len(values) != len(found):
            raise Refusal(f"{where} names a field twice.")
        return values

    try:
        value = json.loads(
            data.decode("ascii"),
            parse_float=number,
            parse_int=whole,
            parse_constant=constant,
            object_pairs_hook=pairs,
        )
    except RecursionError:
        raise Refusal(f"{where} is nested deeper than {MAX_DEPTH} levels.") from None
    except UnicodeDecodeError:
        raise Refusal(f"{where} is not canonical JSON: it holds bytes that are no ASCII.") from None
    except ValueError as error:
        raise Refusal(f"{where} is not JSON ({error}).") from None
    if not isinstance(value, dict):
        raise Refusal(f"{where} holds no JSON object.")
    _check(value, where)
    if canonical(value).encode() != data:
        raise Refusal(f"{where} is not canonical JSON (sorted fields, no white space).")
    return value


def _check(value: Any, where: str) -> None:
    """Raises Refusal for too deep nesting and for texts that are too long or hold control
    characters."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item, where)
            elif isinstance(item, dict):
                below += [*item, *item.values()]
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    raise Refusal(f"{where} is nested deeper than {MAX_DEPTH} levels.")


def _check_text(text: str, where: str) -> None:
    if len(text) > MAX_TEXT:
        raise Refusal(
            f"{where} holds a text of {len(text)} letters; at most {MAX_TEXT} are allowed."
        )
    if not text.isprintable() and (letter := next(filter(_is_control, text), "")):
        raise Refusal(
            f"{where}: the text '{one_line(text)[:80]}' holds {named(letter)}; control characters"
            f" and halves of letters are not allowed."
        )


def _is_control(letter: str) -> bool:
    """Whether a letter is no plain text; blanks of any width are, as some systems put them into
    the names of files."""
    return not letter.isprintable() and unicodedata.category(letter) != "Zs"


def named(letter: str) -> str:
    """'U+202E (RIGHT-TO-LEFT OVERRIDE)'."""
    name = unicodedata.name(letter, "")
    return f"U+{ord(letter):04X}" + (f" ({name})" if name else "")
