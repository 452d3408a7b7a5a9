"""One verdict for each pair of methods of a comparison, from one family of tests.

The family holds every pair of methods that ran all folds with at least two seeds. A pair is told
apart if the p of its t test is below 0.05 after Holm's correction over the family. Everything that
is said of two methods follows from that one test: better or worse, shared letters, ranks. All pairs
are corrected for, those without `none` too, because a reader may look at any of them. Not here: the
arithmetic of one pair (differences.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from reports.statistics.differences import Difference, Differences
from reports.statistics.paired import ALPHA, MARGIN, holm
from reports.statistics.ties import letters, tie_groups

BETTER, WORSE, EQUAL, OPEN = "better", "worse", "equal", "no clear difference"
FEW = "too few runs"
LEAST_SEEDS = 2


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Of the methods `labels` in a comparison of `n_folds` folds.

    margin: two methods are equal if the 90 % interval of their difference lies within it; that
    needs no correction over pairs, for it is never read from the largest of many.
    """

    differences: Differences
    labels: Sequence[str]
    n_folds: int
    margin: float = MARGIN

    def enough(self, difference: Difference) -> bool:
        """Whether a difference has the runs that a verdict needs."""
        return difference.folds >= self.n_folds and difference.least_seeds >= LEAST_SEEDS

    @cached_property
    def ranked(self) -> tuple[str, ...]:
        """The methods that have a rank: all folds with at least two seeds."""
        return tuple(label for label in self.labels if self.enough(self.differences.runs(label)))

    @cached_property
    def p_holm(self) -> dict[tuple[str, str], float]:
        """The corrected p of every pair of the family, both ways round."""
        pairs = [
            pair for pair in combinations(self.ranked, 2) if self.enough(self.differences.of(*pair))
        ]
        found = holm(np.array([self.differences.of(*pair).p for pair in pairs]))
        there = {pair: float(p) for pair, p in zip(pairs, found, strict=True) if np.isfinite(p)}
        return there | {(b, a): p for (a, b), p in there.items()}

    @property
    def tests(self) -> int:
        """How many pairs the family holds."""
        return len(self.p_holm) // 2

    def of(self, a: str, b: str) -> str:
        """What a is beside b: better, worse, equal, no clear difference, or too few runs."""
        difference = self.differences.of(a, b)
        if (a, b) not in self.p_holm:
            return FEW
        if self.p_holm[a, b] < ALPHA:
            return BETTER if difference.mean > 0 else WORSE
        return EQUAL if difference.p_equal(self.margin) < ALPHA else OPEN

    def words(self, a: str, b: str) -> str:
        """The verdict; where runs are too few with their numbers: 'too few runs (1 fold, 1
        seed)'."""
        return too_few(self.differences.of(a, b)) if self.of(a, b) == FEW else self.of(a, b)

    @cached_property
    def told_apart(self) -> np.ndarray:
        """bool (ranked, ranked)."""
        return np.array(
            [[self.p_holm.get((a, b), 1.0) < ALPHA for b in self.ranked] for a in self.ranked], bool
        ).reshape(len(self.ranked), len(self.ranked))

    def groups(self, means: Mapping[str, float]) -> list[tuple[str, ...]]:
        """Sets of ranked methods of which no pair is told apart, by their means."""
        order = np.argsort([-means[label] for label in self.ranked], kind="stable")
        found = tie_groups(self.told_apart, order)
        return [tuple(self.ranked[place] for place in group) for group in found]

    def letters(self, means: Mapping[str, float]) -> dict[str, str]:
        """The letters of every method: shared by two exactly if they are not told apart; '' for one
        that is not ranked."""
        places = {label: place for place, label in enumerate(self.ranked)}
        groups = [tuple(places[label] for label in group) for group in self.groups(means)]
        found = letters(groups, len(self.ranked))
        return dict.fromkeys(self.labels, "") | dict(zip(self.ranked, found, strict=True))

    def rank_range(self, label: str) -> tuple[int, int] | None:
        """The first and the last rank that the verdicts leave a method; None if it has none."""
        if label not in self.ranked:
            return None
        found = [self.of(label, other) for other in self.ranked if other != label]
        return 1 + found.count(WORSE), len(self.ranked) - found.count(BETTER)


def too_few(difference: Difference) -> str:
    """'too few runs (1 fold, 1 seed)'; seeds are those of the fold that has fewest."""
    folds, seeds = difference.folds, difference.least_seeds
    counts = f"{folds} fold{'s' * (folds != 1)}, {seeds} seed{'s' * (seeds != 1)}"
    return f"{FEW} ({counts})"
