"""Scale: the picture grows or shrinks about its centre."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, around_one
from baselines.transforms.geometry import resample, stretch


class Scale(Transform):
    """RandomScale: positions times 0.95-1.05; above 1 the picture shrinks, as in
    batchgenerators."""

    name, version = "scale", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return {"scale": around_one(rng, len(images), 0.95, 1.05)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return resample(images, masks, stretch(drawn["scale"], drawn["scale"]), outside="edge")
