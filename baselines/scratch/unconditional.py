"""Unconditional diffusion over (image, mask) pairs: what a diffusion model gives without text,
edges or a known label.

A UNet draws image and mask together as two planes; the mask of a sample is its own, thresholded.
Imports no torch at once. Not here: the network, its training and sampling
(unconditional_network.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.generators.base import Conditions, TrainingSlices, Wait
from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.generators.queued import QueuedGenerator
from baselines.scratch.presets import UNCONDITIONAL
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from benchmark.spec.method import Look

if TYPE_CHECKING:
    import torch

    from baselines.scratch.unconditional_network import PairSampler


class UnconditionalDiffusion(QueuedGenerator[GeneratorSettings, SamplingSettings]):
    """Diffusion over (image, mask) pairs; of `Conditions` only the ids count, one pair per id."""

    name, version = "unconditional", 1
    joins = "pairs"
    sees_edges = False
    settings = GeneratorSettings
    presets = UNCONDITIONAL
    look = Look(order=20, colour="#e69f00", marker="^")

    def __init__(self, sampler: PairSampler, number_format: str):
        self.sampler, self.number_format = sampler, number_format
        self.sampling = sampler.settings.sampling

    @classmethod
    def fit(cls, data: TrainingSlices, settings: GeneratorSettings, job: TrainingJob) -> None:
        from baselines.scratch import unconditional_network

        unconditional_network.fit(cls.name, data, settings, job)

    @classmethod
    def load(
        cls, folder: Path, device: torch.device, places: Places = Places()
    ) -> UnconditionalDiffusion:
        from baselines.scratch.unconditional_network import PairSampler
        from benchmark.training.number_format import native_format

        return cls(PairSampler(folder, device, places.graphs), native_format(device))

    def begin_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: SamplingSettings,
    ) -> Wait:
        return self.sampler.pairs(conditions.ids, variants, key, sampling)
