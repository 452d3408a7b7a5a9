"""Figures of one comparison group: box plots of Dice and HD95, and the paired difference to
`none`. Not here: how figures look (drawing.py), ranks and costs (ranks.py), curves over a
setting (by_setting.py), images of cases (panels.py)."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.comparison.groups import Group
from reports.comparison.inference import main_labels
from reports.comparison.summaries import Summary, case_differences, same_runs
from reports.figures.drawing import Drawing, draw, name_rows, row_labels, rows_height, tidy

MOST_ROWS = 16
FEW_POINTS = 50  # of a row; more are drawn small and faint, so that they do not hide its box


def group_figures(summary: Summary, folder: Path, *, brief: bool = False) -> list[Drawing]:
    """Draws every figure that the group has values for into `folder`, which is made if absent.

    brief: only the paired difference, for groups that also stand in a figure over settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if summary.cases.empty:
        return []
    figures = [] if brief else [_draw(summary, folder, "dice", "Dice by method", dice_plot)]
    if summary.unit is not None and not brief:
        figures.append(_draw(summary, folder, "hd95", "HD95 by method", hd95_plot))
    if compared_labels(summary):
        figures.append(
            _draw(
                summary, folder, "difference", "Paired difference in Dice to none", difference_plot
            )
        )
    return figures


def dice_plot(summary: Summary, axes: Axes) -> str:
    """Box and points of the Dice of each case, by method. Returns the text for those who cannot see
    it."""
    _boxes(summary, axes, "dice", 100, "Dice, %")
    return "Box plot of Dice by method with one point per case; the means stand in the table above."


def hd95_plot(summary: Summary, axes: Axes) -> str:
    """Box and points of the HD95 of each case, by method; smaller is better."""
    _boxes(summary, axes, "hd95", 1, f"HD95, {summary.unit} (smaller is better)")
    axes.set_xlim(left=0)
    return (
        f"Box plot of HD95 in {summary.unit} by method with one point per case; the means stand in"
        f" the table above."
    )


def difference_plot(summary: Summary, axes: Axes) -> str:
    """Per case, Dice of a method minus Dice of none; the mean with its 95 % interval."""
    labels, base = compared_labels(summary), summary.none_label or ""
    axes.axvline(0, color="0.35", linewidth=1, zorder=1)
    tables = summary.cases, summary.values, summary.dice.cells
    pairs = (same_runs(*tables, label, base) for label in labels)
    differences = [100 * case_differences(*pair).to_numpy() for pair in pairs]
    looks = [summary.group.by_label[label].method.look for label in labels]
    _points(axes, differences, [look.colour for look in looks])
    found = [summary.dice.interval(label, base).scaled(100) for label in labels]
    reach = np.array([[one.mean - one.low, one.high - one.mean] for one in found]).T
    axes.errorbar(
        [one.mean for one in found],
        range(len(labels)),
        xerr=reach if np.isfinite(reach).any() else None,
        fmt="D",
        color="black",
        markersize=4.5,
        capsize=3.5,
        linewidth=1.4,
        zorder=4,
    )
    _method_axis(axes, _names(summary, labels))
    axes.set_xlabel("difference in Dice to none, points\n(diamond and bar: mean and 95 % interval)")
    return (
        "Difference in Dice to none, one point per case and method; the means and intervals stand"
        " in the table above."
    )


def compared_labels(summary: Summary) -> list[str]:
    """Methods that share at least one case with `none`, in the order of the table."""
    base = summary.none_label
    if base is None:
        return []
    cells = summary.dice.cells
    others = (label for label in shown_labels(summary) if label != base)
    return [label for label in others if cells.differences(label, base).size]


def shown_labels(summary: Summary) -> list[str]:
    """The methods that a figure by method shows: all, or the usual settings alone where there are
    too many rows."""
    return summary.labels if len(summary.labels) <= MOST_ROWS else list(main_labels(summary))


def figure_title(group: Group, values: pd.DataFrame) -> str:
    """Dataset, source, rules and number of cases, as the heading of a figure."""
    counts = values.groupby("method").size()
    n = str(counts.max()) if counts.nunique() == 1 else f"{counts.min()} to {counts.max()}"
    count = f"n = {n} cases".replace(" ", "\N{NO-BREAK SPACE}")  # stays in one line
    return f"{group.title}; {count}"


def _draw(
    summary: Summary, folder: Path, name: str, title: str, plot: Callable[[Summary, Axes], str]
) -> Drawing:
    def fill(figure: Figure) -> str:
        axes = figure.add_subplot()
        alt = plot(summary, axes)
        tidy(axes, "x")
        return alt

    heading = figure_title(summary.group, summary.values)
    height = max(2.4, 1.5 + rows_height(_names(summary, shown_labels(summary)), 0.31))
    return draw(folder, f"{summary.group.slug}-{name}", title, heading, height, fill)


def _names(summary: Summary, labels: list[str]) -> list[str]:
    """Labels as they stand beside a figure."""
    return row_labels([summary.group.short[label].text for label in labels])


def _boxes(summary: Summary, axes: Axes, metric: str, scale: float, xlabel: str) -> None:
    labels = shown_labels(summary)
    rows = summary.cases.loc[summary.cases["missed"], ["method", "fold", "case"]]
    missed = set(rows.itertuples(index=False, name=None))
    groups = [summary.of(label) for label in labels]
    boxes = axes.boxplot(
        [scale * values[metric].to_numpy() for values in groups],
        positions=range(len(labels)),
        widths=0.62,
        orientation="horizontal",
        manage_ticks=False,
        patch_artist=True,
        showfliers=False,
        medianprops={"linewidth": 2.2, "color": "black"},
        zorder=3,
    )
    for box, label in zip(boxes["boxes"], labels, strict=True):
        colour = summary.group.by_label[label].method.look.colour
        box.set(facecolor=mpl.colors.to_rgba(colour, 0.7), edgecolor="0.25")
    keys = (zip(values["method"], values["fold"], values["case"], strict=True) for values in groups)
    empty = [np.array([key in missed for key in found]) for found in keys]
    shown = [scale * values[metric].to_numpy() for values in groups]
    _points(axes, shown, ["0.45"] * len(shown), empty)
    _method_axis(axes, _names(summary, labels))
    axes.set_xlabel(f"{xlabel}\n(× missed: the prediction is empty)" if missed else xlabel)


def _points(
    axes: Axes,
    rows: Sequence[np.ndarray],
    colours: Sequence[str],
    missed: Sequence[np.ndarray] | None = None,
) -> None:
    """Values as points around rows 0, 1, ...; their height is drawn from a fixed seed and means
    nothing. Rows of one look are drawn at once, which takes a fraction of the time.

    missed: bool, as long as each row, the values that are drawn as crosses.
    """
    alike: dict[tuple, list[np.ndarray]] = defaultdict(list)
    crossed = []
    for place, (values, colour) in enumerate(zip(rows, colours, strict=True)):
        height = place + np.random.default_rng(place).uniform(-0.17, 0.17, len(values))
        cross = np.zeros(len(values), bool) if missed is None else missed[place]
        points = np.stack([values, height])
        size, opacity = (11, 0.75) if len(values) <= FEW_POINTS else (5, 0.5)
        alike[colour, size, opacity].append(points[:, ~cross])
        crossed.append(points[:, cross])
    for (colour, size, opacity), found in alike.items():
        look = {"s": size, "color": colour, "alpha": opacity, "linewidths": 0}
        x, y = np.concatenate(found, axis=1)
        axes.scatter(x, y, zorder=2, **look)
    if sum(one.shape[1] for one in crossed):
        x, y = np.concatenate(crossed, axis=1)
        crosses = axes.scatter(x, y, s=24, marker="x", zorder=3)
        crosses.set(color="#d55e00", linewidth=1.3)


def _method_axis(axes: Axes, labels: list[str]) -> None:
    name_rows(axes, labels)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.set_ylabel("")
