"""Rotate: a small turn about the image centre."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, uniform
from baselines.transforms.geometry import resample, rotation


class Rotate(Transform):
    """RandomRotate: +-5 degrees."""

    name, version = "rotate", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return {"angle_deg": uniform(rng, len(images), -5.0, 5.0)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return resample(images, masks, rotation(drawn["angle_deg"]), outside="edge")
