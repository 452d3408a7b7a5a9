"""DeepStack: the 2D transforms of nnU-Net v1's old default, under the paper's name for them (Q22).

The geometry of an image is joined into one map and read once. An image that the draw leaves alone
comes back bit for bit.
"""

from functools import partial

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, around_one, chance, on_chosen, uniform
from baselines.transforms.elastic import elastic_noise, elastic_offset
from baselines.transforms.geometry import resample, rotation, stretch
from baselines.transforms.single.gamma import adjust_gamma


class DeepStack(Transform):
    """Elastic (alpha 0-200, sigma 9-13 pixels of the working grid; p 0.2), rotation +-180 degrees
    (p 0.2), scale 0.85-1.25 (p 0.2), gamma 0.7-1.5 with mean and SD kept (p 0.3), each axis
    mirrored (p 0.5)."""

    name, version = "deepstack", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        return {
            "elastic_alpha_px": uniform(rng, n, 0.0, 200.0) * chance(rng, n, 0.2),
            "elastic_sigma_px": uniform(rng, n, 9.0, 13.0),
            "angle_deg": uniform(rng, n, -180.0, 180.0) * chance(rng, n, 0.2),
            "scale": torch.where(chance(rng, n, 0.2), around_one(rng, n, 0.85, 1.25), 1.0),
            "gamma": torch.where(chance(rng, n, 0.3), around_one(rng, n, 0.7, 1.5), 1.0),
            "mirror_x": chance(rng, n, 0.5),
            "mirror_y": chance(rng, n, 0.5),
            "elastic_noise": elastic_noise(images, rng),
        }

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        images, masks = _move(images, masks, drawn)
        gamma = drawn["gamma"]
        change = partial(adjust_gamma, retain_stats=True)
        return on_chosen(images, gamma != 1, change, gamma, in_company=True), masks


def _move(images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
    """The geometry of the stack."""
    scale, angle, alpha_px = drawn["scale"], drawn["angle_deg"], drawn["elastic_alpha_px"]
    mirror_x, mirror_y = drawn["mirror_x"], drawn["mirror_y"]
    mirror = stretch(1.0 - 2.0 * mirror_x, 1.0 - 2.0 * mirror_y)
    matrix = scale[:, None, None] * rotation(angle) @ mirror
    height, width = images.shape[2:]
    offset_px = elastic_offset(
        drawn["elastic_noise"], alpha_px, drawn["elastic_sigma_px"], height, width
    )
    moved = mirror_x | mirror_y | (angle != 0) | (scale != 1) | (alpha_px != 0)
    return resample(images, masks, matrix, offset_px=offset_px, outside="mean", moved=moved)
