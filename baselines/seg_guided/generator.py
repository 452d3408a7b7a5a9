"""seg-guided: diffusion in pixel space with the mask beside the noisy image.

    Konz et al., MICCAI 2024, arXiv 2402.05210   the mask as a further input; mask-ablated training
    Polyp-DDPM, arXiv 2402.04031                 the same input, absolute error, cosine schedule
    ArSDM, MICCAI 2023, arXiv 2309.01111         errors weighted by the share of the lesion

What the releases do. Konz: UNet of 128 to 512 channels at 256 px, 1000 linear steps, squared error
of the noise, AdamW 1e-4 with warm-up and a cosine, gradient clipped at 1, batch 32, 200 epochs, no
averaged weights. With mask ablation each class is left out of a whole batch with probability 0.5,
and again at each step of sampling. Its mask has the values k / 255, so that class 1 is nearly
invisible. Polyp-DDPM: mask in [-1, 1], 250 cosine steps, absolute error, Adam 1e-4, averaged
weights (0.995). ArSDM: the mask enters through its normalisation layers; absolute error, weighted
by 1 - p inside the mask and p outside, p the share of the mask in its slice; the weight is ignored
with squared error; a second training against a frozen segmenter follows.

Where this one differs. One network for all of them: a UNet on a pixel-unshuffled grid that is told
where each cell lies (as emitdiff's from scratch), with its optimiser, averaged weights and
schedule of 1000 steps. The mask is shown as 0 and `mask_value`, 1 unless set. Sampling shows the
whole mask at each step and adds no noise. The weight holds for both errors, and a slice with an
empty mask, of which ArSDM would learn nothing, has the mean share of the others. ArSDM's second
training is not here. `objective=flow` replaces diffusion by flow matching (Lipman et al., ICLR
2023, arXiv 2210.02747), which is not in these papers.

Samples are (image, mask) pairs beside the real slices; which masks they are made from is a setting
of its own (generators/mask_sampler.py). Imports no torch at once. Not here: training and sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.generators.base import Conditions, TrainingSlices, Wait
from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.generators.queued import QueuedGenerator
from baselines.seg_guided.presets import PRESETS
from baselines.seg_guided.settings import SegGuidedSampling, SegGuidedSettings
from benchmark.spec.method import Look

if TYPE_CHECKING:
    import torch

    from baselines.seg_guided.sampling import SegGuidedSampler


class SegGuided(QueuedGenerator[SegGuidedSettings, SegGuidedSampling]):
    """Mask to image; a sample carries the mask that it was made from."""

    name, version = "seg-guided", 1
    joins = "pairs"
    sees_edges = False
    settings = SegGuidedSettings
    presets = PRESETS
    look = Look(order=25, colour="#0072b2", marker="p")

    def __init__(self, sampler: SegGuidedSampler, number_format: str):
        self.sampler, self.number_format = sampler, number_format
        self.sampling = sampler.settings.sampling

    @classmethod
    def fit(cls, data: TrainingSlices, settings: SegGuidedSettings, job: TrainingJob) -> None:
        from baselines.seg_guided import training

        training.fit(cls.name, data, settings, job)

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> SegGuided:
        from baselines.seg_guided.sampling import SegGuidedSampler
        from benchmark.training.number_format import native_format

        return cls(SegGuidedSampler(folder, device, places.graphs), native_format(device))

    def begin_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: SegGuidedSampling,
    ) -> Wait:
        images = self.sampler.images(conditions, variants, key, sampling)
        return lambda: (images(), conditions.masks)
