"""The gain of a method under rigorous rules, under each deviation of the release alone, and under
all of them. Not here: the effects (reports/deviations)."""

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
        _gain_bar(axes, 0, effects.gain)
        for place, effect in enumerate(ordered, 1):
            moved = effect.moved.interval().scaled(POINTS)
            colour = _COLOURS.get(effects.verdict(effect), _OPEN)
            axes.barh(place, moved.mean, left=level, height=0.62, color=colour, zorder=2)
            _whisker(axes, place, level + moved.mean, level + moved.low, level + moved.high)
        if effects.together:
            _gain_bar(axes, len(labels) - 1, effects.together.gain)
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


def _gain_bar(axes: Axes, place: int, gain: Difference) -> None:
    found = gain.interval().scaled(POINTS)
    axes.barh(place, found.mean, height=0.62, color=BLUE, zorder=2)
    _whisker(axes, place, found.mean, found.low, found.high)


def _whisker(axes: Axes, place: int, mean: float, low: float, high: float) -> None:
    if np.isfinite([low, high]).all():
        axes.plot([low, high], [place, place], color="0.2", linewidth=1.1, zorder=3)
        axes.scatter([low, high], [place, place], marker="|", color="0.2", s=26, zorder=3)
    else:
        axes.scatter([mean], [place], marker="|", color="0.2", s=40, zorder=3)


def _switches(effect: Effect) -> list[str]:
    return [part.split(" = ")[0] for part in effect.step.split(", ")]
