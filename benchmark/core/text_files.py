"""Text files that people write: their encoding, and names as tools typeset them.

Not here: YAML (yaml_text.py).
"""

import codecs
import unicodedata
from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.files import read_bytes
from benchmark.core.texts import one_line_of

_MARKS = {  # the longer marks first: that of UTF-16 begins that of UTF-32
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path) -> str:
    """The text of a file, `decoded`. Raises FileNotFoundError, which the caller words, and
    InputError for a file that cannot be read."""
    try:
        data = read_bytes(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({one_line_of(error)}); give a text file.") from error
    return decoded(data, f"cannot read {path}")


def decoded(data: bytes, what: str) -> str:
    """The text of bytes in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Raises InputError, which starts with `what`, for other encodings, which cannot be told from each
    other.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{what}: line {line} is not {encoding.removesuffix('-sig').upper()}; save the file"
            f" with the encoding UTF-8."
        ) from error
    if "\0" in text:
        raise InputError(f"{what}: it is no text in UTF-8; save it with the encoding UTF-8.")
    return text


def plain_text(text: str) -> str:
    """A name without what nobody sees: composed letters (NFC), every kind of space a plain one, no
    invisible letters; "\\ufffd" for bytes that are no text."""
    kinds = {"Zs": " ", "Cf": "", "Cs": "\N{REPLACEMENT CHARACTER}"}
    composed = unicodedata.normalize("NFC", text)
    if composed.isascii():
        return composed
    return "".join(kinds.get(unicodedata.category(letter), letter) for letter in composed)
