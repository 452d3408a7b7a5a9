"""Boards of mutated submissions: no file, whatever it holds, ends the board of the others.

    OMP_NUM_THREADS=1 python -m tests.bench.bench_board [--files 1000] [--batch 50] [--first 0]

Each batch is a folder with one valid submission and `--batch` files, each a mutation (of bytes,
zip, JSON, masks, drawn by its number) of a valid submission of other runs. Of the kind that changes
what nobody can check, such are taken as are accepted, for pages are made of them.
`leaderboard build` makes a board of the folder in a process of its own.

Counts: files on the board and refused; boards that were not built, or miss a run of the valid
submission; case rows on a board that are those of no valid submission; files whose check or whose
page ended in an error that nobody foresaw. Nothing of that may happen. Prints the longest and
largest build, too.
"""

import argparse
import random
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmark.metrics.definitions import METRICS
from benchmark.record.record import Record
from benchmark.store.store import Store
from reports.comparison.links import run_page
from reports.submission.pack import pack
from reports.submission.reference_data import Library
from tests.bench.bench_hostile import ROOT, measured
from tests.reports.submission import mutations
from tests.reports.submission.made import check, tiny_spec, write_run

KINDS = ("told", "record", "told", "manifest", "record", "masks", "told", "bytes", "record", "zip")
SOURCES = 100  # valid submissions that are mutated, each of other runs
TRIES = 12
LIBRARY = Library()
VALID = "0-valid.zip"  # the first of its folder, or the last
_UNFORESEEN = re.compile(r"Traceback|came to no end|no page can be made")


@dataclass
class Counts:
    """What became of the files."""

    files: int = 0
    accepted: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    megabytes: float = 0.0


def submission(folder: Path, seed: int, fold: int) -> tuple[bytes, list[Record]]:
    """A valid file of two runs with their masks, and its records."""
    store = Store(folder / f"store-{fold}-{seed}")
    records = [write_run(store, tiny_spec(name, fold, seed)) for name in ("none", "emitdiff")]
    file = folder / f"{fold}-{seed}.zip"
    pack(records, store, file, owner=f"Owner {fold} {seed}", note="", with_masks=True)
    return file.read_bytes(), records


def build_batch(
    folder: Path,
    numbers: range,
    sources: list[bytes],
    valid: tuple[bytes, list[Record]],
    known: dict[str, set[tuple]],
    counts: Counts,
) -> None:
    """Makes one folder of mutated files and its board, and adds what became of them to `counts`."""
    files = folder / "files"
    files.mkdir(parents=True)
    first = numbers.start // len(numbers) % 2 == 0
    (files / (VALID if first else VALID.replace("0", "z"))).write_bytes(valid[0])
    for number in numbers:
        write_mutated(files, number, sources[number % len(sources)])
    board = folder / "board"
    command = [sys.executable, str(ROOT / "cli.py"), "leaderboard", "build", str(files)]
    said = folder / "said.txt"
    script = '"$@" > "$0" 2>&1'
    words = ["sh", "-c", script, str(said), *command, "--out", str(board)]
    seconds, megabytes, code, _ = measured(words)
    text = said.read_text(encoding="utf-8", errors="replace")
    refused = set(re.findall(r"^(\d{5}-\w+\.zip):", text, re.MULTILINE))
    shown = list((board / "submissions").glob("*.html"))
    counts.files += len(numbers)
    counts.refused += len(refused)
    counts.accepted += len(shown) - 1
    counts.seconds = max(counts.seconds, seconds)
    counts.megabytes = max(counts.megabytes, megabytes)
    where = f"files {numbers.start} to {numbers.stop - 1}"
    if code not in (0, 1) or not (board / "index.html").is_file():
        counts.faults.append(f"{where}: exit code {code}: {text[-300:]}")
        return
    counts.faults += [f"{where}: {line}" for line in text.splitlines() if _UNFORESEEN.search(line)]
    counts.faults += [
        f"{where}: the page of {record.key[:12]} of the valid submission is missing"
        for record in valid[1]
        if not (board / run_page(record.key)).is_file()
    ]
    counts.faults += [
        f"{where}: {key[:12]} stands on the board with other results"
        for key, rows in results(board).items()
        if known.get(key) != rows
    ]


def write_mutated(files: Path, number: int, source: bytes) -> None:
    """Writes mutation `number` of a valid file; of kind "told" the first of some that passes."""
    kind = KINDS[number % len(KINDS)]
    file, mutate = files / f"{number:05d}-{kind}.zip", getattr(mutations, f"of_{kind}")
    for again in range(TRIES if kind == "told" else 1):
        file.write_bytes(mutate(source, random.Random(f"board {number} {again}")))
        if kind == "told" and check(file, LIBRARY).valid:
            break


def results(board: Path) -> dict[str, set[tuple]]:
    """The case rows of a board, in full precision, by the key of their run."""
    frames = [pd.read_csv(path) for path in (board / "tables").glob("*-cases.csv*")]
    found: dict[str, set[tuple]] = {}
    for row in pd.concat(frames).to_dict("records") if frames else ():
        found.setdefault(row["key"], set()).add((row["case"], *_rounded(row)))
    return found


def _rounded(row: dict) -> list[str]:
    return [f"{row[name]:.9g}" for name in METRICS]


def known_results(records: list[Record]) -> dict[str, set[tuple]]:
    """The case rows of valid submissions by the key of their run."""
    return {
        record.key: {(row.case, *_rounded(row.model_dump())) for row in record.cases}
        for record in records
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    given = parser.parse_args()
    counts = Counts()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = [submission(folder, seed, fold=0) for seed in range(SOURCES)]
        valid = submission(folder, 0, fold=1)
        known = known_results([record for _, records in (*made, valid) for record in records])
        for start in range(given.first, given.first + given.files, given.batch):
            numbers = range(start, min(start + given.batch, given.first + given.files))
            sources = [data for data, _ in made]
            build_batch(folder / str(start), numbers, sources, valid, known, counts)
            print(f"{counts.files} files: {counts.accepted} on boards", file=sys.stderr, flush=True)
    print(
        f"{counts.files} mutated files: {counts.accepted} on boards, {counts.refused} refused or"
        f" left out, {len(counts.faults)} faults; longest build {counts.seconds:.0f} s of the"
        f" processor, largest {counts.megabytes:.0f} MB"
    )
    print(*counts.faults, sep="\n")


if __name__ == "__main__":
    main()
