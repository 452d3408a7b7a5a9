"""Rotation and scale in one reading, quarter turns, the exchange of the axes, and mirrors.

Each acts on layers: float (B, 2, H, W), an image's z-scores and its mask of {0, 1}.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import on_chosen
from baselines.transforms.geometry import positions, rotation, stretch


def to_layers(scores: Tensor, masks: Tensor) -> Tensor:
    """Scores (B, 1, H, W) and masks (B, H, W) side by side."""
    return torch.cat([scores, masks[:, None].to(scores.dtype)], dim=1)


def from_layers(layers: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Scores, and masks of the type of `masks`."""
    return layers[:, :1], layers[:, 1].to(masks.dtype)


def widest_angle_deg(images: Tensor) -> float:
    """180, or 15 where an image (B, 1, H, W) is longer than 1.5 times its width."""
    height, width = images.shape[2:]
    return 15.0 if max(height, width) > 1.5 * min(height, width) else 180.0


def turned_and_scaled(
    layers: Tensor, angle_deg: Tensor, scale_x: Tensor, scale_y: Tensor
) -> Tensor:
    """SpatialTransform: angles and scales (B,); a scale above 1 shrinks the picture. Beyond the
    border scores are 0.

    A pixel belongs to the foreground where the interpolated foreground outweighs both the
    background and what lies beyond the border, which is a class of its own and becomes background.
    """
    matrix = rotation(angle_deg) @ stretch(scale_x, scale_y)
    layers = torch.cat([layers, torch.ones_like(layers[:, :1])], dim=1)
    read = functional.grid_sample(layers, positions(layers, matrix, None), align_corners=False)
    foreground, inside = read[:, 1:2], read[:, 2:]
    won = (foreground > inside - foreground) & (foreground > 1 - inside)
    return torch.cat([read[:, :1], won.to(read.dtype)], dim=1)


def quarter_turned(layers: Tensor, turns: Tensor, exchanged: Tensor) -> Tensor:
    """Rot90Transform, then TransposeAxesTransform, of square images: `turns` (B,) quarter turns
    from the first to the second axis, then x and y change places where `exchanged` (B,). Exact."""
    for number in (1, 2, 3):
        turn = partial(torch.rot90, k=number, dims=(2, 3))
        layers = on_chosen(layers, turns == number, turn)
    return on_chosen(layers, exchanged, partial(torch.transpose, dim0=2, dim1=3))


def mirrored(layers: Tensor, mirror_x: Tensor, mirror_y: Tensor) -> Tensor:
    """MirrorTransform: each axis where its flag (B,) says so. Exact."""
    for chosen, axis in ((mirror_x, -1), (mirror_y, -2)):
        layers = on_chosen(layers, chosen, partial(torch.flip, dims=(axis,)))
    return layers
