"""Gaussian weights, and the blur made of them."""

import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import per_image

# Four of the largest sigma in use.
_BLUR_RADIUS_PX = 8


def gaussian(distance: Tensor, sigma: Tensor) -> Tensor:
    """exp(-distance^2 / 2 sigma^2), 0 beyond 4 sigma (as scipy cuts it; the denormal numbers there
    would make products several times slower)."""
    ratio = distance / sigma
    return torch.exp(-0.5 * ratio**2) * (ratio.abs() <= 4)


def gaussian_blur(images: Tensor, sigma_px: Tensor) -> Tensor:
    """Gaussian blur, one sigma (B,) of at most 2 pixels per image; 0 leaves an image as it is.
    Border pixels go on outside. The batch is one image of B channels to the convolution, so that
    each can have its own kernel."""
    at = torch.arange(-_BLUR_RADIUS_PX, _BLUR_RADIUS_PX + 1, device=images.device)
    kernel = gaussian(at, sigma_px.clamp_min(1e-3)[:, None]).to(images.dtype)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True))[:, None]
    padded = functional.pad(images.transpose(0, 1), [_BLUR_RADIUS_PX] * 4, mode="replicate")
    columns_done = functional.conv2d(padded, kernel[..., None], groups=len(images))
    blurred = functional.conv2d(columns_done, kernel[:, :, None], groups=len(images))
    return torch.where(per_image(sigma_px > 0), blurred.transpose(0, 1), images)
