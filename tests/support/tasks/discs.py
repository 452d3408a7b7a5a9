"""A data set as one file: grey discs on noise, with a phantom and no published images."""

import numpy as np

from datasets.tasks.task import Task

VERSION = 1
TASK = Task(
    name="discs",
    title="Grey discs",
    words=("drawing", "disc", "whole disc"),
    phantom=__name__,
)


def case(
    index: int, seed: int, size: int
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Image float32 (2, size, size), grey levels; mask uint8 of the same shape; spacing_mm."""
    rng = np.random.default_rng((seed, index))
    row, column = np.mgrid[:size, :size] / size
    centre, radius = rng.uniform(0.4, 0.6, 2), rng.uniform(0.15, 0.25)
    inside = np.hypot(row - centre[0], column - centre[1]) < radius
    mask = np.repeat(inside[None], 2, axis=0).astype(np.uint8)
    image = rng.normal(100, 10, mask.shape) + 80 * mask
    return image.astype(np.float32), mask, (3.0, 1.0, 1.0)
