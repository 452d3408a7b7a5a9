"""An image as a scan with larger pixels would show it."""

import torch
from torch import Tensor


def at_low_resolution(scores: Tensor, scale: Tensor) -> Tensor:
    """SimulateLowResolutionTransform of (B, 1, H, W): sampled down to `scale` (B,) of its sides at
    the nearest pixel, and up again bilinearly.

    Both steps are joined: each pixel reads two rows and two columns of the image itself, so that
    images of different scales are one batch.
    """
    read = {length: _read(length, scale, scores.dtype) for length in set(scores.shape[2:])}
    for axis in (2, 3):
        first, second, weight = read[scores.shape[axis]]
        shape = [len(scores), 1, 1, 1]
        shape[axis] = scores.shape[axis]
        lower = scores.gather(axis, first.view(shape).expand_as(scores))
        upper = scores.gather(axis, second.view(shape).expand_as(scores))
        scores = torch.lerp(lower, upper, weight.view(shape).expand_as(scores))
    return scores


def _read(length: int, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Of an axis: the two pixels that each pixel reads, and the weight of the second, (B, length)
    each."""
    fewer = torch.round(length * scale)[:, None]
    at = torch.arange(length, device=scale.device) + 0.5
    place = (at * fewer / length - 0.5).clamp_min(0.0)
    lower = place.floor()
    upper = torch.minimum(lower + 1, fewer - 1)

    def nearest(coarse: Tensor) -> Tensor:
        return ((coarse + 0.5) * (length / fewer)).floor().long().clamp_max(length - 1)

    return nearest(lower), nearest(upper), (place - lower).to(dtype)
