"""Resolution: a blur, as of a scan with larger pixels."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, chance, uniform
from baselines.transforms.gaussian import gaussian_blur


class Resolution(Transform):
    """RandomResolution: half of the images blurred, sigma 0.5-1.5 pixels of the working grid; 0 is
    unblurred."""

    name, version = "resolution", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        blurred, sigma = chance(rng, n, 0.5), uniform(rng, n, 0.5, 1.5)
        return {"sigma_px": sigma * blurred}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return gaussian_blur(images, drawn["sigma_px"]), masks
