"""The gain of a method under rigorous rules, under each deviation of the release alone, and under
all of them. Not here: the effects (reports/deviations)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.core.texts import slug
from reports.comparison.labels import generator_apart, source_label
from reports.deviations.effects import LOWERS, NO_CHANGE, RAISES, Effect, Effects
from reports.deviations.sentences import POINTS, step_name
from reports.figures.drawing import (
    BLUE,
    GREEN,
    Drawing,
    broken_line,
    draw,
    name_rows,
    row_labels,
    rows_height,
    tidy,
)
from reports.statistics.differences import Difference

# grey without a verdict
_COLOURS = {RAISES: GREEN, LOWERS: "#d55e00"}
_OPEN = "0.65"


def deviations_figure(effects: Effects, folder: Path) -> Drawing:
    """A bar from the gain under rigorous (the dashed line) to that under each deviation, the
    strongest first, with the interval of what it moves; and the gain under released.

    Only a verdict has a colour. Deviations that change nothing share one row.
    """
    moving = [effect for effect in effects.alone if effects.verdict(effect) != NO_CHANGE]
    still = [effect for effect in effects.alone if effects.verdict(effect) == NO_CHANGE]
    ordered = sorted(moving, key=lambda effect: -abs(effect.moved.mean))
    names = ["gain under rigorous", *map(step_name, ordered)]
    if still:
        listed = ", ".join(dict.fromkeys(name for one in still for name in _switches(one)))
        names.append(f"no change: {listed}")
    if effects.together:
        names.append("gain under released")
    labels = row_labels(names, width=36)
    name, settings = generator_apart(effects.label)

    def fill(figure: Figure) -> str:
        axes = figure.add_subplot()
        level = POINTS * effects.gain.mean
        gains = {0: effects.gain}
        if effects.together:
            gains[len(labels) - 1] = effects.together.gain
        _bars(axes, list(gains), list(gains.values()), 0.0, [BLUE] * len(gains))
        if ordered:
            colours = [_COLOURS.get(effects.verdict(effect), _OPEN) for effect in ordered]
            moved = [effect.moved for effect in ordered]
            _bars(axes, range(1, len(ordered) + 1), moved, level, colours)
        axes.axvline(level, color=BLUE, linestyle="--", linewidth=1.1, zorder=1)
        axes.axvline(0, color="0.35", linestyle=":", linewidth=1.2)
        name_rows(axes, labels)
        axes.set_xlabel(f"gain of {name} over none, points of Dice")
        tidy(axes, "x")
        moves = ", ".join(f"{one.step} {POINTS * one.moved.mean:+.1f}" for one in ordered)
        return (
            f"Gain of {effects.label} over none under rigorous: {level:+.1f} points. What each"
            f" deviation alone adds to it: {moves or 'nothing'}."
        )

    group = effects.family.members[0].summary.group
    rules = [text for name, text in group.rule_by_field.items() if name != "protocol"]
    if settings:
        rules.append(f"generator: {settings.removeprefix('generator ')}")
    heading = ", ".join((group.spec.dataset, source_label(group.spec.source), *rules))
    stem = f"deviations-{group.slug}-{slug(effects.label)}"
    title = f"The gain of {name} under each deviation of the release"
    return draw(folder, stem, title, heading, 1.2 + rows_height(labels, 0.26), fill)


def _bars(
    axes: Axes,
    places: Sequence[int],
    found: Sequence[Difference],
    start: float,
    colours: Sequence[str],
) -> None:
    """Bars from `start`, each with its interval; a longer stroke at the end of one that has
    none."""
    shown = [one.interval().scaled(POINTS) for one in found]
    means = [one.mean for one in shown]
    axes.barh(places, means, left=start, height=0.62, color=colours, zorder=2)
    ends, rows = [], []
    for place, one in zip(places, shown, strict=True):
        if np.isfinite([one.low, one.high]).all():
            ends.append((start + one.low, start + one.high))
            rows.append((place, place))
        else:
            axes.scatter([start + one.mean], [place], marker="|", color="0.2", s=40, zorder=3)
    if ends:
        across, down = broken_line(ends), broken_line(rows)
        axes.plot(across, down, color="0.2", linewidth=1.1, zorder=3)
        axes.scatter(np.ravel(ends), np.ravel(rows), marker="|", color="0.2", s=26, zorder=3)


def _switches(effect: Effect) -> list[str]:
    return [part.split(" = ")[0] for part in effect.step.split(", ")]
