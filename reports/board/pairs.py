"""The three pairs of methods that the question turns on, in the comparisons that stand for a study.

    stack     the best classic method against no augmentation
    alone     the paper's method against no augmentation
    joined    the paper's method on top of a classic transform against that transform alone

Every verdict is that of the comparison's own tests. Not here: the answer in words (answer.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.core.identity import canonical
from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from datasets.tasks.catalogue import TASKS
from reports.comparison.groups import Group, MethodRuns, shared_parts
from reports.comparison.inference import Inference
from reports.comparison.paper_numbers import PAPER_ARCHITECTURE, PAPERS_METHOD
from reports.comparison.ranked_settings import main_methods
from reports.comparison.setting_curves import main_ours
from reports.comparison.study import Comparison, Study
from reports.statistics.differences import Difference, Interval
from reports.statistics.paired import ALPHA
from reports.statistics.verdicts import FEW, too_few

KINDS = ("stack", "alone", "joined")


@dataclass(frozen=True)
class Pair:
    """Method a minus method b in one comparison.

    Args:
        a, b: labels of the methods.
        verdict: what a is beside b, one of the words of statistics/verdicts.py.
        difference: in Dice, a fraction of 1.
        detectable: the smallest true difference that these runs find in 80 % of repetitions,
            corrected for all pairs; nan where it is not known.
        factor: the seconds per run of a over those of b; None where they do not compare.
    """

    comparison: Comparison
    a: str
    b: str
    verdict: str
    difference: Difference
    detectable: float
    factor: float | None

    @property
    def interval(self) -> Interval:
        """The difference in points with its 95 % interval."""
        return self.difference.interval().scaled(100)

    @property
    def few(self) -> str:
        """'too few runs (3 folds, 1 seed)' where no verdict is possible, else ''."""
        return too_few(self.difference) if self.verdict == FEW else ""

    @property
    def place(self) -> str:
        """The name of the data set: 'prostate'."""
        return self.comparison.group.spec.dataset


def leading(study: Study) -> list[Comparison]:
    """One comparison per dataset and source, in the order of the report: the one that its
    leaderboard opens with. Real images alone where there are any."""
    found: dict[tuple[str, str], list[Comparison]] = {}
    real = [one for one in study.comparisons if not one.group.spec.source.synthetic]
    for one in real or study.comparisons:
        found.setdefault(board_key(one.group), []).append(one)
    return [min(some, key=lambda one: opening_order(one.group)) for some in found.values()]


def board_key(group: Group) -> tuple[str, str]:
    """What comparisons of one leaderboard share: dataset and source."""
    return group.spec.dataset, canonical(shared_parts(group.spec)["source"])


def opening_order(group: Group) -> tuple:
    """Sort key of the comparisons of a leaderboard: most methods first, then rigorous, the paper's
    network, all training cases."""
    spec = group.spec
    protocol, switches = nearest_protocol(spec.protocol)
    return (
        -len(group.methods),
        len(switches),
        PROTOCOL_NAMES.index(protocol),
        spec.architecture != PAPER_ARCHITECTURE,
        -spec.training_share,
        group.id,
    )


def pairs_of(comparison: Comparison) -> dict[str, Pair]:
    """The pairs of KINDS that the comparison has runs for."""
    inference, group = comparison.inference, comparison.group
    if inference is None:
        return {}
    base, ours, best = group.none_label, main_ours(group), inference.best_classic
    wanted = {
        "stack": (best, base),
        "alone": (ours.label if ours else None, base),
        "joined": _joined(group, inference, best),
    }
    found = {}
    for kind, (a, b) in wanted.items():
        pair = _pair(comparison, inference, a, b)
        if pair is not None:
            found[kind] = pair
    return found


def _joined(group: Group, inference: Inference, best: str | None) -> tuple[str | None, str | None]:
    """(the paper's method with a transform, that transform alone): the best classic one if it is
    there, else that with most runs."""
    classic = {
        runs.method.transform: runs.label
        for runs in group.methods
        if runs.method.name == "classic"
        and not runs.method.further_epochs
        and runs.label in inference.labels
    }
    with_one = [
        runs
        for runs in main_methods(group)
        if runs.method.name == PAPERS_METHOD
        and runs.method.transform in classic
        and not runs.method.joins_otherwise
    ]

    def weight(runs: MethodRuns) -> tuple[bool, int]:
        return classic[runs.method.transform] == best, len(runs.done)

    if not with_one:
        return None, None
    chosen = max(with_one, key=weight)
    return chosen.label, classic[chosen.method.transform]


def _pair(
    comparison: Comparison, inference: Inference, a: str | None, b: str | None
) -> Pair | None:
    if a is None or b is None or a == b or not {a, b} <= set(inference.labels):
        return None
    found = comparison.summary.dice.of(a, b)
    if not found.n:
        return None
    verdicts, times = inference.verdicts, comparison.times
    alpha = ALPHA / max(verdicts.tests, 1)
    over, under = (times.get(label) for label in (a, b))
    factor = None
    if over and under and over.machine == under.machine and under.seconds > 0 and not under.busy:
        factor = over.seconds / under.seconds
    return Pair(comparison, a, b, verdicts.of(a, b), found, found.detectable(alpha), factor)


def margin_points(pair: Pair) -> float:
    """Two methods of a pair are equal if their Dice differs by less, points."""
    return TASKS.of_results(pair.place).margin_points


def all_pairs(comparisons: Sequence[Comparison]) -> list[dict[str, Pair]]:
    """The pairs of each comparison."""
    return [pairs_of(one) for one in comparisons]
