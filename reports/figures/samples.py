"""Figures of audited samples: label agreement, distance to the training set, and gain beside
agreement and diversity. Not here: how figures look (drawing.py), the numbers
(sample_numbers.py)."""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmark.record.samples import (
    AGREEMENT_BINS,
    DISTANCE_BINS,
    HELD_OUT,
    LARGEST_DISTANCE,
    TRAINING,
)
from reports.comparison.groups import MethodRuns
from reports.comparison.sample_numbers import LOW_AGREEMENT, PARTS, AuditedSamples, samples_of
from reports.figures.drawing import Drawing, draw, name_rows, tidy

MOST_METHODS, MOST_TRADED = 8, 16
_STYLES = ("-", "--", "-.", ":")
_REAL = "0.35"
Plot = Callable[[Figure, AuditedSamples], str]


def sample_figures(samples: AuditedSamples, folder: Path) -> list[Drawing]:
    """Every figure that the group's audits support."""
    plots: list[tuple[str, str, float, Plot]] = []
    if _holds(samples, "agreement"):
        height = 1.75 + 0.72 * len(_shown(samples))
        plots.append(("agreement", "Do samples show their label?", height, agreement_plot))
    if _holds(samples, "distance"):
        title = "How near samples lie to training slices"
        plots.append(("memorisation", title, 3.9, memory_plot))
    if traded := _traded(samples):
        lines = max(len(textwrap.wrap(_short(samples, runs.label), 24)) for runs in traded)
        height = max(3.1, 1.6 + (0.16 + 0.15 * lines) * len(traded))
        plots.append(("tradeoff", "Gain, agreement and diversity", height, tradeoff_plot))
    return [_draw(samples, folder, *plot) for plot in plots]


def _holds(samples: AuditedSamples, kind: str) -> bool:
    """Whether any method has a histogram of this kind."""
    labels = [runs.label for runs in samples.methods]
    return any(len(samples.histogram(one, kind, part)) for one in labels for part in PARTS)


def agreement_plot(figure: Figure, samples: AuditedSamples) -> str:
    """One row per method: the label agreement of its samples as a histogram of shares, training
    filled, held-out as a line."""
    shown, edges = _shown(samples), np.linspace(0, 1, AGREEMENT_BINS + 1)
    rows, words = figure.subplots(len(shown), 1, sharex=True, sharey=True, squeeze=False)[:, 0], []
    for axes, runs in zip(rows, shown, strict=True):
        colour, label = runs.method.look.colour, runs.label
        for part in (TRAINING, HELD_OUT):
            counts = samples.histogram(label, "agreement", part)
            if not counts.sum():
                continue
            shares = 100 * counts / counts.sum()
            if part == TRAINING:
                axes.stairs(shares, edges, fill=True, color=colour, alpha=0.55)
            else:
                axes.stairs(shares, edges, color="0.15", linewidth=1.2)
            below = samples.share_below(label, LOW_AGREEMENT, part)
            words.append(f"{label}, {part}: {100 * below:.0f} % below {LOW_AGREEMENT:g}")
            real = samples.mean(label, part, "real_agreement")
            if np.isfinite(real):
                axes.plot(
                    [real],
                    [1.0],
                    transform=axes.get_xaxis_transform(),
                    clip_on=False,
                    marker="v",
                    color=colour if part == TRAINING else "0.15",
                    markersize=6,
                    markeredgewidth=0,
                    zorder=4,
                )
        axes.axvline(LOW_AGREEMENT, color=_REAL, linestyle=":", linewidth=1.1)
        words_at_left = textwrap.fill(_short(samples, label), 18)
        axes.set_ylabel(
            words_at_left, rotation=0, ha="right", va="center", fontsize=8.5, parse_math=False
        )
        axes.yaxis.set_major_locator(MaxNLocator(2, steps=(1, 2, 5, 10)))
        tidy(axes, "x")
    rows[-1].set_xlim(0, 1)
    rows[-1].set_xlabel(
        "label agreement by slice: Dice of the segmenter's mask with the label\n(height: % of"
        " samples)"
    )
    key = [
        Line2D([], [], color="0.6", linewidth=6, label="training samples"),
        Line2D([], [], color="0.15", linewidth=1.2, label="held-out samples"),
        Line2D(
            [], [], color="0.4", marker="v", linestyle="", label="real images of these slices, mean"
        ),
        Line2D(
            [],
            [],
            color=_REAL,
            linestyle=":",
            label=f"{LOW_AGREEMENT:g}, below which a label counts as not shown",
        ),
    ]
    figure.legend(handles=key, loc="outside lower center", ncols=2, frameon=False, fontsize=8.5)
    return f"Distribution of label agreement by method. {'; '.join(words)}."


def memory_plot(figure: Figure, samples: AuditedSamples) -> str:
    """Cumulative share of images by the distance to the nearest training slice of another case;
    real images beside."""
    edges, words = np.linspace(0, LARGEST_DISTANCE, DISTANCE_BINS + 1), []
    shown = _shown(samples)
    styles = _line_styles(shown)
    for axes, part in zip(figure.subplots(1, 2, sharey=True, sharex=True), PARTS, strict=True):
        for runs, style in zip(shown, styles, strict=True):
            counts = samples.histogram(runs.label, "distance", part)
            if counts.sum():
                _cumulative(axes, counts, edges, runs.method.look.colour, style, 1.6)
                middle = edges[np.searchsorted(np.cumsum(counts), counts.sum() / 2) + 1]
                words.append(f"{runs.label}, {part}: half within {middle:.2f}")
        real = [
            found
            for runs in shown
            if (found := samples.histogram(runs.label, "distance", f"real {part}")).sum()
        ]
        if real:
            _cumulative(axes, real[0], edges, _REAL, (0, (1, 1)), 2.2)
        thresholds = [one.copy_threshold for runs in shown for one in samples_of(runs)]
        axes.axvspan(0, float(np.mean(thresholds)), color="#d55e00", alpha=0.16, linewidth=0)
        left_out = " (own case left out)" if part == TRAINING else ""
        axes.set_title(f"{part} samples{left_out}", fontsize=9, loc="left")
        axes.set_xlabel(
            "distance to the nearest training slice\nof another case (0: the same image)"
        )
        tidy(axes, "both")
    left = figure.axes[0]
    left.set_ylabel("% of images nearer than this")
    left.set_xlim(0, _far_end(samples, edges))
    left.set_ylim(0, 101)
    key = [Line2D([], [], color=_REAL, linestyle=(0, (1, 1)), linewidth=2.2, label="real images")]
    for runs, style in zip(shown, styles, strict=True):
        label = textwrap.fill(_short(samples, runs.label), 40)
        colour = runs.method.look.colour
        key.append(Line2D([], [], color=colour, linestyle=style, linewidth=1.6, label=label))
    key.append(Line2D([], [], color="#d55e00", alpha=0.3, linewidth=6, label="counted as copied"))
    columns = 2 if max(len(str(one.get_label())) for one in key) > 20 else 3
    legend = figure.legend(
        handles=key, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return (
        f"Cumulative distance of samples and of real images to the nearest training slice."
        f" {'; '.join(words)}."
    )


def tradeoff_plot(figure: Figure, samples: AuditedSamples) -> str:
    """Left: label agreement against diversity, one numbered point per method; right: its gain over
    none, if there is one."""
    shown, summary = _traded(samples), samples.summary
    base = summary.none_label
    words: list[str] = []
    places: dict[tuple[float, float], list[int]] = {}
    gains = [
        summary.dice.interval(runs.label, base).scaled(100)
        if base is not None and runs.label in summary.labels
        else None
        for runs in shown
    ]
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
    for place, (runs, gain) in enumerate(zip(shown, gains, strict=True)):
        look = {
            "color": runs.method.look.colour,
            "marker": runs.method.look.marker,
            "linewidths": 0,
        }
        x, y = (samples.mean(runs.label, TRAINING, name) for name in ("diversity", "agreement"))
        left.scatter([x], [y], s=135, alpha=0.85, zorder=3, **look)
        places.setdefault((round(x, 4), round(y, 4)), []).append(place + 1)
        text = f"{runs.label}: diversity {x:.2f}, agreement {y:.2f}"
        if gain is not None:
            if np.isfinite(gain.low):
                right.plot(
                    [gain.low, gain.high], [place, place], color="0.25", linewidth=1.2, zorder=2
                )
            right.scatter([gain.mean], [place], s=30, zorder=3, **look)
            text += f", gain {gain.mean:+.1f} points"
        words.append(text)
    # a filter leaves the samples as they are: two methods at one point
    for at, numbers in places.items():
        words_at = ", ".join(map(str, numbers))
        aside = (
            {"xytext": (9, 0), "textcoords": "offset points", "ha": "left"}
            if len(numbers) > 1
            else {"ha": "center"}
        )
        left.annotate(words_at, at, va="center", fontsize=7, zorder=4, **aside)
    left.set_xlabel("diversity of the variants, mean 1 - MS-SSIM")
    left.set_ylabel("label agreement, mean by slice")
    left.margins(0.18)
    if any(gains):
        right.axvline(0, color=_REAL, linestyle=":", linewidth=1.2)
    labels = [
        textwrap.fill(f"{place + 1}  {_short(samples, runs.label)}", 26)
        for place, runs in enumerate(shown)
    ]
    name_rows(right, labels)
    right.set_xlabel("Dice minus none, points")
    tidy(left, "both")
    tidy(right, "x")
    if not any(gains):
        right.set_xlabel("no run of method none here, so no gain is known")
        right.set_xticks([])
        sns.despine(ax=right, bottom=True, left=True)
    return (
        f"Label agreement and diversity of the training samples and the gain over none."
        f" {'; '.join(words)}."
    )


def _short(samples: AuditedSamples, label: str) -> str:
    """The short label; no line ends inside of 'n = 2'."""
    return samples.group.short[label].text.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def _line_styles(shown: Sequence[MethodRuns]) -> list[str]:
    """Lines that tell apart methods of one name, which share a colour."""
    names = [runs.method.name for runs in shown]
    earlier = [names[:place].count(name) for place, name in enumerate(names)]
    return [_STYLES[count % len(_STYLES)] for count in earlier]


def _cumulative(
    axes: Axes, counts: np.ndarray, edges: np.ndarray, colour: str, style, width: float
) -> None:
    shares = 100 * np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
    axes.plot(edges, shares, color=colour, linestyle=style, linewidth=width)


def _far_end(samples: AuditedSamples, edges: np.ndarray) -> float:
    """The end of the last bin that holds an image."""
    held = [
        np.flatnonzero(counts).max()
        for runs in _shown(samples)
        for part in PARTS
        for name in (part, f"real {part}")
        if (counts := samples.histogram(runs.label, "distance", name)).sum()
    ]
    return float(edges[max(held) + 1])


def _traded(samples: AuditedSamples) -> list[MethodRuns]:
    """Methods that have both a diversity and an agreement of training samples."""
    return [
        runs
        for runs in samples.methods
        if all(
            np.isfinite(samples.mean(runs.label, TRAINING, name))
            for name in ("diversity", "agreement")
        )
    ][:MOST_TRADED]


def _shown(samples: AuditedSamples) -> list[MethodRuns]:
    return samples.distinct[:MOST_METHODS]


def _draw(
    samples: AuditedSamples, folder: Path, name: str, title: str, height: float, plot: Plot
) -> Drawing:
    cases = samples.rows.drop_duplicates(["part", "case"])["part"].value_counts()
    counts = ", ".join(f"{cases[part]} {part} cases" for part in PARTS if part in cases)
    heading = f"{samples.group.title}; {counts}"
    return draw(
        folder,
        f"{samples.group.slug}-samples-{name}",
        title,
        heading,
        height,
        lambda figure: plot(figure, samples),
    )
