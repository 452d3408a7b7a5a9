"""Rotation and scale in one reading, quarter turns, and the exchange of the axes."""

import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import per_image
from baselines.transforms.geometry import positions, rotation, stretch


def widest_angle_deg(images: Tensor) -> float:
    """180, or 15 where an image (B, 1, H, W) is longer than 1.5 times its width."""
    height, width = images.shape[2:]
    return 15.0 if max(height, width) > 1.5 * min(height, width) else 180.0


def turned_and_scaled(
    scores: Tensor, masks: Tensor, angle_deg: Tensor, scale_x: Tensor, scale_y: Tensor
) -> tuple[Tensor, Tensor]:
    """SpatialTransform. scores: float (B, 1, H, W), 0 beyond the border. masks: integer {0, 1}
    (B, H, W). Angles and scales (B,); a scale above 1 shrinks the picture.

    A pixel belongs to the foreground where the interpolated foreground outweighs both the
    background and what lies beyond the border, which is a class of its own and becomes background.
    """
    matrix = rotation(angle_deg) @ stretch(scale_x, scale_y)
    labels = masks[:, None].to(scores.dtype)
    layers = torch.cat([scores, labels, torch.ones_like(labels)], dim=1)
    read = functional.grid_sample(layers, positions(scores, matrix, None), align_corners=False)
    foreground, inside = read[:, 1], read[:, 2]
    won = (foreground > inside - foreground) & (foreground > 1 - inside)
    return read[:, :1], won.to(masks.dtype)


def moved(
    scores: Tensor,
    masks: Tensor,
    chosen: Tensor,
    angle_deg: Tensor,
    scale_x: Tensor,
    scale_y: Tensor,
) -> tuple[Tensor, Tensor]:
    """`turned_and_scaled` of the `chosen` (B,) images, the others as they are."""
    read, labels = turned_and_scaled(scores, masks, angle_deg, scale_x, scale_y)
    return (
        torch.where(per_image(chosen), read, scores),
        torch.where(chosen[:, None, None], labels, masks),
    )


def quarter_turned(
    scores: Tensor, masks: Tensor, turns: Tensor, exchanged: Tensor
) -> tuple[Tensor, Tensor]:
    """Rot90Transform, then TransposeAxesTransform, of square images: `turns` (B,) quarter turns
    from the first to the second axis, then x and y change places where `exchanged` (B,). Exact."""
    both = torch.cat([scores, masks[:, None].to(scores.dtype)], dim=1)
    for number in (1, 2, 3):
        both = torch.where(per_image(turns == number), both.rot90(number, (2, 3)), both)
    both = torch.where(per_image(exchanged), both.transpose(2, 3), both)
    return both[:, :1], both[:, 1].to(masks.dtype)


def mirrored(
    scores: Tensor, masks: Tensor, mirror_x: Tensor, mirror_y: Tensor
) -> tuple[Tensor, Tensor]:
    """MirrorTransform: each axis where its flag (B,) says so. Exact."""
    for chosen, axis in ((mirror_x, -1), (mirror_y, -2)):
        scores = torch.where(per_image(chosen), scores.flip(axis), scores)
        masks = torch.where(chosen[:, None, None], masks.flip(axis), masks)
    return scores, masks
