"""The table of docs/metrics.md, made of the definitions. `python -m tests.support.metric_table`
writes it into the page."""

import re
from pathlib import Path

from benchmark.metrics.definitions import METRICS, Metric

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
TABLE = re.compile(r"\| name \|.*?\n(?!\|)", re.DOTALL)
UNITS = {
    "fraction": "a fraction, shown in %",
    "distance": "mm, px or voxel",
    "ratio": "a fraction, shown in % with its sign",
}
RANGES = {"fraction": "0 to 1", "distance": "0 or more", "ratio": "-1 or more"}
SHOWN = {
    "tables": "tables of methods and of cases",
    "cases": "tables of cases",
    "record": "records and CSV files",
}


def made() -> str:
    """The table as it must stand in the page."""
    heads = ("name", "heading", "meaning", "origin", "unit", "range", "better", "shown in")
    rows = [heads, ["---"] * len(heads), *(_row(*item) for item in METRICS.items())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str, metric: Metric) -> tuple[str, ...]:
    meaning = metric.meaning.replace("|", "\\|")
    shown = SHOWN[metric.shown]
    if metric.in_place_of:
        shown += "; with `--set {}={}` in place of `{}`".format(
            *metric.in_place_of, metric.in_place_of[0]
        )
    return (
        f"`{name}`",
        metric.title,
        meaning,
        metric.origin,
        UNITS[metric.kind],
        RANGES[metric.kind],
        metric.better,
        shown,
    )


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: made(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
