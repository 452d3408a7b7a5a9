"""Exact Euclidean distances on the device, without the host: one pass per axis (Felzenszwalb and
Huttenlocher 2012, in its plain form, which suits slices of some hundred pixels)."""

import torch
from torch import Tensor

from baselines.transforms.base import on_chosen

# Numbers that the second pass holds at once; a large image is computed in strips of rows.
_AT_ONCE = 2**24


def signed_distance(inside: Tensor, outwards: Tensor) -> Tensor:
    """float32 (B, H, W), pixels, of bool (B, H, W): inside, minus the distance to the nearest pixel
    outside; outside, the distance to the nearest pixel inside, or infinity where `outwards` (B,)
    says that it is not asked for. Without such a pixel it is larger than the image."""
    unasked = torch.where(inside, 0.0, torch.inf)
    outside = on_chosen(unasked, outwards, lambda _, targets: distance_to(targets), inside)
    return outside - distance_to(~inside)


def distance_to(targets: Tensor) -> Tensor:
    """float32 (B, H, W), pixels: how far the nearest target of bool (B, H, W) is; 0 on a target."""
    height, width = targets.shape[1:]
    far = float(2 * (height + width))
    x = torch.arange(width, device=targets.device, dtype=torch.float32)
    before = torch.where(targets, x, -far).cummax(dim=2).values
    behind = torch.where(targets, x, far + width).flip(2).cummin(dim=2).values.flip(2)
    in_row = torch.minimum(x - before, behind - x).clamp_max(far) ** 2
    y = torch.arange(height, device=targets.device, dtype=torch.float32)
    between = (y[:, None] - y) ** 2  # (rows of the result, rows of the first pass)
    strip = max(1, _AT_ONCE // (len(targets) * height * width))
    found = [
        (in_row[:, None] + part[None, :, :, None]).amin(dim=2) for part in between.split(strip)
    ]
    return torch.cat(found, dim=1).sqrt()
