"""What a generator is shown of a slice: random geometry in training, and edge maps with parts left
out, thinned, moved.

The generator has to invent what its edges do not tell, which is what makes the variants of a slice
differ; the mask boundary is part of the edge map (Q18) and always stays, so that the label holds.
In training each change has a random strength up to the setting's; at sampling its random numbers
come from the sample's address. Not here: changes of intensity (phrases.py, style.py), and the
augmentation of the segmenter (augment/).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from baselines.generators.base import Conditions
from baselines.generators.settings import GeometrySettings
from baselines.scratch.box_mean import near, window_mean
from baselines.scratch.settings import GeneratorSettings, SamplingSettings

_PATCHES = 8  # the edge map is dropped in patches of 1/8 of its side
_KNOTS = 5  # displacements are drawn on a grid of 5 x 5 points and are smooth between them


def random_geometry(
    planes: torch.Tensor,
    settings: GeometrySettings,
    rng: torch.Generator,
    *,
    crop: bool = False,
) -> torch.Tensor:
    """Planes float32 (B,C,S,S), each sample mirrored left-right, rotated and scaled at random
    (Q13), same shape.

    All planes of a sample (image, mask, edges) move together. A zoom of 0.75 makes 12 pixels of 16,
    and what comes in from outside is black. With `crop`, as in the release, it shows 0.75 of the
    side and makes 21 pixels of 16, and what comes in from outside is mirrored.
    """
    draw = torch.rand(3, planes.shape[0], generator=rng, device=planes.device)
    mirror = 1 - 2 * (draw[0] < settings.flip_probability).float()
    angle = (2 * draw[1] - 1) * math.radians(settings.rotation_degrees)
    low, high = settings.scale_range
    zoom = low + (high - low) * draw[2]
    shown = zoom if crop else 1 / zoom  # share of the side
    zero = torch.zeros_like(angle)
    across, down = angle.cos() * shown, angle.sin() * shown
    matrix = torch.stack(
        [mirror * across, -mirror * down, zero, down, across, zero], dim=1
    ).reshape(-1, 2, 3)
    places = _affine_places(matrix, planes)
    outside = "reflection" if crop else "zeros"
    return F.grid_sample(planes, places, padding_mode=outside, align_corners=False)


def _affine_places(matrix: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
    """float32 (B,S,S,2): where each pixel of `planes` (B,C,S,S) is read, by `matrix` float32
    (B,2,3) from output to input coordinates, which run from -1 to 1.

    Outside autocast, which multiplies the coordinates in bfloat16: 8 bits are a quarter of a pixel
    at 128 px.
    """
    with torch.autocast(planes.device.type, enabled=False):
        return F.affine_grid(matrix, list(planes.shape), align_corners=False)


def mask_boundary(masks: torch.Tensor) -> torch.Tensor:
    """bool (B,1,S,S): the two pixels on either side of the boundary of `masks` float32
    (B,1,S,S)."""
    return (
        F.max_pool2d(masks, 3, stride=1, padding=1) + F.max_pool2d(-masks, 3, stride=1, padding=1)
        > 0
    )


def drop_edges(
    edges: torch.Tensor, masks: torch.Tensor, uniform: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """Edge maps float32 (B,1,S,S) without the image edges of some patches; a share of 1 leaves the
    mask boundary alone.

    `masks` float32 (B,1,S,S); `uniform` (B,1,8,8) decides per patch: it is emptied where the number
    lies below the sample's `share` (B,1,1,1).
    """
    kept = F.interpolate((uniform >= share).float(), size=edges.shape[-2:], mode="nearest")
    return torch.where(mask_boundary(masks), edges, edges * kept)


def thin_edges(edges: torch.Tensor, masks: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Edge maps float32 (B,1,S,S) without the weakest `share` (B,1,1,1) of their pixels."""
    ranked = edges.flatten(1).sort(dim=1).values
    place = (share.flatten() * (ranked.shape[1] - 1)).long()
    level = ranked.gather(1, place[:, None]).reshape(-1, 1, 1, 1)
    return torch.where(mask_boundary(masks) | (edges >= level), edges, 0)


def warp(
    planes: torch.Tensor, masks: torch.Tensor, uniform: torch.Tensor, largest: torch.Tensor
) -> torch.Tensor:
    """Planes float32 (B,C,S,S) deformed smoothly, by at most `largest` (B,1,1,1) as a share of the
    side in each direction.

    `uniform` (B,2,5,5) in [0, 1) draws the displacements. They fade to nothing within 1/8 of the
    side of the boundary of `masks` (B,1,S,S), on which every plane stays as it is.
    """
    side = planes.shape[-1]
    boundary, margin = mask_boundary(masks), side // 16
    fade = 1 - window_mean(near(boundary.float(), margin).float(), margin)
    # Squared: next to the boundary a pixel must not move far enough to show the boundary twice.
    drawn = F.interpolate(2 * uniform - 1, size=(side, side), mode="bilinear", align_corners=True)
    # 2: the coordinates of grid_sample run from -1 to 1
    moved = 2 * largest * fade.square() * drawn
    identity = torch.eye(2, 3, device=planes.device).expand(len(planes), 2, 3)
    places = _affine_places(identity, planes) + moved.permute(0, 2, 3, 1)
    return torch.where(
        boundary, planes, F.grid_sample(planes, places, padding_mode="border", align_corners=False)
    )


def shown_planes(conditions: Conditions) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks {0, 1} and edges in [0, 1], float32 (B,1,S,S) on the CPU. The stacks may be read-only
    memory maps or views; torch wants a copy of its own."""
    masks, edges = (
        torch.from_numpy(np.array(stack[:, None], np.float32, order="C"))
        for stack in (conditions.masks, conditions.edges)
    )
    return masks, edges / 255


def random_edges(
    planes: torch.Tensor, settings: GeneratorSettings, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images, masks {0, 1} and edges, each float32 (B,1,S,S), of the planes (B,3,S,S), as a
    training step shows them.

    Image and edges are deformed together, so that the network goes on to believe its edges; parts
    of the edges are left out. What is switched off draws no numbers.
    """
    batch, device = len(planes), planes.device

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(batch, *shape, generator=rng, device=device)

    images, masks, edges = planes.split(1, dim=1)
    masks = masks.round()
    if settings.edge_warp:
        strength = settings.edge_warp * draw(1, 1, 1)
        images, edges = warp(
            torch.cat([images, edges], 1), masks, draw(2, _KNOTS, _KNOTS), strength
        ).split(1, dim=1)
    share = settings.edge_dropout * draw(1, 1, 1)
    edges = drop_edges(edges, masks, draw(1, _PATCHES, _PATCHES), share)
    if settings.edge_thinning:
        edges = thin_edges(edges, masks, settings.edge_thinning * draw(1, 1, 1))
    return images, masks, edges


def addressed_edges(
    edges: torch.Tensor,
    masks: torch.Tensor,
    sampling: SamplingSettings,
    draws: Callable[[str], Sequence[np.random.Generator]],
) -> torch.Tensor:
    """Edge maps float32 (B,1,S,S) as a sample is made from: deformed, thinned, with patches
    dropped.

    `draws(purpose)` gives one generator of random numbers per sample, from its address.
    """
    if sampling.edge_warp:
        uniform = _drawn(draws("edge warp"), (2, _KNOTS, _KNOTS))
        edges = warp(edges, masks, uniform, torch.full((len(edges), 1, 1, 1), sampling.edge_warp))
    if sampling.edge_thinning:
        edges = thin_edges(
            edges, masks, sampling.edge_thinning * _drawn(draws("edge thinning"), (1, 1, 1))
        )
    return addressed_edge_dropout(edges, masks, sampling.edge_dropout, draws("edges"))


def addressed_edge_dropout(
    edges: torch.Tensor, masks: torch.Tensor, share: float, draws: Sequence[np.random.Generator]
) -> torch.Tensor:
    """`drop_edges` as used in sampling: one `share` for all, each sample's patches from its own
    random numbers."""
    return drop_edges(edges, masks, _drawn(draws, (1, _PATCHES, _PATCHES)), torch.tensor(share))


def _drawn(draws: Sequence[np.random.Generator], shape: tuple[int, ...]) -> torch.Tensor:
    """float32 (B, *shape), uniform in [0, 1)."""
    return torch.from_numpy(np.stack([draw.random(shape, np.float32) for draw in draws]))
