"""The paper's tables as files: their rows as printed, and which rows are transforms of ours. Where
they come from is described in reports/paper/README.md."""

import csv
import functools
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "paper"
BASELINE, DIFFBOOST = "Baseline", "DiffBoost"


@functools.cache
def printed(file_name: str) -> tuple[dict[str, str], ...]:
    """The rows of a table; all values are text."""
    with (FOLDER / file_name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@functools.cache
def transform_rows() -> dict[str, str]:
    """Our name of a transform -> its row of Table II, in the order of the table: "contrast" ->
    "RandomContrast", "deepstack" -> "DeepStack"."""
    rows = dict.fromkeys(row["method"] for row in printed("table2.csv"))
    return {
        row.removeprefix("Random").lower(): row for row in rows if row not in (BASELINE, DIFFBOOST)
    }
