"""Elastic deformation: random smooth offsets of pixels."""

import math

import torch
from torch import Tensor

from baselines.transforms.base import on_chosen, per_image, uniform
from baselines.transforms.gaussian import gaussian

# Noise is drawn at every fourth pixel. Sigma is 9 pixels or more: the smoothed field has nothing
# that finer noise could add, and with the weights below its covariance is the same.
_STEP = 4


def elastic_noise(images: Tensor, rng: torch.Generator) -> Tensor:
    """Uniform noise in [-1, 1] for `elastic_offset`: (B, 2, H / 4, W / 4), rounded up."""
    height, width = (math.ceil(n / _STEP) for n in images.shape[2:])
    return uniform(rng, (len(images), 2, height, width), -1.0, 1.0)


def elastic_offset(
    noise: Tensor, alpha_px: Tensor, sigma_px: Tensor, height: int, width: int
) -> Tensor:
    """Random smooth offsets (B, 2, H, W) in pixels: white noise in [-1, 1], smoothed with a
    Gaussian of sigma_px (B,) with zeros beyond the border, times alpha_px (B,). Their SD is about
    0.163 alpha / sigma."""

    def smoothed(_: Tensor, noise: Tensor, alpha_px: Tensor, sigma_px: Tensor) -> Tensor:
        rows = _smoothing(height, noise.shape[2], sigma_px)
        columns = _smoothing(width, noise.shape[3], sigma_px)
        smooth = rows[:, None] @ noise @ columns[:, None].mT
        return smooth * per_image(alpha_px)

    unmoved = noise.new_zeros(*noise.shape[:2], height, width)
    return on_chosen(unmoved, alpha_px != 0, smoothed, noise, alpha_px, sigma_px)


def _smoothing(n: int, n_coarse: int, sigma_px: Tensor) -> Tensor:
    """(B, n, n_coarse) Gaussian weights of the noise points in each pixel; sqrt(step) keeps the
    variance per axis."""
    at = torch.arange(n, device=sigma_px.device, dtype=torch.float32)
    points = torch.arange(n_coarse, device=sigma_px.device) * _STEP + (_STEP - 1) / 2
    sigma = sigma_px[:, None, None]
    density = gaussian(at[:, None] - points, sigma) / (sigma * math.sqrt(2 * math.pi))
    return density * math.sqrt(_STEP)
