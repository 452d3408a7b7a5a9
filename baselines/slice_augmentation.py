"""What a generator is shown of a slice in training: random geometry, and edge maps with parts left out.

Callers: unconditional, emitdiff. Not here: changes of intensity described by a phrase (phrases.py), and the
augmentation of the segmenter (augment/).
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from baselines.generator import GeneratorSettings

_PATCHES = 8  # the edge map is dropped in patches of 1/8 of its side


def random_geometry(planes: torch.Tensor, settings: GeneratorSettings, rng: torch.Generator) -> torch.Tensor:
    """Planes float32 (B,C,S,S), each sample mirrored left-right, rotated and scaled at random (Q13), same shape.

    All planes of a sample (image, mask, edges) move together; what comes in from outside is black.
    """
    draw = torch.rand(3, planes.shape[0], generator=rng, device=planes.device)
    mirror = 1 - 2 * (draw[0] < settings.flip_probability).float()
    angle = (2 * draw[1] - 1) * math.radians(settings.rotation_degrees)
    low, high = settings.scale_range
    shrink = 1 / (low + (high - low) * draw[2])
    zero = torch.zeros_like(angle)
    across, down = angle.cos() * shrink, angle.sin() * shrink
    matrix = torch.stack([mirror * across, -mirror * down, zero, down, across, zero], dim=1).reshape(-1, 2, 3)
    places = F.affine_grid(matrix, list(planes.shape), align_corners=False)
    return F.grid_sample(planes, places, align_corners=False)


def drop_edges(edges: torch.Tensor, masks: torch.Tensor, uniform: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Edge maps float32 (B,1,S,S) without the image edges of some patches; the mask boundary always stays.

    `masks` float32 (B,1,S,S); `uniform` (B,1,8,8) decides per patch: it is emptied where the number lies below the
    sample's `share` (B,1,1,1). The generator then has to invent what lies there, which is what makes the variants of a
    slice differ while its label holds.
    """
    kept = F.interpolate((uniform >= share).float(), size=edges.shape[-2:], mode="nearest")
    boundary = F.max_pool2d(masks, 3, stride=1, padding=1) + F.max_pool2d(-masks, 3, stride=1, padding=1) > 0
    return torch.where(boundary, edges, edges * kept)


def random_edge_dropout(edges: torch.Tensor, masks: torch.Tensor, largest: float, rng: torch.Generator) -> torch.Tensor:
    """`drop_edges` as used in training: the share is uniform between 0 and `largest` for each sample."""
    batch = edges.shape[0]
    share = largest * torch.rand(batch, 1, 1, 1, generator=rng, device=edges.device)
    uniform = torch.rand(batch, 1, _PATCHES, _PATCHES, generator=rng, device=edges.device)
    return drop_edges(edges, masks, uniform, share)


def addressed_edge_dropout(
    edges: torch.Tensor, masks: torch.Tensor, share: float, draws: Sequence[np.random.Generator]
) -> torch.Tensor:
    """`drop_edges` as used in sampling: one `share` for all, each sample's patches from its own random numbers."""
    uniform = np.stack([draw.random((1, _PATCHES, _PATCHES), np.float32) for draw in draws])
    return drop_edges(edges, masks, torch.from_numpy(uniform), torch.tensor(share))
