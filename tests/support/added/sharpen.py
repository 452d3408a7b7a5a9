"""A transform as a contributor adds one: this file, put into baselines/transforms/single/."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, per_image, uniform
from baselines.transforms.gaussian import gaussian_blur


class Sharpen(Transform):
    """Half to all of what a blur of 1 pixel takes away is added once more."""

    name, version = "sharpen", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return {"gain": uniform(rng, len(images), 0.5, 1.0)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        blurred = gaussian_blur(images, torch.ones_like(drawn["gain"]))
        return images + per_image(drawn["gain"]) * (images - blurred), masks
