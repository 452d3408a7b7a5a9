"""Runs that differ in one setting only, joined: ratio, alpha, patch size, network, training share,
protocol.

Ratio, alpha and patch size are settings of a method, so their runs lie in one group. Network,
training share and protocol part groups; groups are joined here exactly if all else agrees. Not
here: drawing.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.core.identity import canonical, digest
from benchmark.spec.method import Look
from benchmark.spec.protocol import Protocol, differences, nearest_protocol
from benchmark.spec.run import RunSpec
from reports.comparison.groups import Group, MethodRuns, shared_parts
from reports.comparison.labels import plain_value
from reports.comparison.paper_numbers import PAPERS_METHOD
from reports.comparison.ranked_settings import main_methods
from reports.comparison.summaries import Summary
from reports.statistics.differences import Difference, Interval

SETTINGS = ("ratio", "alpha", "patch_size")
FIELDS = ("architecture", "training_share", "protocol")
LEAST_POINTS = 3


@dataclass(frozen=True)
class Point:
    """A value of the swept setting. `gain`: Dice minus that of `none`; None where the group has no
    none."""

    value: float
    label: str
    dice: Interval
    gain: Interval | None


@dataclass(frozen=True)
class Curve:
    """The paper's method over one of its settings, ascending; all else, and `usual`, as in its
    main setting (ranked_settings.py)."""

    summary: Summary
    setting: str
    usual: float
    points: tuple[Point, ...]
    none: Interval | None
    look: Look

    def at(self, value: float) -> Point | None:
        return next((point for point in self.points if point.value == value), None)

    def from_mean_of(self, point: Point, others: Sequence[Point]) -> Difference:
        """Dice at a point minus the mean Dice of several points, over the cases that all have."""
        weights = {other.label: -1 / len(others) for other in others}
        weights[point.label] = weights.get(point.label, 0.0) + 1
        return self.summary.dice.contrast(weights)


@dataclass(frozen=True)
class Member:
    """One group of a family: the value it differs in, Dice of `none` and of the paper's method
    there, their difference, and the name and look of that method."""

    summary: Summary
    value: str | float
    none: Interval
    ours: Interval
    gain: Interval
    name: str
    look: Look


@dataclass(frozen=True)
class Family:
    """Groups that agree in all but one field of the run."""

    field: str
    spec: RunSpec
    members: tuple[Member, ...]


def mean_interval(summary: Summary, label: str) -> Interval:
    """Mean Dice of a method with its interval over trainings and cases."""
    return summary.dice.runs(label).interval()


def curves(summary: Summary) -> list[Curve]:
    """The curves of a group that have at least three points."""
    found = (_curve(summary, setting) for setting in SETTINGS)
    return [curve for curve in found if curve is not None]


@functools.lru_cache(64)
def main_ours(group: Group) -> MethodRuns | None:
    """The paper's method at its main setting, without a transform, its samples merged; of several
    generators the one of most settings, then of most runs, then the one nearest to the preset's."""
    runs = [
        runs
        for runs in group.methods
        if runs.method.name == PAPERS_METHOD
        and runs.method.transform is None
        and not runs.method.joins_otherwise
    ]
    if not runs:
        return None
    counts = Counter(canonical(one.method.generator) for one in runs)
    mine = set(map(id, runs))
    usual = [one for one in main_methods(group) if id(one) in mine]

    def weight(one: MethodRuns) -> tuple[int, int, int]:
        settings = counts[canonical(one.method.generator)]
        return settings, len(one.done), -len(one.changed_generator)

    return max(usual, key=weight)


def families(summaries: Sequence[Summary], field: str) -> list[Family]:
    """Groups joined over `architecture`, `training_share` or `protocol`: families of at least two
    members."""
    joined: dict[str, list[Member]] = defaultdict(list)
    for summary in summaries:
        member = _member(summary, field)
        if member is not None:
            joined[_key_without(summary.group.spec, field)].append(member)
    order = _ORDER[field]
    return [
        Family(field, members[0].summary.group.spec, tuple(sorted(members, key=order)))
        for members in joined.values()
        if len(members) > 1
    ]


def audit_family(family: Family) -> Family | None:
    """The members of a protocol family that are `rigorous`, one quirk from it, or `released`; None
    without rigorous."""
    kept = tuple(member for member in family.members if _audit_steps(member) is not None)
    if len(kept) < 2 or "rigorous" not in [member.value for member in kept]:
        return None
    return Family(family.field, family.spec, kept)


def _curve(summary: Summary, setting: str) -> Curve | None:
    usual = main_ours(summary.group)
    if usual is None:
        return None
    others = [
        name for name in (*SETTINGS, "generator", "transform", "name", "joins") if name != setting
    ]
    alike = [
        runs
        for runs in summary.group.methods
        if runs.label in summary.labels
        and all(getattr(runs.method, name) == getattr(usual.method, name) for name in others)
    ]
    if len(alike) < LEAST_POINTS:
        return None
    base = summary.none_label
    points = [
        Point(
            getattr(runs.method, setting),
            runs.label,
            mean_interval(summary, runs.label),
            summary.dice.interval(runs.label, base) if base else None,
        )
        for runs in alike
    ]
    ordered = tuple(sorted(points, key=lambda point: point.value))
    none = mean_interval(summary, base) if base else None
    value = getattr(usual.method, setting)
    return Curve(summary, setting, value, ordered, none, usual.method.look)


def _member(summary: Summary, field: str) -> Member | None:
    base, ours = summary.none_label, main_ours(summary.group)
    if base is None or ours is None or ours.label not in summary.labels:
        return None
    gain = summary.dice.interval(ours.label, base)
    if not gain.n:
        return None
    value = _VALUE[field](summary.group.spec)
    return Member(
        summary,
        value,
        mean_interval(summary, base),
        mean_interval(summary, ours.label),
        gain,
        ours.method.label,
        ours.method.look,
    )


def _key_without(spec: RunSpec, field: str) -> str:
    return digest({name: part for name, part in shared_parts(spec).items() if name != field})


def protocol_step(protocol: Protocol) -> str:
    """'rigorous', 'selection = test', 'released': the shortest name of a protocol."""
    base, changed = nearest_protocol(protocol)
    if not changed:
        return base
    from_rigorous = differences(protocol)
    if "resize_z" in from_rigorous and set(from_rigorous) == {"resize_z", "slices"}:
        return "resize_z = true, slices = foreground"
    return ", ".join(f"{name} = {plain_value(value)}" for name, value in from_rigorous.items())


def _audit_steps(member: Member) -> int | None:
    """0 for rigorous, 1 for a step away from it, 2 for released; None for any other protocol."""
    protocol = member.summary.group.spec.protocol
    if not differences(protocol):
        return 0
    if not differences(protocol, "released"):
        return 2
    changed = set(differences(protocol))
    return 1 if len(changed) == 1 or changed == {"resize_z", "slices"} else None


_VALUE: dict[str, Callable[[RunSpec], str | float]] = {
    "architecture": lambda spec: spec.architecture,
    "training_share": lambda spec: spec.training_share,
    "protocol": lambda spec: protocol_step(spec.protocol),
}
# the order of Fig. 7
_ARCHITECTURES = ("unet", "resunet", "resnet50-unet", "attention-unet", "swin-unetr")


def _architecture_order(member: Member) -> tuple:
    name = member.summary.group.spec.architecture
    return (_ARCHITECTURES.index(name) if name in _ARCHITECTURES else len(_ARCHITECTURES), name)


def _protocol_order(member: Member) -> tuple:
    fields = list(Protocol.model_fields)
    changed = differences(member.summary.group.spec.protocol)
    step = _audit_steps(member)
    return (3 if step is None else step, [fields.index(name) for name in changed])


_ORDER: dict[str, Callable[[Member], tuple]] = {
    "architecture": _architecture_order,
    "training_share": lambda member: (member.summary.group.spec.training_share,),
    "protocol": _protocol_order,
}
