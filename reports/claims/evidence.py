"""What the records of a comparison say of a claim: the rows it rests on, their differences, and the
outcome of its rule. None where the rows that it needs were not run.

Not here: the rules (rules.py), whether an outcome is a verdict (claims.py).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.record.samples import HELD_OUT
from reports.claims import rules
from reports.claims.printed import PrintedGain, case_correlation, printed_gain
from reports.comparison.format import p_equation, with_interval
from reports.comparison.groups import Group
from reports.comparison.labels import generator_apart
from reports.comparison.paper_files import DIFFBOOST
from reports.comparison.paper_numbers import PAPERS_METHOD, PAPERS_RIVAL
from reports.comparison.sample_numbers import ERRORS, FIDELITY, MEASURES, usual_runs
from reports.comparison.setting_curves import Curve, Family, main_ours
from reports.comparison.study import Comparison
from reports.comparison.summaries import Summary
from reports.statistics.case_grid import Cells, seed_means
from reports.statistics.differences import Difference, Differences
from reports.statistics.paired import spread_ratio

SINGLE_TRANSFORMS = 8
FIVE_NETWORKS = ("unet", "resunet", "resnet50-unet", "attention-unet", "swin-unetr")
Labels = frozenset[str]


@dataclass(frozen=True)
class Evidence:
    """outcome: of the rule. text: its numbers in a sentence. labels: the rows that it rests on.
    folds, seeds: the fewest that any of its differences has."""

    outcome: str
    text: str
    labels: Labels
    folds: int
    seeds: int


def gain(comparison: Comparison, name: str, as_printed: bool) -> Evidence | None:
    """A row's gain over `none`."""
    summary = comparison.summary
    label, base = table_rows(summary, as_printed).get(name), summary.none_label
    if label is None or base is None:
        return None
    values = [summary.dice.cells.of_method(one) for one in (label, base)]
    printed = printed_gain(
        summary.group.spec.dataset,
        name,
        correlation=case_correlation(*values),
        training=summary.dice.paired_variance.value,
        folds=summary.group.spec.preset.n_folds,
    )
    found = summary.dice.of(label, base)
    if printed is None or not printed.gain or not _known(found):
        return None
    rule = rules.gain_as_printed if as_printed else rules.gain_elsewhere
    text = f"gain {_text(found)} points; printed {_printed_text(printed)}"
    return _evidence(rule(found, printed), text, {label, base}, [found])


def best(comparison: Comparison, name: str, as_printed: bool) -> Evidence | None:
    """A row of Table II against the ten others; None unless all eleven are there."""
    summary = comparison.summary
    rows = table_rows(summary, as_printed)
    if len(rows) < SINGLE_TRANSFORMS + 3 or name not in rows:
        return None
    label = rows.pop(name)
    found = {other: summary.dice.of(label, other) for other in rows.values()}
    if not _known(*found.values()):
        return None
    outcome = rules.best(list(found.values()))
    text = _against_best(label, found, "other rows")
    return _evidence(outcome, text, {label, *found}, found.values())


def no_better_than_single(comparison: Comparison, name: str, as_printed: bool) -> Evidence | None:
    """DeepStack against the single transforms; None where the protocol drops it, or a transform is
    missing."""
    summary = comparison.summary
    rows = table_rows(summary, as_printed)
    singles = [label for row, label in rows.items() if row.startswith("Random")]
    dropped = summary.group.spec.protocol.deepstack == "dropped"
    if dropped or name not in rows or len(singles) < SINGLE_TRANSFORMS:
        return None
    label = rows[name]
    found = {other: summary.dice.of(label, other) for other in singles}
    if not _known(*found.values()):
        return None
    outcome = rules.no_better(list(found.values()))
    text = _against_best(label, found, "single transforms")
    return _evidence(outcome, text, {label, *found}, found.values())


def smaller_sd(comparison: Comparison, name: str, as_printed: bool) -> Evidence | None:
    """SD over cases against that of `none`, over the seeds that both ran: averaging over seeds
    shrinks an SD, so both must be averaged over as many."""
    summary = comparison.summary
    label, base = table_rows(summary, as_printed).get(name), summary.none_label
    if label is None or base is None:
        return None
    values = np.stack([summary.dice.cells.of_method(one) for one in (label, base)])
    values[:, ~np.isfinite(values).all(0)] = np.nan
    pairs = np.stack([seed_means(one) for one in values])
    ratio, p_value = spread_ratio(*pairs[:, np.isfinite(pairs).all(0)])
    found = summary.dice.of(label, base)
    if not np.isfinite(p_value) or not found.paired:
        return None
    text = f"SD over cases {ratio:.2f} times that of none ({p_equation(p_value)})"
    return _evidence(rules.smaller_spread(ratio, p_value), text, {label, base}, [found])


def nearer_images(comparison: Comparison, name: str, as_printed: bool) -> Evidence | None:
    """The five measures of Table I, the paper's method minus its rival, by case, on samples made
    from held-out cases; None unless both were audited at their preset's settings."""
    pair, samples = nearness_labels(comparison.group), comparison.samples
    if samples is None or len(pair) < 2 or any(samples.of(one, HELD_OUT).empty for one in pair):
        return None
    ours, theirs = pair
    held_out = samples.rows[samples.rows["part"] == HELD_OUT]
    nearer, words = [], []
    for metric in FIDELITY:
        differences = Differences(Cells.of(held_out, metric, pair))
        found = differences.of(ours, theirs)
        words.append(f"{MEASURES[metric]} {_text(found, 1, 3)}")
        nearer.append(differences.of(theirs, ours) if metric in ERRORS else found)
    if not _known(*nearer):
        return None
    text = (
        f"{_short(ours)} minus {_short(theirs)} on {nearer[0].n} held-out cases: {', '.join(words)}"
    )
    return _evidence(rules.nearer(nearer), text, pair, nearer)


def ratio_plateau(curve: Curve) -> Evidence | None:
    """n = 10 against n = 0, and all larger n together against n = 10."""
    zero, ten = curve.at(0), curve.at(10)
    above = [point for point in curve.points if point.value > 10]
    if zero is None or ten is None or len(above) < 2:
        return None
    differences = curve.summary.dice
    rise = differences.of(ten.label, zero.label)
    mean = {point.label: 1 / len(above) for point in above}
    beyond = differences.contrast(mean | {ten.label: -1.0})
    region = _region(curve)
    if not _known(rise, beyond):
        return None
    values = ", ".join(f"{point.value:g}" for point in above)
    text = (
        f"n = 10 minus n = 0: {_text(rise)}; mean of n = {values} minus n = 10: {_text(beyond)}"
        + _region_text(region, [beyond])
    )
    labels = {point.label for point in (zero, ten, *above)}
    return _evidence(rules.levels_off(rise, beyond, region), text, labels, [rise, beyond])


def alpha_plateau(curve: Curve) -> Evidence | None:
    """Every alpha from 0.2 to 0.8 against their mean."""
    inside = [point for point in curve.points if 0.2 <= point.value <= 0.8]
    if len(inside) < 3 or curve.at(0.2) is None or curve.at(0.8) is None:
        return None
    found = {point.value: curve.from_mean_of(point, inside) for point in inside}
    region = _region(curve)
    if not _known(*found.values()):
        return None
    words = ", ".join(f"{value:g}: {_text(one)}" for value, one in found.items())
    outcome = rules.flat(list(found.values()), region)
    text = f"alpha 0.2 to 0.8 against their mean: {words}"
    text += _region_text(region, list(found.values()))
    return _evidence(outcome, text, {point.label for point in inside}, found.values())


def middle_patch(curve: Curve) -> Evidence | None:
    """The middle sizes against single pixels and against whole images."""
    smallest, largest = curve.at(1), curve.at(curve.summary.group.spec.preset.size)
    middle = [point for point in curve.points if point not in (smallest, largest)]
    if smallest is None or largest is None or not middle:
        return None
    differences = curve.summary.dice
    sizes = [
        (differences.of(one.label, smallest.label), differences.of(one.label, largest.label))
        for one in middle
    ]
    if not _known(*(one for pair in sizes for one in pair)):
        return None
    best_place = int(np.argmax([pair[0].mean for pair in sizes]))
    text = (
        f"patch {middle[best_place].value:g} px, the best of {len(middle)}, minus 1 px:"
        f" {_text(sizes[best_place][0])}; minus {largest.value:g} px (whole):"
        f" {_text(sizes[best_place][1])}"
    )
    labels = {point.label for point in curve.points}
    outcome = rules.middle_is_best(sizes)
    return _evidence(outcome, text, labels, [one for pair in sizes for one in pair])


def architectures(family: Family) -> Evidence | None:
    """The gain of each of the five networks of Fig. 7. labels: see `family_labels`."""
    members = {member.value: member for member in family.members if member.value in FIVE_NETWORKS}
    if set(members) != set(FIVE_NETWORKS):
        return None
    gains = {}
    for name in FIVE_NETWORKS:
        summary = members[name].summary
        ours = main_ours(summary.group)
        assert ours is not None and summary.none_label  # or it would be no member
        gains[name] = summary.dice.of(ours.label, summary.none_label)
    if not _known(*gains.values()):
        return None
    text = "; ".join(f"{name} {_text(found)}" for name, found in gains.items())
    return _evidence(rules.all_gain(list(gains.values())), text, (), gains.values())


BY_ROW: dict[str, Callable[[Comparison, str, bool], Evidence | None]] = {
    "gain": gain,
    "best": best,
    "smaller_sd": smaller_sd,
    "no_better_than_single": no_better_than_single,
    "nearer_images": nearer_images,
}
ON_SAMPLES = ("nearer_images",)  # these read audits of synthetic images, the others scores of cases
BY_CURVE: dict[str, tuple[str, Callable[[Curve], Evidence | None]]] = {
    "ratio_plateau": ("ratio", ratio_plateau),
    "alpha_plateau": ("alpha", alpha_plateau),
    "middle_patch": ("patch_size", middle_patch),
}
BY_FAMILY: dict[str, tuple[str, Callable[[Family], Evidence | None]]] = {
    "architectures": ("architecture", architectures)
}
# The rules of rules.py in words, by the name that claims.yaml has.
RULES: dict[str, tuple[Callable, ...]] = {
    "gain": (rules.gain_as_printed, rules.gain_elsewhere),
    "best": (rules.best,),
    "smaller_sd": (rules.smaller_spread,),
    "no_better_than_single": (rules.no_better,),
    "nearer_images": (rules.nearer,),
    "ratio_plateau": (rules.levels_off,),
    "alpha_plateau": (rules.flat,),
    "middle_patch": (rules.middle_is_best,),
    "architectures": (rules.all_gain,),
}


def table_rows(summary: Summary, as_printed: bool) -> dict[str, str]:
    """The paper's names of the group's scored methods -> their labels here.

    as_printed: the paper's method at its preset's settings; else at the settings that most runs
    have.
    """
    rows, ours = dict(summary.group.paper_rows), main_ours(summary.group)
    if ours and not as_printed:
        rows[DIFFBOOST] = ours.label
    return {name: label for name, label in rows.items() if label in summary.labels}


def nearness_labels(group: Group) -> tuple[str, ...]:
    """Labels of the paper's method and of its rival at their preset's settings, those that were
    run."""
    found = (usual_runs(group, name) for name in (PAPERS_METHOD, PAPERS_RIVAL))
    return tuple(runs.label for runs in found if runs)


def _evidence(
    outcome: str, text: str, labels: Iterable[str], differences: Iterable[Difference]
) -> Evidence:
    found = list(differences)
    folds, seeds = min(one.folds for one in found), min(one.least_seeds for one in found)
    return Evidence(outcome, text, frozenset(labels), folds, seeds)


def _against_best(label: str, found: dict[str, Difference], which: str) -> str:
    """'emitdiff (from scratch) minus classic scale, the best of 10 other rows: +1.2 [...]'."""
    other, nearest = min(found.items(), key=lambda pair: pair[1].mean)
    head = f"{_short(label)} minus {_short(other)}, the best of {len(found)} {which}"
    return f"{head}: {_text(nearest)}"


def _short(label: str) -> str:
    """The label without the generator's settings, which the page of the comparison names."""
    return generator_apart(label)[0]


def _known(*found: Difference) -> bool:
    """Whether every difference has an error, so that an interval can be drawn."""
    return all(np.isfinite(one.error) for one in found)


def _region(curve: Curve) -> float:
    """Half of the printed gain: a change that is smaller hardly matters beside the gain itself."""
    printed = printed_gain(curve.summary.group.spec.dataset, DIFFBOOST)
    assert printed is not None  # claims on curves are on data sets of Table II
    return printed.gain / 2


def _region_text(region: float, found: Sequence[Difference]) -> str:
    text = f"; region ± {100 * region:.1f}, half of the printed gain"
    if rules.reachable(found, region):
        return text
    seeds = min(one.least_seeds for one in found)
    return f"{text}; cannot be decided with {found[0].n} cases and {_count(seeds, 'seed')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _printed_text(printed: PrintedGain) -> str:
    return f"{100 * printed.gain:+.2f} ± {100 * printed.error:.2f} (standard error)"


def _text(found: Difference, scale: float = 100, decimals: int = 1) -> str:
    ends = found.interval()
    return with_interval(found.mean, ends.low, ends.high, scale, decimals=decimals)
