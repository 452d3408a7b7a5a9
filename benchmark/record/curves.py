"""Training curves of a stage, thinned to what a record can carry.

A stage that trains writes curve.csv: a column `step` (optimiser steps) and columns of numbers,
empty where nothing was measured. Not here: writing curves (the trainings do), drawing them.
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

SHOWN = ("loss", "dice")
POINTS = 60
_DIGITS = 5

Curve = tuple[tuple[float, float], ...]


def read_curves(path: Path, points: int = POINTS) -> dict[str, Curve]:
    """{"loss": ((step, value), ...), "dice": ...}: at most `points` evenly chosen rows, the first
    and the last kept.

    {} where the stage has no such file, or one that holds no curve: a curve is an extra, and
    `verify` names damage.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found = {
            name: [(float(row["step"]), float(row[name])) for row in rows if row.get(name)]
            for name in SHOWN
            if any(row.get(name) for row in rows)
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    finite = {
        name: [pair for pair in pairs if all(map(math.isfinite, pair))]
        for name, pairs in found.items()
    }
    return {name: thinned(pairs, points) for name, pairs in finite.items() if pairs}


def thinned(pairs: Sequence[tuple[float, float]], points: int = POINTS) -> Curve:
    """At most `points` of the pairs, evenly chosen, the first and the last kept; values to five
    significant digits."""
    if len(pairs) > points:
        last = len(pairs) - 1
        pairs = [pairs[round(place * last / (points - 1))] for place in range(points)]
    return tuple((step, float(f"{value:.{_DIGITS}g}")) for step, value in pairs)
