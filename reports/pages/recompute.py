"""Every number of a report's tables, computed again from the case rows of its records and compared.

The report is built once more in an empty folder; then each CSV, Markdown and LaTeX table and each
table of the pages is compared cell by cell, as text, so that a number that was edited, rounded
otherwise or left from other records is named. Figures are not compared. Not here: whether the case
rows are right (`verify` compares them with the stages of a store, `leaderboard validate` with
predicted masks).
"""

import csv
import gzip
import io
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line
from reports.comparison.study import Study
from reports.pages.build import build

Rows = list[list[str]]
SHOWN = 80  # letters of a cell in a message
_DIGIT = re.compile(r"\d")
_ABSENT = "nothing"
_NAMING = ("method", "case", "fold", "seed")


@dataclass(frozen=True)
class Recomputed:
    """tables: how many were compared; numbers: cells with a number in them; differences: one
    sentence each."""

    tables: int
    numbers: int
    differences: tuple[str, ...]


def recompute(report: Path, study: Study) -> Recomputed:
    """Compares the report in a folder with one that is made now of the study.

    Raises InputError where the folder holds no report.
    """
    if not (report / "index.html").is_file() or not (report / "tables").is_dir():
        raise InputError(
            f"{report} holds no report; give the folder that `report` or `leaderboard build` wrote."
        )
    with tempfile.TemporaryDirectory(prefix="recomputed-") as folder:
        fresh = Path(folder)
        build(study, fresh, figures="page")
        return _compared(report, fresh)


def _compared(report: Path, fresh: Path) -> Recomputed:
    tables, numbers, differences = 0, 0, []
    ours, made = _table_files(report), _table_files(fresh)
    for name in sorted(ours | made):
        if name not in made:
            differences.append(f"{name}: no record of these makes this table.")
        elif name not in ours:
            differences.append(f"{name}: is missing; these records make it.")
        else:
            expected = _tables(fresh / name)
            tables += len(expected)
            numbers += sum(
                bool(_DIGIT.search(cell))
                for rows in expected.values()
                for row in rows
                for cell in row
            )
            differences += (
                f"{name}{text}" for text in _different(_tables(report / name), expected)
            )
    return Recomputed(tables, numbers, tuple(differences))


def _table_files(folder: Path) -> set[str]:
    found = (
        path
        for kind in ("tables/*", "*.html", "*/*.html")
        for path in folder.glob(kind)
        if path.is_file()
    )
    return {path.relative_to(folder).as_posix() for path in found}


def _tables(path: Path) -> dict[str, Rows]:
    """The tables of a file by what a message calls them: '' where there is only one."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode(
        "utf-8-sig", errors="replace"
    )
    if path.suffix == ".html":
        return _Cells(text).tables
    if path.suffix in (".csv", ".gz"):
        return {"": list(csv.reader(io.StringIO(text, newline="")))}
    mark = "|" if path.suffix == ".md" else "&"
    return {"": [[cell.strip() for cell in line.split(mark)] for line in text.splitlines()]}


def _different(ours: Mapping[str, Rows], made: Mapping[str, Rows]) -> Iterator[str]:
    for table in dict.fromkeys((*ours, *made)):
        head = next(iter(made.get(table, ())), [])
        for place, (row, expected) in enumerate(
            zip_longest(ours.get(table, ()), made.get(table, ()), fillvalue=())
        ):
            if list(row) == list(expected):
                continue
            named = _name_of(expected or row, head)
            for column, (given, computed) in enumerate(
                zip_longest(row, expected, fillvalue=_ABSENT)
            ):
                if given != computed:
                    title = (
                        f", column '{_shown(head[column])}'"
                        if place and column < len(head)
                        else f", cell {column + 1}"
                    )
                    yield (
                        f"{table}, row {place + 1} ('{_shown(named)}'){title}: '{_shown(given)}'"
                        f" where the case rows give '{_shown(computed)}'."
                    )


def _name_of(row: Sequence[str], head: Sequence[str]) -> str:
    """'emitdiff phantom_03 0 1': the cells that name a row, else its first one that holds
    anything."""
    cells = dict(zip(head, row, strict=False))
    return " ".join(cells[name] for name in _NAMING if cells.get(name)) or next(
        (cell for cell in row if cell), ""
    )


def _shown(text: str) -> str:
    return one_line(text)[:SHOWN]


class _Cells(HTMLParser):
    """The cells of all tables of a page, and of its lists of terms, as text. Tags left open are
    closed by the next one."""

    def __init__(self, text: str):
        super().__init__()
        self.tables: dict[str, Rows] = {}
        self._count = {"table": 0, "dl": 0}
        self._rows: Rows | None = None
        self._cell: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list) -> None:
        if tag in self._count:
            self._count[tag] += 1
            kind = "list" if tag == "dl" else "table"
            self._rows = self.tables[f", {kind} {self._count[tag]}"] = []
        elif self._rows is not None and tag in ("tr", "dt"):
            self._rows.append([])
        if self._rows is not None and tag in ("td", "th", "dt", "dd"):
            if not self._rows:
                self._rows.append([])  # a cell that stands outside any row
            self._rows[-1].append("")
            self._cell = self._rows[-1]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "dt", "dd", "tr", "table", "dl"):
            self._cell = None
        if tag in self._count:
            self._rows = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell[-1] = " ".join(f"{self._cell[-1]}{data}".split(" "))
