"""Where the spread of a method's case values comes from, and how far runs that should be equal
differ."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VarianceSplit:
    """Variance components of a case value: between folds, cases of a fold, trainings of a fold
    (seeds), and the rest.

    In the square of the metric's unit; nan where the design cannot tell: one fold, or one seed
    (`case` then holds the rest too). Negative estimates are set to 0.
    """

    fold: float
    case: float
    training: float
    rest: float

    def shares(self) -> dict[str, float]:
        """Each component that could be estimated as a share of their sum."""
        known = {name: value for name, value in vars(self).items() if np.isfinite(value)}
        total = sum(known.values())
        return {name: value / total for name, value in known.items()} if total > 0 else {}


def variance_split(values: np.ndarray, folds: np.ndarray) -> VarianceSplit:
    """Variance components by the method of moments (ANOVA estimators) from one method's (seeds,
    cases).

    Model: value = mean + fold + case of the fold + training (fold and seed) + rest. Cases that lack
    a seed are left out. Equal to REML where no estimate is negative and all folds have as many
    cases.
    """
    values = values[np.isfinite(values).any(1)]
    complete = np.isfinite(values).all(0) & (len(values) > 0)
    blocks = [values[:, complete & (folds == fold)] for fold in np.unique(folds)]
    blocks = [block for block in blocks if block.shape[1] > 1]
    if not blocks:
        return VarianceSplit(*[float("nan")] * 4)
    seeds = len(values)
    sizes = np.array([block.shape[1] for block in blocks])
    case_square = _pooled([seeds * block.mean(0).var(ddof=1) for block in blocks], sizes - 1)
    training = rest = float("nan")
    case = case_square
    if seeds > 1:
        rest = _pooled([_interaction(block) for block in blocks], (seeds - 1) * (sizes - 1))
        trainings = [block.mean(1).var(ddof=1) - rest / block.shape[1] for block in blocks]
        training, case = max(float(np.mean(trainings)), 0.0), max((case_square - rest) / seeds, 0.0)
    return VarianceSplit(_between_folds(blocks, case, training, rest), case, training, rest)


def seed_differences(values: np.ndarray) -> np.ndarray:
    """(seeds, cases) of one method -> the mean difference of every pair of seeds over the cases
    that both have."""
    a, b = np.triu_indices(len(values), 1)
    differences = values[a] - values[b]
    there = np.isfinite(differences)
    kept = there.any(1)
    return np.where(there, differences, 0).sum(1)[kept] / there.sum(1)[kept]


def _between_folds(blocks: list[np.ndarray], case: float, training: float, rest: float) -> float:
    if len(blocks) < 2:
        return float("nan")
    seeds = blocks[0].shape[0]
    other = np.nan_to_num(training) / seeds
    inside = [case / block.shape[1] + other + np.nan_to_num(rest) / block.size for block in blocks]
    return max(float(np.var([block.mean() for block in blocks], ddof=1) - np.mean(inside)), 0.0)


def _interaction(block: np.ndarray) -> float:
    """Mean square of what case means and training means leave over."""
    left = block - block.mean(0) - block.mean(1, keepdims=True) + block.mean()
    return float((left**2).sum() / ((block.shape[0] - 1) * (block.shape[1] - 1)))


def _pooled(values: list[float], degrees: np.ndarray) -> float:
    return float(np.average(values, weights=degrees))
