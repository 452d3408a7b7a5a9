"""One rule per kind of claim: what a group's records say of it. A rule never looks at where the
images come from.

Each rule returns (outcome, sentence with numbers), or None where the group lacks the runs it
needs. The interval is the 95 % interval over trainings and cases; "within" means the 90 %
interval lies within MARGIN, one Dice point. Outcomes: HOLDS, FAILS, or OPEN where the interval is
too wide to tell.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from benchmark.record.samples import HELD_OUT
from reports.comparison.format import p_equation, with_interval
from reports.comparison.groups import Group
from reports.comparison.paper_numbers import PAPERS_METHOD, PAPERS_RIVAL, paper_gain_percent
from reports.comparison.sample_numbers import ERRORS, FIDELITY, MEASURES, usual_runs
from reports.comparison.setting_curves import Curve, Family, Point
from reports.comparison.study import Comparison
from reports.comparison.summaries import Summary
from reports.statistics.case_grid import Cells
from reports.statistics.differences import Differences, Interval
from reports.statistics.paired import ALPHA, MARGIN, spread_ratio

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
Outcome = tuple[str, str]
SINGLE_TRANSFORMS = 8
FIVE_NETWORKS = ("unet", "resunet", "resnet50-unet", "attention-unet", "swin-unetr")


def gain(comparison: Comparison, name: str) -> Outcome | None:
    """A row's relative gain over `none`: at least the printed one, less, or too uncertain to part
    it from none.

    Holds if the interval excludes 0 on the printed side and reaches the printed gain; fails if it
    ends before it.
    """
    summary = comparison.summary
    label, base = label_of(summary, name), summary.none_label
    printed = paper_gain_percent(summary.group.spec.dataset, name)
    if label is None or base is None or not printed:
        return None
    found = summary.dice.interval(label, base)
    mean = float(np.nanmean(summary.dice.cells.case_means(base)))
    if not np.isfinite(found.low) or mean <= 0:
        return None
    ours = found.scaled(100 / mean)
    text = f"gain {_text(ours, 1, ' %')}; printed {printed:+.2f} %"
    low, high = (ours.low, ours.high) if printed > 0 else (-ours.high, -ours.low)
    if high < abs(printed):
        return FAILS, f"{text}: less than printed" + (
            "" if low > 0 else ", and not told apart from none"
        )
    return (HOLDS, text) if low > 0 else (OPEN, f"{text}: neither that nor 0 is excluded")


def best(comparison: Comparison, name: str) -> Outcome | None:
    """A row of Table II against the best of the ten others; None unless all eleven are there."""
    summary = comparison.summary
    rows = _table_rows(summary)
    if len(rows) < SINGLE_TRANSFORMS + 3 or name not in rows:
        return None
    label = rows.pop(name)
    other = _highest(summary, list(rows.values()))
    found = summary.dice.interval(label, other)
    text = f"{label} minus {other}, the best other row: {_text(found)}"
    if found.low > 0:
        return HOLDS, text
    return (FAILS if found.high < 0 else OPEN), text


def no_better_than_single(comparison: Comparison, name: str) -> Outcome | None:
    """DeepStack against the best single transform; None where the protocol drops it, or a transform
    is missing."""
    summary = comparison.summary
    rows = _table_rows(summary)
    singles = [label for row, label in rows.items() if row.startswith("Random")]
    dropped = summary.group.spec.protocol.deepstack == "dropped"
    if dropped or name not in rows or len(singles) < SINGLE_TRANSFORMS:
        return None
    other = _highest(summary, singles)
    found = summary.dice.interval(rows[name], other)
    text = f"{rows[name]} minus {other}: {_text(found)}"
    if found.low > 0:
        return FAILS, f"{text}: better"
    return (
        (HOLDS, text)
        if found.high < MARGIN
        else (OPEN, f"{text}: a gain of more than a point is not excluded")
    )


def smaller_sd(comparison: Comparison, name: str) -> Outcome | None:
    """SD over cases against that of `none`, by Pitman and Morgan's test for paired samples."""
    summary = comparison.summary
    label, base = label_of(summary, name), summary.none_label
    if label is None or base is None:
        return None
    cells = summary.dice.cells
    pairs = np.stack([cells.case_means(label), cells.case_means(base)])
    ratio, p_value = spread_ratio(*pairs[:, np.isfinite(pairs).all(0)])
    if not np.isfinite(p_value):
        return None
    text = f"SD over cases {ratio:.2f} times that of none ({p_equation(p_value)})"
    if p_value >= ALPHA:
        return OPEN, text
    return (HOLDS if ratio < 1 else FAILS), text


def nearer_images(comparison: Comparison, name: str) -> Outcome | None:
    """The five measures of Table I, the paper's method minus its rival, by case, on samples made
    from held-out cases.

    Holds if all five intervals lie on the near side of 0 (errors below, SSIM and MS-SSIM above),
    fails if one lies on the far side. The size of the printed differences is not asked for. None
    unless both were audited at their preset's settings.
    """
    pair, samples = nearness_labels(comparison.group), comparison.samples
    if samples is None or len(pair) < 2 or any(samples.of(label, HELD_OUT).empty for label in pair):
        return None
    ours, theirs = pair
    held_out, ends, words = samples.rows[samples.rows["part"] == HELD_OUT], [], []
    for metric in FIDELITY:
        found = Differences(Cells.of(held_out, metric, pair)).interval(ours, theirs)
        words.append(f"{MEASURES[metric]} {found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")
        ends.append((-found.high, -found.low) if metric in ERRORS else (found.low, found.high))
    if not np.isfinite(ends).all():
        return None
    text = f"{ours} minus {theirs} on {found.n} held-out cases: {', '.join(words)}"
    if all(low > 0 for low, _ in ends):
        return HOLDS, text
    return (FAILS if any(high < 0 for _, high in ends) else OPEN), text


def ratio_plateau(curve: Curve) -> Outcome | None:
    """n = 10 gains over n = 0, and every larger n lies within the margin of it."""
    zero, ten = curve.at(0), curve.at(10)
    above = [point for point in curve.points if point.value > 10]
    if zero is None or ten is None or len(above) < 2:
        return None
    rise = curve.difference(ten, zero)
    text = f"n = 10 minus n = 0: {_text(rise)}"
    if rise.high <= 0:
        return FAILS, f"{text}: no gain to level off"
    outcome, flat = _flat([(point, partial(curve.difference, point, ten)) for point in above])
    if outcome == HOLDS and rise.low <= 0:
        outcome = OPEN
    return outcome, f"{text}; n > 10 against 10: {flat}"


def alpha_plateau(curve: Curve) -> Outcome | None:
    """Every alpha from 0.2 to 0.8 lies within the margin of their mean."""
    inside = [point for point in curve.points if 0.2 <= point.value <= 0.8]
    if len(inside) < 3 or curve.at(0.2) is None or curve.at(0.8) is None:
        return None
    outcome, flat = _flat([(point, partial(curve.from_mean_of, point, inside)) for point in inside])
    return outcome, f"alpha 0.2 to 0.8 against their mean: {flat}"


def middle_patch(curve: Curve) -> Outcome | None:
    """The best of the middle sizes against single pixels and against whole images."""
    smallest, largest = curve.at(1), curve.at(curve.summary.group.spec.preset.size)
    middle = [point for point in curve.points if point not in (smallest, largest)]
    if smallest is None or largest is None or not middle:
        return None
    top = max(middle, key=lambda point: point.dice.mean)
    edges = [curve.difference(top, edge) for edge in (smallest, largest)]
    text = (
        f"patch {top.value} px minus 1 px: {_text(edges[0])}; minus {largest.value:g} px"
        f" (whole): {_text(edges[1])}"
    )
    if all(edge.low > 0 for edge in edges):
        return HOLDS, text
    equal = any(_within(curve.difference(top, edge, 1 - 2 * ALPHA)) for edge in (smallest, largest))
    return (FAILS if equal or any(edge.high < 0 for edge in edges) else OPEN), text


def architectures(family: Family) -> Outcome | None:
    """The gain of each of the five networks of Fig. 7."""
    members = {member.value: member for member in family.members if member.value in FIVE_NETWORKS}
    if set(members) != set(FIVE_NETWORKS):
        return None
    text = "; ".join(f"{name} {_text(members[name].gain)}" for name in FIVE_NETWORKS)
    gains = [member.gain for member in members.values()]
    if all(one.low > 0 for one in gains):
        return HOLDS, text
    return (FAILS if any(one.high <= 0 for one in gains) else OPEN), text


BY_ROW: dict[str, Callable[[Comparison, str], Outcome | None]] = {
    "gain": gain,
    "best": best,
    "smaller_sd": smaller_sd,
    "no_better_than_single": no_better_than_single,
    "nearer_images": nearer_images,
}
ON_SAMPLES = ("nearer_images",)  # these read audits of synthetic images, the others scores of cases
BY_CURVE: dict[str, tuple[str, Callable[[Curve], Outcome | None]]] = {
    "ratio_plateau": ("ratio", ratio_plateau),
    "alpha_plateau": ("alpha", alpha_plateau),
    "middle_patch": ("patch_size", middle_patch),
}
BY_FAMILY = {"architectures": ("architecture", architectures)}


def label_of(summary: Summary, name: str) -> str | None:
    """The group's scored method that the paper calls `name`."""
    return _table_rows(summary).get(name)


def nearness_labels(group: Group) -> tuple[str, ...]:
    """Labels of the paper's method and of its rival at their preset's settings, those that were
    run."""
    found = (usual_runs(group, name) for name in (PAPERS_METHOD, PAPERS_RIVAL))
    return tuple(runs.label for runs in found if runs)


def _table_rows(summary: Summary) -> dict[str, str]:
    """The paper's names of the group's scored methods -> their labels here."""
    rows = summary.group.paper_rows
    return {name: label for name, label in rows.items() if label in summary.labels}


def _highest(summary: Summary, labels: Sequence[str]) -> str:
    return max(labels, key=lambda label: np.nanmean(summary.dice.cells.case_means(label)))


def _flat(points: list[tuple[Point, Callable[[float], Interval]]]) -> Outcome:
    """Whether all differences lie within the margin; one that lies wholly outside it refutes it.

    points: each with its difference as a function of the interval's level.
    """
    outer = [(point, difference(0.95)) for point, difference in points]
    text = ", ".join(f"{point.value:g}: {_text(found)}" for point, found in outer)
    if any(found.low > MARGIN or found.high < -MARGIN for _, found in outer):
        return FAILS, text
    flat = all(_within(difference(1 - 2 * ALPHA)) for _, difference in points)
    return (HOLDS if flat else OPEN), text


def _within(found: Interval) -> bool:
    return max(-found.low, found.high) < MARGIN


def _text(found: Interval, scale: float = 100, unit: str = "") -> str:
    return with_interval(found.mean, found.low, found.high, scale, unit)
