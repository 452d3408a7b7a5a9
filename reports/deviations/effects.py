"""How far each deviation of the release, alone, moves the gain of a method over none.

An effect is the gain under the deviation minus the gain under `rigorous`, on the same folds, seeds
and cases, so what makes a case hard or a training lucky cancels. Deviations that only score in
another way leave the trainings as they are: their interval is over cases alone. Where a deviation
tests other cases in a fold (`folds`), nothing can be paired: the two gains' errors add up. Gains
are means over cases under every protocol, so `aggregate` changes nothing here.

Every deviation of one method is one family of tests, corrected by Holm's method; none has a verdict
below all folds and two seeds. The effects share the gain under rigorous and so its error: they are
never added up. Not here: joining the groups (comparison/setting_curves.py), words
and figures (sentences.py, figures/deviations.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from benchmark.record.record import Record
from benchmark.spec.method import MethodSpec
from benchmark.spec.protocol import Protocol, differences
from reports.comparison.groups import MethodRuns
from reports.comparison.setting_curves import Family, Member, audit_family
from reports.comparison.study import Study
from reports.comparison.summaries import Summary
from reports.statistics.case_grid import Cells
from reports.statistics.differences import Difference, Differences
from reports.statistics.paired import ALPHA, holm
from reports.statistics.verdicts import LEAST_SEEDS, too_few

TRAINING_STAGE = "fit-segmenter"
ROUNDING = 1e-12  # of sums of the same numbers
NO_CHANGE = "changes nothing"
RAISES, LOWERS, OPEN = "raises the gain", "lowers the gain", "no clear difference"


@dataclass(frozen=True)
class Effect:
    """What one deviation, alone or all of them together, does to a gain.

    step: its switch and value, or "released". gain: of the method over none under it.
    moved: its gain minus that under rigorous. same_trainings: the networks are those of rigorous.
    """

    step: str
    protocol: Protocol
    gain: Difference
    moved: Difference
    same_trainings: bool


@dataclass(frozen=True, eq=False)
class Effects:
    """All effects on the gain of one method.

    family: groups that differ in their protocol alone. gain: under rigorous. alone: one effect for
    each deviation, in the order of the protocol's switches. together: of `released`, None where it
    was not run.
    """

    family: Family
    label: str
    method: MethodSpec
    n_folds: int
    gain: Difference
    alone: tuple[Effect, ...]
    together: Effect | None

    @property
    def all(self) -> tuple[Effect, ...]:
        """The deviations alone, then all of them."""
        return (*self.alone, *([self.together] if self.together else []))

    @cached_property
    def p_holm(self) -> dict[str, float]:
        """The corrected p of every step that has enough runs."""
        tested = [effect for effect in self.all if self.enough(effect)]
        found = holm(np.array([effect.moved.p for effect in tested]))
        return {effect.step: float(p) for effect, p in zip(tested, found, strict=True)}

    def enough(self, effect: Effect) -> bool:
        """Whether an effect has the runs that a verdict needs."""
        moved = effect.moved
        return (
            moved.folds >= self.n_folds
            and moved.least_seeds >= LEAST_SEEDS
            and bool(np.isfinite(moved.error))
        )

    def verdict(self, effect: Effect) -> str:
        """'raises the gain', 'lowers the gain', 'no clear difference', 'changes nothing', or 'too
        few runs (3 folds, 1 seed)'."""
        moved = abs(effect.moved.mean), abs(effect.moved.error)
        if effect.same_trainings and max(moved) < ROUNDING:
            return NO_CHANGE
        if not self.enough(effect):
            return too_few(effect.moved)
        if self.p_holm[effect.step] >= ALPHA:
            return OPEN
        return RAISES if effect.moved.mean > 0 else LOWERS


def deviation_effects(study: Study) -> list[Effects]:
    """For every audited family of groups, the effects on each method that rigorous and a deviation
    both have, with `none` beside it."""
    found: list[Effects] = []
    for family in study.families["protocol"]:
        audited = audit_family(family)
        if audited:
            found += _of_family(audited)
    return found


def _of_family(family: Family) -> Iterable[Effects]:
    rigorous = family.members[0]
    gains = _Gains(family.members)
    for runs in rigorous.summary.group.methods:
        if runs.label == rigorous.summary.none_label or runs.label not in rigorous.summary.labels:
            continue
        effects = [
            _effect(gains, runs, rigorous, member)
            for member in family.members[1:]
            if _runs_of(member.summary, runs.method) is not None
        ]
        known = [effect for effect in effects if effect.moved.n]
        if known:
            released = [effect for effect in known if not differences(effect.protocol, "released")]
            yield Effects(
                family,
                runs.label,
                runs.method,
                rigorous.summary.group.spec.preset.n_folds,
                gains.gain(rigorous, runs.method),
                tuple(effect for effect in known if effect not in released),
                released[0] if released else None,
            )


def _effect(gains: "_Gains", runs: MethodRuns, rigorous: Member, member: Member) -> Effect:
    same = _same_trainings(rigorous, member, runs.method)
    moved = gains.moved(member, rigorous, runs.method)
    if same and moved.n:
        units = len(np.unique(gains.differences(rigorous).cells.units))
        moved = replace(moved, error=moved.case_error, degrees=units - moved.folds)
    return Effect(
        str(member.value),
        member.summary.group.spec.protocol,
        gains.gain(member, runs.method),
        moved,
        same,
    )


class _Gains:
    """The gains under every protocol of a family. Protocols that test the same cases in each fold
    share one array of cells, and with it the variance of their trainings."""

    def __init__(self, members: Sequence[Member]):
        self._by_folds: dict[tuple, Differences] = {}
        self._folds = {id(member): _fold_of_cases(member.summary) for member in members}
        for folds in set(self._folds.values()):
            alike = [member for member in members if self._folds[id(member)] == folds]
            rows = pd.concat([_rows(member) for member in alike], ignore_index=True)
            labels = list(dict.fromkeys(rows["method"]))
            self._by_folds[folds] = Differences(Cells.of(rows, "dice", labels))

    def differences(self, member: Member) -> Differences:
        return self._by_folds[self._folds[id(member)]]

    def gain(self, member: Member, method: MethodSpec) -> Difference:
        return self.differences(member).contrast(_weights(member, method, 1.0))

    def moved(self, member: Member, rigorous: Member, method: MethodSpec) -> Difference:
        """The gain under `member` minus that under rigorous."""
        if self._folds[id(member)] == self._folds[id(rigorous)]:
            weights = _weights(member, method, 1.0) | _weights(rigorous, method, -1.0)
            return self.differences(member).contrast(weights)
        return _unpaired(self.gain(member, method), self.gain(rigorous, method))


def _weights(member: Member, method: MethodSpec, sign: float) -> dict[str, float]:
    ours, none = (_runs_of(member.summary, one) for one in (method, None))
    if ours is None or none is None:
        raise ValueError("a gain needs the method and none")
    return {_name(member, ours): sign, _name(member, none): -sign}


def _runs_of(summary: Summary, method: MethodSpec | None) -> MethodRuns | None:
    """The scored runs of a method, of `none` where it is None."""
    scored = (runs for runs in summary.group.methods if runs.label in summary.labels)
    if method is None:
        return next((runs for runs in scored if runs.label == summary.none_label), None)
    name, identity = method.name, method.identity
    alike = (runs for runs in scored if runs.method.name == name)
    return next((runs for runs in alike if runs.method.identity == identity), None)


def _name(member: Member, runs: MethodRuns) -> str:
    return f"{member.value}: {runs.label}"


def _rows(member: Member) -> pd.DataFrame:
    names = {
        runs.label: _name(member, runs)
        for runs in member.summary.group.methods
        if runs.label in member.summary.labels
    }
    rows = member.summary.cases
    return rows.assign(method=rows["method"].map(names))


def _fold_of_cases(summary: Summary) -> tuple:
    return tuple(sorted(set(zip(summary.cases["fold"], summary.cases["case"], strict=True))))


def _unpaired(gain: Difference, other: Difference) -> Difference:
    """gain - other of two sets of cases, their errors taken as independent; degrees of freedom are
    Satterthwaite's."""
    squares = np.array([gain.error**2, other.error**2])
    spread = float((squares**2 / np.array([gain.degrees, other.degrees])).sum())
    total = float(squares.sum())
    return replace(
        gain,
        n=min(gain.n, other.n),
        mean=gain.mean - other.mean,
        error=float(np.sqrt(total)),
        degrees=total**2 / spread if spread else float("inf"),
        case_error=float(np.hypot(gain.case_error, other.case_error)),
        folds=min(gain.folds, other.folds),
        least_seeds=min(gain.least_seeds, other.least_seeds),
        paired=False,
    )


def _same_trainings(rigorous: Member, member: Member, method: MethodSpec) -> bool:
    """Whether method and none have the networks of rigorous under another protocol, in the folds
    and seeds that both have."""
    pairs = [
        [_done(one.summary, wanted) for one in (rigorous, member)] for wanted in (method, None)
    ]
    shared = set.intersection(*(set(runs) for pair in pairs for runs in pair))
    return bool(shared) and all(
        _same_training(before[run], after[run]) for before, after in pairs for run in shared
    )


def _same_training(one: Record, other: Record) -> bool:
    """Whether two runs have one training, or two under other rules that end with the same Dice in
    every case, as they do where a rule does not touch these images (slices without foreground, of
    images that all have some)."""

    def training(record: Record) -> list[str]:
        return [stage.key for stage in record.stages if stage.stage == TRAINING_STAGE]

    def dice(record: Record) -> list[tuple[str, float | None]]:
        return [(row.case, row.dice) for row in record.cases]

    return training(one) == training(other) or dice(one) == dice(other)


def _done(summary: Summary, method: MethodSpec | None) -> dict[tuple[int, int], Record]:
    """(fold, seed) -> record."""
    runs = _runs_of(summary, method)
    return {(record.spec.fold, record.spec.seed): record for record in (runs.done if runs else ())}
