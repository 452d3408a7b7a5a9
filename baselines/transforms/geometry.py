"""Geometry: maps of positions, and one reading of images and masks at the mapped positions.

A map goes from a pixel of the result to the position in the input where its value is read, in
pixels from the image centre, (x, y). Maps are joined first and the image is read once, so that a
stack blurs no more than one transform. Images are read bilinearly (the release: cubic), masks at
the nearest pixel, so no new label value can appear.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import per_image
from benchmark.training.to_device import written


def rotation(angle_deg: Tensor) -> Tensor:
    """(B, 2, 2) matrices that turn (x, y); with y pointing down, a positive angle turns the picture
    anticlockwise."""
    angle = torch.deg2rad(angle_deg)
    sin, cos = torch.sin(angle), torch.cos(angle)
    return torch.stack([cos, -sin, sin, cos], -1).unflatten(-1, (2, 2))


def stretch(x: Tensor, y: Tensor) -> Tensor:
    """(B, 2, 2) matrices that multiply positions by x and y (B,): above 1 shrinks the picture, -1
    mirrors it."""
    return torch.diag_embed(torch.stack([x, y], -1))


def resample(
    images: Tensor,
    masks: Tensor,
    matrix: Tensor,
    *,
    offset_px: Tensor | None = None,
    outside: Literal["edge", "mean"],
    moved: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Reads images (B, 1, H, W) and masks (B, H, W) at matrix (B, 2, 2) x (pixel position +
    offset_px).

    Args:
        offset_px: (B, 2, H or 1, W or 1).
        outside: what lies beyond the border of an image: "edge" (its border pixels, as in the
            release's single transforms) or "mean" (its mean, which is nnU-Net's zero after
            z-scoring). Masks are 0 there.
        moved: bool (B,); the other images and masks come back bit for bit.
    """
    grid = positions(images, matrix, offset_px)
    level = images.mean(dim=(2, 3), keepdim=True) if outside == "mean" else 0.0
    padding = "zeros" if outside == "mean" else "border"
    read = functional.grid_sample(images - level, grid, padding_mode=padding, align_corners=False)
    read = read + level
    nearest = functional.grid_sample(
        masks[:, None].to(grid.dtype), grid, mode="nearest", align_corners=False
    )
    labels = nearest[:, 0].to(masks.dtype)
    if moved is None:
        return read, labels
    return (
        torch.where(per_image(moved), read, images),
        torch.where(moved[:, None, None], labels, masks),
    )


def positions(images: Tensor, matrix: Tensor, offset_px: Tensor | None) -> Tensor:
    """(B, H, W, 2): where each pixel is read, as grid_sample counts: -1 and 1 are the borders.

    All x lie in one plane, all y in another, so that products run over whole planes: in pairs
    they take several times as long."""
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2
    y = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2
    pixels = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]
    if offset_px is not None:
        pixels = pixels + offset_px.to(images.dtype)
    pixels = pixels.expand(len(images), -1, -1, -1).flatten(2)
    half = written(images, width / 2, height / 2)[:, None]
    mapped = matrix.to(images.dtype) @ pixels / half
    return mapped.unflatten(2, (height, width)).permute(0, 2, 3, 1)
