"""Figures of what a table allows to say: ranks, ties, Dice against HD95, gain against cost,
definitions of distances. Not here: the statistics (inference.py), curves over a setting
(by_setting.py)."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmark.spec.method import Look
from reports.comparison.inference import Inference
from reports.figures.by_method import figure_title
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
from reports.records.times import RunTime, run_times

LEAST_METHODS = 5
COST_TITLE = "Gain against cost"
LEAST_RANKED = 3
LEAST_CASES = 6
NEAR = 0.03  # of an axis: two numbers closer than that cover each other
Plot = Callable[[Figure, Inference], str]


def rank_figures(inference: Inference, folder: Path) -> list[Drawing]:
    """Every figure of the group that its records support; none for fewer than five methods or six
    cases."""
    summary = inference.summary
    if len(inference.labels) < LEAST_METHODS or inference.rows["cases"].min() < LEAST_CASES:
        return []
    rows = rows_height(row_labels(_short(inference)), 0.27)
    plots: list[tuple[str, str, float, Plot]] = []
    ranked = int(np.isfinite(inference.mean_ranks).sum())  # 0 without a case that all have
    if ranked >= LEAST_RANKED:
        tall = 1.9 + 0.17 * ranked + 0.1 * len(inference.groups)
        plots.append(("ties", "Mean ranks and ties", tall, ties_plot))
    if len(inference.verdicts.ranked) >= LEAST_RANKED:
        plots.append(("ranks", "Ranks that the verdicts leave", 1.5 + rows, ranks_plot))
    if summary.unit is not None:
        tall = max(3.6, 1.1 + 0.7 * rows)
        plots.append(("dice-hd95", "Dice against HD95", tall, dice_hd95_plot))
        plots.append(("crosswalk", "One distance, two definitions", 3.3, crosswalk_plot))
    gains = np.isfinite(inference.rows["none_difference"]).any()
    times = _times(inference)
    busy = any(time.busy for time in times.values())
    if gains and set(times) == set(inference.labels) and not busy:
        plots.append(("cost", COST_TITLE, 1.7 + rows, cost_plot))
    return [_draw(inference, folder, *plot) for plot in plots]


def ties_plot(figure: Figure, inference: Inference) -> str:
    """Critical-difference diagram: methods with enough runs at their mean rank over cases; a bar
    joins those that are not told apart."""
    axes = figure.add_subplot()
    ranks, labels = inference.mean_ranks, row_labels(_short(inference), lines=1)
    order = [place for place in np.argsort(ranks, kind="stable") if np.isfinite(ranks[place])]
    count, half = len(order), (len(order) + 1) // 2
    low, high = int(np.floor(np.nanmin(ranks))), int(np.ceil(np.nanmax(ranks)))
    bars = [group for group in inference.groups if len(group) > 1]
    first = 0.55 + 0.35 * len(bars)
    for number, group in enumerate(bars):
        places = ranks[list(group)]
        height = 0.4 + 0.35 * number
        axes.plot(
            [places.min(), places.max()],
            [height, height],
            color="0.2",
            linewidth=3,
            solid_capstyle="round",
        )
        axes.scatter(
            places,
            [height] * len(places),
            s=15,
            color="white",
            edgecolors="0.2",
            linewidths=1,
            zorder=3,
        )
    colours = [_look(inference, place).colour for place in order]
    for colour in dict.fromkeys(colours):  # one look at a time: points then stand on whole pixels
        alike = [place for place, one in zip(order, colours, strict=True) if one == colour]
        axes.scatter(ranks[alike], [0] * len(alike), s=20, color=colour, zorder=4, clip_on=False)
    for number, place in enumerate(order):
        left, colour = number < half, colours[number]
        depth = first + 0.55 * (number if left else count - 1 - number)
        edge = low - 0.15 if left else high + 0.15
        axes.plot(
            [ranks[place], ranks[place], edge],
            [0, depth, depth],
            color=colour,
            linewidth=1.2,
        )
        words = f"{labels[place]} ({ranks[place]:.1f})"
        axes.text(
            edge,
            depth,
            f"{words} " if left else f" {words}",
            ha="right" if left else "left",
            va="center",
            fontsize=8.5,
            parse_math=False,
        )
    axes.set_xlim(low - 0.2, high + 0.2)
    axes.set_ylim(first + 0.55 * half - 0.25, 0)
    axes.set_xticks(range(low, high + 1))
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("mean rank by Dice over cases (1 is best)")
    axes.set_yticks([])
    for side in ("left", "right", "bottom"):
        axes.spines[side].set_visible(False)
    listed = ", ".join(f"{inference.labels[place]} {ranks[place]:.1f}" for place in order)
    return f"Mean ranks: {listed}; ties stand as letters in the table."


def ranks_plot(figure: Figure, inference: Inference) -> str:
    """The ranks by mean Dice that the verdicts leave each method with enough runs."""
    axes = figure.add_subplot()
    shown = inference.rows[inference.rows["rank_low"].notna()]
    shown = shown.sort_values("dice_mean", ascending=False, kind="stable")
    for place, (number, row) in enumerate(shown.iterrows()):
        look = _look(inference, int(str(number)))
        axes.plot(
            [row["rank_low"], row["rank_high"]],
            [place, place],
            color=look.colour,
            linewidth=5,
            solid_capstyle="round",
        )
    axes.set_xticks(range(1, len(shown) + 1))
    name_rows(axes, row_labels(_short(inference, shown["method"])))
    tidy(axes, "x")
    axes.set_xlabel("rank by mean Dice (1 is best)")
    return "The ranks that the verdicts leave each method; they stand in the table."


def dice_hd95_plot(figure: Figure, inference: Inference) -> str:
    """Mean HD95 against mean Dice, one numbered point per method; the upper right is best."""
    rows = inference.summary.rows.set_index("method").loc[list(inference.labels)]
    axes = _numbered(
        figure, inference, 100 * rows["dice_mean"].to_numpy(), rows["hd95_mean"].to_numpy()
    )
    axes.set_xlabel("mean Dice, %")
    axes.set_ylabel(f"mean HD95, {inference.summary.unit}\n(axis turned: up is better)")
    axes.invert_yaxis()
    return "Mean HD95 against mean Dice by method; both stand in the table."


def cost_plot(figure: Figure, inference: Inference) -> str:
    """Left: each method's gain over none; right: the seconds that a run of it took, generator and
    segmenter apart."""
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
    times, rows = _times(inference), inference.rows
    gains = 100 * np.nan_to_num(rows["none_difference"].to_numpy(float))
    looks = [_look(inference, place) for place in range(len(rows))]
    for look in dict.fromkeys(looks):
        places = [place for place, one in enumerate(looks) if one == look]
        left.scatter(gains[places], places, color=look.colour, marker=look.marker, s=28, zorder=3)
    ends = 100 * rows[["none_low", "none_high"]].to_numpy(float)
    spans = [place for place in range(len(rows)) if np.isfinite(ends[place, 0])]
    left.plot(
        broken_line([(low, high) for low, high in ends[spans]]),
        broken_line([(place, place) for place in spans]),
        color="0.25",
        linewidth=1.2,
        zorder=2,
    )
    seconds = np.zeros((2, len(rows)))
    for place, label in enumerate(inference.labels):
        time = times[label]
        if time.comparable:
            seconds[:, place] = time.segmenter, time.generator
        else:
            right.text(0, place, " another machine", va="center", fontsize=8, color="0.35")
    right.barh(range(len(rows)), seconds[0], color="0.6", label="segmenter")
    right.barh(
        range(len(rows)),
        seconds[1],
        left=seconds[0],
        color=GREEN,
        hatch="///",
        edgecolor="white",
        label="generator and sampling",
    )
    left.axvline(0, color="0.35", linestyle=":", linewidth=1.2)
    name_rows(left, row_labels(_short(inference)))
    left.set_xlabel("Dice minus none, points")
    right.set_xlabel("training seconds per run")
    for axes in (left, right):
        tidy(axes, "x")
    figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=8.5)
    return (
        "Gain over none and seconds per run by method; both stand in the tables. Shared stages"
        " count in each run."
    )


def crosswalk_plot(figure: Figure, inference: Inference) -> str:
    """By case: the larger directed HD95 against the pooled one (Q11), the mean of two ASSD against
    pooled (Q28)."""
    cases, unit = inference.summary.cases, inference.summary.unit
    words = []
    for axes, x, y, names in zip(
        figure.subplots(1, 2),
        ("hd95", "assd"),
        ("hd95_max", "assd_mean"),
        (("HD95, pooled", "HD95, larger directed"), ("ASSD, pooled", "ASSD, mean of directed")),
        strict=True,
    ):
        a, b = cases[x].to_numpy(), cases[y].to_numpy()
        most = float(max(a.max(), b.max(), 1e-9)) * 1.05
        axes.plot([0, most], [0, most], color="0.35", linestyle=":", linewidth=1.2)
        look = {
            "s": 9,
            "color": BLUE,
            "edgecolors": "0.3",
            "linewidths": 0.25,
            "alpha": 0.6,
        }
        axes.scatter(a, b, rasterized=len(a) > 500, **look)
        axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
        axes.set_xlabel(f"{names[0]}, {unit}")
        axes.set_ylabel(f"{names[1]}, {unit}")
        ratio = float(np.median(b[a > 0] / a[a > 0])) if (a > 0).any() else float("nan")
        axes.set_title(f"median ratio {ratio:.3f}", fontsize=9, loc="left")
        words.append(f"{names[1]} is {ratio:.3f} times {names[0]} in the median")
        tidy(axes, "both")
    return f"By case, {'; '.join(words)}."


def _numbered(figure: Figure, inference: Inference, x: np.ndarray, y: np.ndarray):
    """Points numbered in the order of the table, with a key at the right. Returns the axes."""
    axes = figure.add_subplot()
    for place, label in enumerate(row_labels(_short(inference), width=34)):
        look = _look(inference, place)
        axes.scatter(
            [x[place]],
            [y[place]],
            s=135,
            color=look.colour,
            marker=look.marker,
            alpha=0.85,
            linewidths=0,
            zorder=3,
            label=f"{place + 1}  {label}",
        )
    for places in _near(x, y):
        words = ",".join(str(place + 1) for place in places)
        # not quite black: it stays so on a dark screen, for the markers keep their colour too
        middle: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4, "fontsize": 7}
        axes.text(x[places].mean(), y[places].mean(), words, color="#101214", **middle)
    key = axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        frameon=False,
        fontsize=8.5,
        markerscale=0.6,
        handletextpad=0.3,
    )
    for text in key.get_texts():
        text.set_parse_math(False)
    tidy(axes, "both")
    return axes


def _near(x: np.ndarray, y: np.ndarray) -> list[list[int]]:
    """Places of points so close that their numbers would cover each other, together; all others
    alone."""
    scaled = np.stack(
        [(values - values.min()) / max(float(np.ptp(values)), 1e-9) for values in (x, y)], axis=1
    )
    found: list[list[int]] = []
    for place, point in enumerate(scaled):
        near = next((one for one in found if np.abs(scaled[one] - point).max() < NEAR), None)
        if near is None:
            found.append([place])
        else:
            near.append(place)
    return found


def _times(inference: Inference) -> dict[str, RunTime]:
    """Times per run of the methods that have any."""
    group = inference.summary.group
    rows = {label: group.by_label[label].done for label in inference.labels}
    return run_times(rows, group.none_label)


def _short(inference: Inference, labels: Iterable[str] | None = None) -> list[str]:
    """The short labels of the methods, or of some of them."""
    short = inference.summary.group.short
    return [short[label].text for label in (inference.labels if labels is None else labels)]


def _look(inference: Inference, place: int) -> Look:
    return inference.summary.group.by_label[inference.labels[place]].method.look


def _draw(
    inference: Inference, folder: Path, name: str, title: str, height: float, plot: Plot
) -> Drawing:
    summary = inference.summary
    heading = figure_title(
        summary.group, summary.values[summary.values["method"].isin(inference.labels)]
    )
    return draw(
        folder,
        f"{summary.group.slug}-{name}",
        title,
        heading,
        height,
        lambda figure: plot(figure, inference),
    )
