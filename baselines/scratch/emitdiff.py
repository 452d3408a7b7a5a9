"""EMIT-Diff (DiffBoost) at a size that trains from scratch: a text- and edge-conditioned diffusion
model (paper III).

A UNet with cross-attention to the text and a ControlNet on the edge map are trained jointly on the
fold's training cases, with classifier-free guidance through empty prompts. It differs from the
paper in having no pre-training, no latent space (a pixel-unshuffled grid takes its place) and its
own small text encoder. By settings, which the presets use as far as a short training needs it: the
edges stand beside the noisy image in place of a ControlNet, the network is shown the mask and not
its boundary alone, and it is told the style of the slice (style.py). Imports no torch at once. Not
here: the networks, training and sampling (emitdiff_*.py); the preset with Stable Diffusion weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.generators.base import Conditions, TrainingSlices, Wait
from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.generators.queued import QueuedGenerator
from baselines.scratch.presets import EMITDIFF
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from baselines.scratch.substitutions import from_scratch
from benchmark.spec.method import Look
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution

if TYPE_CHECKING:
    import torch

    from baselines.scratch.emitdiff_sampling import EmitDiffSampler


class EmitDiff(QueuedGenerator[GeneratorSettings, SamplingSettings]):
    """Text-guided, edge-conditioned diffusion; the mask of a sample is that of its slice."""

    name, version = "emitdiff", 1
    joins = "patches"
    settings = GeneratorSettings
    presets = EMITDIFF
    look = Look(order=40, colour="#009e73", marker="D", form="from scratch")

    @classmethod
    def substitutions(cls, run: RunSpec) -> list[Substitution]:
        return from_scratch(run)

    def __init__(self, sampler: EmitDiffSampler, number_format: str):
        self.sampler, self.number_format = sampler, number_format
        self.sampling = sampler.settings.sampling

    @classmethod
    def fit(cls, data: TrainingSlices, settings: GeneratorSettings, job: TrainingJob) -> None:
        from baselines.scratch import emitdiff_training

        emitdiff_training.fit(cls.name, data, settings, job)

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> EmitDiff:
        from baselines.scratch.emitdiff_sampling import EmitDiffSampler
        from benchmark.training.number_format import native_format

        return cls(EmitDiffSampler(folder, device, places.graphs), native_format(device))

    def begin_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: SamplingSettings,
    ) -> Wait:
        images = self.sampler.images(conditions, variants, key, sampling)
        return lambda: (images(), conditions.masks)

    def unknown_words(self, prompts: Sequence[str]) -> list[str]:
        return self.sampler.vocabulary.unknown(prompts)
