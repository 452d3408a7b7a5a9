"""The figure that answers the question of the page: each method's gain over no augmentation beside
its training time, as numbers that a template draws.

Drawn by the page itself, so that it has the page's colours and the width of a phone. Not here: the
same as a file for papers (reports/figures/ranks.py).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reports.board.pairs import pairs_of
from reports.board.pills import pill_of
from reports.comparison.format import clock, factor_text, signed
from reports.comparison.study import Comparison
from reports.statistics.verdicts import FEW

MOST_ROWS = 8
_MOST_TICKS = 7
_STEPS = (0.5, 1, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class GainRow:
    """low, mean, high: places of the gain on the axis, %; segmenter, generator: widths of the time
    bar, %, 0 where the time does not compare."""

    name: str
    settings: str
    mark: str
    few: bool
    low: float
    mean: float
    high: float
    segmenter: float
    generator: float
    time: str
    alt: str


@dataclass(frozen=True)
class GainCost:
    """ticks: (place in %, '+5'); more: how many methods stand in the table alone."""

    rows: tuple[GainRow, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float
    more: int

    @property
    def few(self) -> bool:
        """Whether some row has too few runs for a verdict."""
        return any(row.few for row in self.rows)

    @property
    def alt(self) -> str:
        """The numbers in words, for those who cannot see the figure."""
        return "Gain over no augmentation and training time. " + " ".join(
            row.alt for row in self.rows
        )


def gain_cost(comparison: Comparison) -> GainCost | None:
    """The figure of a comparison; None where no method is compared with none."""
    inference, times = comparison.inference, comparison.times
    if inference is None:
        return None
    found = {label: row for label, row in inference.by_label.items() if _is(row["none_difference"])}
    shown = _chosen(comparison, list(found))
    if not shown:
        return None
    ends = [
        100 * value
        for label in shown
        for end in ("difference", "low", "high")
        if _is(value := found[label][f"none_{end}"])
    ]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    reach = max(high - low, 1e-9)

    def place(points: float) -> float:
        return round(2 + 96 * (points - low) / reach, 2)

    longest = max((times[one].seconds for one in shown if _compares(comparison, one)), default=0)
    rows = tuple(_row(comparison, label, found[label], place, longest) for label in shown)
    ticks = tuple((place(tick), _tick_text(tick)) for tick in _ticks(low, high))
    return GainCost(rows, ticks, place(0.0), len(found) - len(shown))


def _row(
    comparison: Comparison,
    label: str,
    tested: Mapping[str, Any],
    place: Callable[[float], float],
    longest: float,
) -> GainRow:
    """A method's row. place: points -> %; longest: the seconds that fill the bar of times."""
    short, pill = comparison.group.short[label], pill_of(comparison, label)
    mean = 100 * tested["none_difference"]
    low, high = (100 * tested[f"none_{end}"] for end in ("low", "high"))
    if not (math.isfinite(low) and math.isfinite(high)):
        low = high = mean
    time, scale = comparison.times.get(label), 0.0
    if time is None:
        words = "time not recorded"
    elif time.busy:
        words = f"({clock(time.seconds)}, busy machine)"
    elif time.comparable:
        words = " · ".join(filter(None, (clock(time.seconds), factor_text(time.factor))))
        scale = 100 / longest
    else:
        words = f"({clock(time.seconds)}, other machine)"
    interval = f"{signed(mean, 1)} [{signed(low, 1)}, {signed(high, 1)}] points"
    return GainRow(
        name=short.name,
        settings=short.settings,
        mark=pill.mark,
        few=pill.words == FEW,
        low=place(low),
        mean=place(mean),
        high=place(high),
        segmenter=round(scale * time.segmenter, 2) if time else 0.0,
        generator=round(scale * time.generator, 2) if time else 0.0,
        time=words,
        alt=f"{short.text}: {interval}, {words}.",
    )


def _chosen(comparison: Comparison, labels: list[str]) -> list[str]:
    """The methods of the figure, as the table sorts them: those of the headline always, others
    while there is room."""
    inference = comparison.inference
    assert inference is not None
    pairs = pairs_of(comparison).values()
    wanted = {label for pair in pairs for label in (pair.a, pair.b)}
    order = sorted(
        labels,
        key=lambda one: (
            one not in inference.verdicts.ranked,
            -inference.by_label[one]["dice_mean"],
        ),
    )
    kept = [one for one in order if one in wanted]
    kept += [one for one in order if one not in wanted][: max(0, MOST_ROWS - len(kept))]
    return [one for one in order if one in kept]


def _compares(comparison: Comparison, label: str) -> bool:
    time = comparison.times.get(label)
    return time is not None and time.comparable and not time.busy


def _ticks(low: float, high: float) -> list[float]:
    """Round points of the axis, 0 among them."""
    step = next((one for one in _STEPS if (high - low) / one < _MOST_TICKS), _STEPS[-1])
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _tick_text(tick: float) -> str:
    return f"{tick:+g}" if tick else "0"


def _is(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
