"""pix2pix (Isola et al. 2017): edge map to image by a U-Net and a PatchGAN, the paper's rival in
Table I.

Trained on the same slices and edge maps (Q18) as emitdiff; the mask of a sample is that of its
slice. It has no text, so phrases change nothing, and no noise but dropout, so that its variants
differ as little as dropout makes them: that is the published method, not a defect of this one.
Imports no torch at once. Not here: the networks, training and sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.generators.base import Conditions, TrainingSlices, Wait
from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.generators.queued import QueuedGenerator
from baselines.pix2pix.presets import PRESETS
from baselines.pix2pix.settings import Pix2PixSampling, Pix2PixSettings
from benchmark.spec.method import Look

if TYPE_CHECKING:
    import torch

    from baselines.pix2pix.sampling import Pix2PixSampler


class Pix2Pix(QueuedGenerator[Pix2PixSettings, Pix2PixSampling]):
    """Edge map to image; the mask of a sample is that of its slice."""

    name, version = "pix2pix", 1
    joins = "patches"
    settings = Pix2PixSettings
    presets = PRESETS
    look = Look(order=30, colour="#cc79a7", marker="v")

    def __init__(self, sampler: Pix2PixSampler):
        self.sampler, self.sampling = sampler, sampler.settings.sampling

    @classmethod
    def fit(cls, data: TrainingSlices, settings: Pix2PixSettings, job: TrainingJob) -> None:
        from baselines.pix2pix import training

        training.fit(cls.name, data, settings, job)

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> Pix2Pix:
        from baselines.pix2pix.sampling import Pix2PixSampler

        return cls(Pix2PixSampler(folder, device, places.graphs))

    def begin_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: Pix2PixSampling,
    ) -> Wait:
        images = self.sampler.images(conditions, variants, key, sampling)
        return lambda: (images(), conditions.masks)
