"""A generator that leaves the work of a batch to its device and goes on: while a GPU computes one
batch, the next one - noise, edges, text - is prepared, and the images before are on their way to
the host. On a CPU a batch is done when it has begun. Imports no torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from baselines.generators.base import Conditions, Generator, SamplingT, SettingsT, Wait


class QueuedGenerator(Generator[SettingsT, SamplingT]):
    """A class gives `begin_batch` in the place of `sample_batch`, and a `sampler` whose `graphs`
    (benchmark/training/graphs.py) tell how its passes were run."""

    sampler: Any

    @abstractmethod
    def begin_batch(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: SamplingT
    ) -> Wait:
        """Starts `sample_batch` and returns what waits for its samples."""

    def sample_batch(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: SamplingT
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.begin_batch(conditions, variants=variants, key=key, sampling=sampling)()

    def _begin(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: SamplingT
    ) -> Wait:
        own = type(self).sample_batch is not QueuedGenerator.sample_batch
        begin = super()._begin if own else self.begin_batch  # a subclass samples in its own way
        return begin(conditions, variants=variants, key=key, sampling=sampling)

    def told(self) -> dict[str, Any]:
        return self.sampler.graphs.told
