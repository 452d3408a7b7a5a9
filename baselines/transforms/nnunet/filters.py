"""Blur, median filter and sharpening."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import on_gpu, per_image

_BLUR_RADIUS_PX = 4  # of the largest sigma, 1.5 pixels
_MEDIAN_SIDE_PX = 7  # the largest


def blurred(scores: Tensor, sigma_y_px: Tensor, sigma_x_px: Tensor) -> Tensor:
    """GaussianBlurTransform of (B, 1, H, W): a sigma (B,) of 0.3-1.5 pixels for each axis, the
    image reflected at its border. The kernel has the odd number of points that is nearest to
    6 sigma + 0.5."""
    padded = functional.pad(scores.transpose(0, 1), [_BLUR_RADIUS_PX] * 4, mode="reflect")
    rows = functional.conv2d(padded, _kernel(sigma_y_px, scores)[..., None], groups=len(scores))
    made = functional.conv2d(rows, _kernel(sigma_x_px, scores)[:, :, None], groups=len(scores))
    return made.transpose(0, 1)


def _kernel(sigma_px: Tensor, like: Tensor) -> Tensor:
    """(B, 1, 9) weights of sum 1."""
    at = torch.arange(-_BLUR_RADIUS_PX, _BLUR_RADIUS_PX + 1, device=like.device)
    sigma = sigma_px[:, None]
    weights = torch.exp(-0.5 * (at / sigma) ** 2) * (at.abs() <= torch.floor(3 * sigma + 0.25))
    return (weights / weights.sum(dim=1, keepdim=True))[:, None].to(like.dtype)


def median_filtered(scores: Tensor, side_px: Tensor) -> Tensor:
    """MedianFilterTransform of (B, 1, H, W), a window side (B,) of 2-7 pixels for each image.

    As scipy's median_filter: of an even side the window has one pixel more before the centre than
    behind it, of an even count the upper of the two middle values is taken, and the image is
    reflected with its border pixels.
    """
    half = _MEDIAN_SIDE_PX // 2
    height, width = scores.shape[2:]
    padded = scores[:, :, _reflected(height, half, scores)][..., _reflected(width, half, scores)]
    windows = padded.unfold(2, _MEDIAN_SIDE_PX, 1).unfold(3, _MEDIAN_SIDE_PX, 1)
    at = torch.arange(-half, half + 1, device=scores.device)
    first, side = (-(side_px // 2))[:, None], side_px[:, None]
    within = (at >= first) & (at < first + side)  # (B, 7)
    window = within[:, :, None] & within[:, None, :]  # (B, 7, 7)
    # Of the pixels outside the window so many become the least that its middle is that of all 49.
    least = (~window).flatten(1).cumsum(1) <= (_MEDIAN_SIDE_PX**2 // 2 - side_px**2 // 2)[:, None]
    beyond = torch.where(least, -torch.inf, torch.inf).to(scores.dtype).view_as(window)
    shown = torch.where(window[:, None, None, None], windows, beyond[:, None, None, None])
    return _middle(shown.flatten(4))


def _middle(values: Tensor) -> Tensor:
    """The median over the last axis, of an odd number of values. On a CPU numpy finds it several
    times as fast as torch (docs/measurements.md)."""
    if on_gpu(values):
        return values.median(dim=-1).values
    half = values.shape[-1] // 2
    return torch.from_numpy(np.partition(values.numpy(), half, axis=-1)[..., half])


def _reflected(length: int, margin: int, like: Tensor) -> Tensor:
    """Indices (length + 2 margin,) of an axis that goes on as d c b a | a b c d | d c b a."""
    at = torch.arange(-margin, length + margin, device=like.device) % (2 * length)
    return torch.minimum(at, 2 * length - 1 - at)


def sharpened(scores: Tensor, strength: Tensor) -> Tensor:
    """SharpeningTransform of (B, 1, H, W): adds `strength` (B,) times four times the pixel minus
    its four neighbours; border pixels go on outside."""
    padded = functional.pad(scores, [1] * 4, mode="replicate")
    middle = padded[:, :, 1:-1, 1:-1]
    beside = padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:]
    above = padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1]
    return scores + per_image(strength) * (4 * middle - beside - above)
