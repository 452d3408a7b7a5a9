"""CutMix on the patch grid of EMIT-Diff's merging: the control of "synthetic patches help"."""

import math

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform
from baselines.transforms.partners import next_partners


class CutMix(Transform):
    """Yun et al. 2019, arXiv 1905.04899, with the mask of EMIT-Diff's random patch merging
    (III-D, Alg. 1) in place of one box: each patch is the image's own with chance alpha, else that
    of another training image of the batch, at the same place and with its label. Side of a patch
    and alpha are those of the merging (--patch-size, --alpha)."""

    name, version = "cutmix", 1
    on_patches = True

    def __init__(self, patch_size: int = 16, alpha: float = 0.6):
        self.patch_size, self.alpha = patch_size, alpha

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        cells = [math.ceil(side / self.patch_size) for side in images.shape[2:]]
        uniform = torch.rand(len(images), 1, *cells, generator=rng, device=rng.device)
        return {"own_patch": uniform < self.alpha, "partner": next_partners(len(images), rng)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        height, width = images.shape[2:]
        own = drawn["own_patch"].repeat_interleave(self.patch_size, dim=2)
        own = own.repeat_interleave(self.patch_size, dim=3)[:, :, :height, :width]
        partner = drawn["partner"]
        return (
            torch.where(own, images, images[partner]),
            torch.where(own[:, 0], masks, masks[partner]),
        )
