"""Means over square windows, one axis after the other: faster than torch's square pooling on a CPU
(docs/measurements.md). Not here: windows of 3 px, where one pass is as fast."""

import torch
import torch.nn.functional as F


def window_mean(planes: torch.Tensor, margin: int) -> torch.Tensor:
    """Planes float32 (B,C,S,S) -> same shape: mean over the window of 2 margin + 1 px around each
    pixel, as far as it lies within the plane."""
    side = 2 * margin + 1
    down = F.avg_pool2d(planes, (side, 1), 1, (margin, 0), count_include_pad=False)
    return F.avg_pool2d(down, (1, side), 1, (0, margin), count_include_pad=False)


def near(masks: torch.Tensor, margin: int) -> torch.Tensor:
    """bool (B,C,S,S): whether any pixel of the window of 2 margin + 1 px is set in `masks` float32
    {0, 1}."""
    return window_mean(masks, margin) > 0
