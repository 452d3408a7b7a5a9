"""Noise: a normal number added to each pixel."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, normal_field, per_image, uniform


class Noise(Transform):
    """RandomNoise: the SD is uniform in 0-0.025 (0-0.05 on the release's range). The release sets a
    "variance" of 0-0.05, but batchgenerators uses it as the standard deviation. So do we."""

    name, version = "noise", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        noise_sd = uniform(rng, len(images), 0.0, 0.025)
        return {"noise_sd": noise_sd, "noise": normal_field(images, rng)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return images + drawn["noise"] * per_image(drawn["noise_sd"]), masks
