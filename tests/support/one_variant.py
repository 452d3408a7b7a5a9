"""Samples that all have the same variant number."""

import numpy as np

from baselines.generators.base import Conditions, Generator


def sample_variant(
    generator: Generator, conditions: Conditions, variant: int = 0, **more
) -> tuple[np.ndarray, np.ndarray]:
    """`Generator.sample` with one variant number for all; `more`: its other arguments."""
    return generator.sample(conditions, variants=[variant] * len(conditions.ids), **more)
