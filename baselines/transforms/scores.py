"""z-scores, on which nnU-Net's strengths act: an image with mean 0 and SD 1.

nnU-Net takes mean and SD of the whole case; here they are those of the slice, since a training step
knows slices.
"""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, per_image

_TINY = 1e-8  # nnU-Net's guard for an image of one grey value


def to_scores(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Images (B, 1, H, W) -> their z-scores, and their SD and mean (B, 1, 1, 1)."""
    sd, mean = torch.std_mean(images, dim=(2, 3), keepdim=True, correction=0)
    sd = sd.clamp_min(_TINY)
    return (images - mean) / sd, sd, mean


def flags(drawn: Drawn) -> Tensor:
    """bool (B,): images that any draw of type bool changes."""
    return torch.stack([values for values in drawn.values() if values.dtype == torch.bool]).any(0)


def from_scores(scores: Tensor, sd: Tensor, mean: Tensor, images: Tensor, kept: Tensor) -> Tensor:
    """z-scores back to grey values; `kept` (B,) images come back bit for bit. Nothing is clipped,
    as in nnU-Net."""
    return torch.where(per_image(kept), images, scores * sd + mean)
