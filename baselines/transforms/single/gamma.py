"""Gamma: grey values to a power."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, around_one, per_image

# Guards the division by the range or SD of an image of one grey value.
_TINY = 1e-7


class Gamma(Transform):
    """RandomGamma: exponent 0.7-1.5 on the image's own range."""

    name, version = "gamma", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return {"gamma": around_one(rng, len(images), 0.7, 1.5)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return adjust_gamma(images, drawn["gamma"]), masks


def adjust_gamma(images: Tensor, gamma: Tensor, *, retain_stats: bool = False) -> Tensor:
    """Image scaled to [0, 1] by its own range, to the power gamma (B,), and back. retain_stats:
    mean and SD of the image are restored afterwards, which may leave its range (nnU-Net)."""
    low = images.amin(dim=(2, 3), keepdim=True)
    span = (images.amax(dim=(2, 3), keepdim=True) - low).clamp_min(_TINY)
    changed = ((images - low) / span).pow(per_image(gamma)) * span + low
    if not retain_stats:
        return changed
    sd, mean = torch.std_mean(images, dim=(2, 3), keepdim=True)
    changed_sd, changed_mean = torch.std_mean(changed, dim=(2, 3), keepdim=True)
    return (changed - changed_mean) * (sd / changed_sd.clamp_min(_TINY)) + mean
