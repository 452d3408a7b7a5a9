"""Figures over one setting: ratio, alpha and patch size (as Fig. 6), networks (as Fig. 7),
scarcity, and the audit.

Each is drawn only where the records hold it. Bars are 95 % intervals over trainings and cases;
differences are paired by case. Not here: joining the runs (setting_curves.py).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from benchmark.spec.method import NONE, MethodSpec
from reports.comparison.groups import Group
from reports.comparison.inference import main_labels
from reports.comparison.labels import source_label
from reports.comparison.setting_curves import Curve, Family, Member, audit_family, mean_interval
from reports.comparison.study import Study
from reports.figures.drawing import (
    Drawing,
    broken_line,
    draw,
    name_rows,
    row_labels,
    rows_height,
    tidy,
)
from reports.statistics.differences import Interval

_AXIS = {
    "ratio": "synthetic variants per real slice, n",
    "alpha": "alpha, the share of real patches",
    "patch_size": "side of a merging patch, pixels",
}
_TITLE = {
    "ratio": "Gain against the number of synthetic variants (Fig. 6a)",
    "alpha": "Gain against the share of real patches (Fig. 6b)",
    "patch_size": "Gain against the side of a merging patch (Fig. 6c)",
}
_GAIN = "Dice minus none, points"


def setting_figures(study: Study, folder: Path) -> list[Drawing]:
    """Every figure over a setting that the records support, in the order of the paper."""
    curves = [curve for one in study.comparisons for curve in one.curves]
    return [
        *(curve_figure(curve, folder) for curve in curves if curve.none is not None),
        *(network_figure(family, folder) for family in study.families["architecture"]),
        *(scarcity_figure(family, folder) for family in study.families["training_share"]),
    ]


def audit_figures(study: Study, folder: Path) -> list[Drawing]:
    """The audit of every family of protocols that holds rigorous and a quirk."""
    audits = (audit_family(family) for family in study.families["protocol"])
    return [audit_figure(family, folder) for family in audits if family]


def curve_figure(curve: Curve, folder: Path) -> Drawing:
    """Paired gain over none at each value; a square marks the value of the method's main setting,
    the dotted line none."""

    def fill(figure: Figure) -> str:
        axes = figure.add_subplot()
        values = [point.value for point in curve.points]
        places = [*range(len(values))] if curve.setting != "alpha" else values
        gains = [point.gain.scaled(100) for point in curve.points if point.gain]
        axes.axhline(0, color="0.35", linestyle=":", linewidth=1.2)
        for marker, usual in (("o", False), ("s", True)):
            found = [k for k, value in enumerate(values) if (value == curve.usual) == usual]
            if found:
                _bars(
                    axes,
                    [places[k] for k in found],
                    [gains[k] for k in found],
                    colour=curve.look.colour,
                    marker=marker,
                    upright=True,
                )
        axes.set_xticks(places, [f"{value:g}" for value in values])
        axes.set_xlabel(f"{_AXIS[curve.setting]} (square: the usual {curve.usual:g})")
        none = 100 * curve.none.mean if curve.none else np.nan
        axes.set_ylabel(f"Dice minus none ({none:.1f} %),\npoints")
        tidy(axes, "y")
        listed = ", ".join(
            f"{value:g}: {gain.mean:+.1f}" for value, gain in zip(values, gains, strict=True)
        )
        return f"Gain in Dice over none in points by {_AXIS[curve.setting]}: {listed}."

    group = curve.summary.group
    stem = f"{group.slug}-{curve.setting.replace('_', '-')}"
    return draw(folder, stem, _TITLE[curve.setting], group.title, 3.3, fill)


def network_figure(family: Family, folder: Path) -> Drawing:
    """Dice of each network with and without the method, and the paired gain (Fig. 7)."""
    heading = _heading(family, without="architecture")
    stem = f"architectures-{family.members[0].summary.group.slug}"
    return draw(
        folder,
        stem,
        "Networks with and without the method (Fig. 7)",
        heading,
        _height(family.members),
        lambda figure: _dumbbells(figure, family.members),
    )


def audit_figure(family: Family, folder: Path) -> Drawing:
    """Which quirk of the release moves the gain by how much: each switch alone against rigorous,
    then released."""
    rigorous = family.members[0]
    return draw(
        folder,
        f"audit-{rigorous.summary.group.slug}",
        "Audit: the gain under each deviation of the release",
        _heading(family, without="protocol"),
        _height(family.members),
        lambda figure: _dumbbells(figure, family.members, reference=rigorous.gain),
    )


def scarcity_figure(family: Family, folder: Path) -> Drawing:
    """Dice by the share of training cases, and each method's paired difference to none at the same
    share."""

    def fill(figure: Figure) -> str:
        left, right = figure.subplots(1, 2)
        shares = [float(member.value) for member in family.members]
        methods = _methods(family.members)
        for number, (label, method) in enumerate(methods.items()):
            shift = 1 + 0.07 * (number - len(methods) / 2)  # bars of several methods side by side
            look = {"marker": method.look.marker, "color": method.look.colour}
            dice = [100 * mean_interval(member.summary, label).mean for member in family.members]
            left.plot(shares, dice, label=label, markersize=5, **look)
            if method.name == NONE.name:
                continue
            gains = [
                one.summary.dice.interval(label, one.summary.none_label or "").scaled(100)
                for one in family.members
            ]
            aside = [share * shift for share in shares]
            _bars(
                right,
                aside,
                gains,
                colour=method.look.colour,
                marker=method.look.marker,
                upright=True,
            )
        right.axhline(0, color="0.35", linestyle=":", linewidth=1.2)
        for axes, words in ((left, "Dice, %"), (right, _GAIN)):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(shares))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xticklabels([f"{100 * share:g}" for share in shares])
            axes.set_xlabel("training cases in use, %")
            axes.set_ylabel(words)
            tidy(axes, "y")
        figure.legend(
            loc="outside lower center", ncols=min(4, len(methods)), frameon=False, fontsize=8.5
        )
        listed = ", ".join(f"{100 * m.value:g} %: {100 * m.gain.mean:+.1f}" for m in family.members)
        ours = family.members[0].name
        return f"Dice by share of training cases; gain of {ours} over none in points: {listed}."

    stem = f"scarcity-{family.members[-1].summary.group.slug}"
    return draw(
        folder, stem, "Few training cases", _heading(family, without="training_share"), 3.6, fill
    )


def _dumbbells(figure: Figure, members: Sequence[Member], reference: Interval | None = None) -> str:
    """Left: Dice of none and of the paper's method, joined; right: the paired gain with its
    interval, the reference as a line."""
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
    places = range(len(members))
    ends = np.array([(100 * one.none.mean, 100 * one.ours.mean) for one in members])
    rows = broken_line([(place, place) for place in places])
    left.plot(broken_line([*ends]), rows, color="0.6", linewidth=1.4, zorder=2)
    look = {"color": NONE.look.colour, "marker": NONE.look.marker}
    left.scatter(ends[:, 0], places, s=28, zorder=3, label=NONE.name, **look)
    looks = [member.look for member in members]
    for one in dict.fromkeys(looks):
        mine = [place for place in places if looks[place] == one]
        name = members[0].name if one == looks[0] else None
        look = {"color": one.colour, "marker": one.marker}
        left.scatter(ends[mine, 1], mine, s=28, zorder=3, label=name, **look)
        gains = [members[place].gain.scaled(100) for place in mine]
        _bars(right, mine, gains, colour=one.colour, marker=one.marker, upright=False)
    if reference is not None:
        right.axvline(
            100 * reference.mean, color=members[0].look.colour, linestyle="--", linewidth=1
        )
    right.axvline(0, color="0.35", linestyle=":", linewidth=1.2)
    name_rows(left, row_labels([str(member.value) for member in members]))
    left.set_xlabel("Dice, %")
    right.set_xlabel(_GAIN + ("\n(dashed: rigorous)" if reference is not None else ""))
    for axes in (left, right):
        tidy(axes, "x")
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=8.5)
    listed = ", ".join(f"{member.value}: {100 * member.gain.mean:+.1f}" for member in members)
    return f"Dice of none and {members[0].name} and the gain in points: {listed}."


def _bars(
    axes: Axes,
    places: Sequence[float],
    found: Sequence[Interval],
    *,
    colour: str,
    marker: str,
    upright: bool,
) -> None:
    """Markers of one look with their intervals, where there are any."""
    means = [one.mean for one in found]
    reach = np.array([[one.mean - one.low, one.high - one.mean] for one in found]).T
    span = reach if np.isfinite(reach).any() else None
    axes.errorbar(
        places if upright else means,
        means if upright else places,
        xerr=None if upright else span,
        yerr=span if upright else None,
        fmt=marker,
        color=colour,
        ecolor="0.25",
        markersize=5,
        capsize=3,
        linewidth=1.2,
        zorder=3,
    )


def _methods(members: Sequence[Member]) -> dict[str, MethodSpec]:
    """Labels of the main methods that every member has -> the methods, in the tables' order."""
    shared = set.intersection(*(set(main_labels(member.summary)) for member in members))
    runs = members[0].summary.group.methods
    return {one.label: one.method for one in runs if one.label in shared}


def _height(members: Sequence[Member]) -> float:
    return 1.7 + rows_height(row_labels([str(member.value) for member in members]), 0.24)


def _heading(family: Family, without: str) -> str:
    """What all groups of the family share."""
    group: Group = family.members[0].summary.group
    rules = [words for name, words in group.rule_by_field.items() if name != without]
    return ", ".join((group.spec.dataset, source_label(group.spec.source), *rules))
