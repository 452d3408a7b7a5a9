"""CSV files that a spreadsheet opens without running anything.

A spreadsheet takes a cell that starts with = + - or @ for a formula. Names, labels and reasons
come from users, so such a text is written with an apostrophe in front, which spreadsheets hide;
numbers are left as they are. Not here: what stands in the tables.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

ENCODING = "utf-8-sig"  # the mark tells Excel that it is UTF-8
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
# A signed number, alone or with its interval or spread: "+1.9 [-0.4, 4.2]".
_NUMBERS_ALONE = re.compile(r"[+-]?\d[\d.,e+\-\s\[\]±%()–]*", re.ASCII | re.IGNORECASE)


def plain_cell(value: Any) -> Any:
    """The value as it may stand in a CSV cell: a text that would be a formula gets an apostrophe in
    front."""
    if not isinstance(value, str) or not _starts_formula(value):
        return value
    return (
        value if _NUMBERS_ALONE.fullmatch(value.strip()) and not value[0].isspace() else f"'{value}"
    )


def _starts_formula(text: str) -> bool:
    """Some spreadsheets read wide forms (U+FF1D for =) and blanks of other widths as the plain
    ones."""
    plain = unicodedata.normalize("NFKC", text)
    return any(one.startswith(_FORMULA_STARTS) for one in (text.lstrip(" "), plain.lstrip()))


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Writes a frame without its index, in full precision; a path that ends in .gz is
    compressed."""
    text = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    plain = {name: _plain_column(frame[name]) for name in text}
    changed = {name: column for name, column in plain.items() if column is not None}
    safe = frame.assign(**changed) if changed else frame
    # the same frame gives the same bytes
    packed = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    safe.rename(columns=plain_cell).to_csv(path, index=False, compression=packed, encoding=ENCODING)


def _plain_column(column: pd.Series) -> pd.Series | None:
    """The column with its formulas made plain, None if it holds none. Each different value is
    looked at once: a column of names holds few."""
    texts = {value for value in column.tolist() if isinstance(value, str)}
    plain = {value: cell for value in texts if (cell := plain_cell(value)) != value}
    return column.map(lambda value: plain.get(value, value)) if plain else None


def write_rows(rows: Iterable[Sequence[Any]], path: Path) -> None:
    """Writes rows of cells, the heading being the first of them."""
    with path.open("w", encoding=ENCODING, newline="") as file:
        csv.writer(file).writerows([plain_cell(cell) for cell in row] for row in rows)
