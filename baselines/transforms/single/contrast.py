"""Contrast: distances to the mean grey value grow or shrink."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, around_one, per_image


class Contrast(Transform):
    """RandomContrast: factor 0.75-1.25, range kept."""

    name, version = "contrast", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return {"contrast": around_one(rng, len(images), 0.75, 1.25)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return adjust_contrast(images, drawn["contrast"]), masks


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Distances to the image's mean times factor (B,), clipped to the image's own range."""
    mean = images.mean(dim=(2, 3), keepdim=True)
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    return ((images - mean) * per_image(factor) + mean).clamp(low, high)
