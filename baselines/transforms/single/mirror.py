"""Mirror: left and right, or top and bottom, change places."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, chance, per_image


class Mirror(Transform):
    """RandomMirror: three images in four are candidates (p 0.75), then each axis is mirrored with p
    0.5. Exact."""

    name, version = "mirror", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        chosen = chance(rng, n, 0.75)
        return {
            "mirror_x": chosen & chance(rng, n, 0.5),
            "mirror_y": chosen & chance(rng, n, 0.5),
        }

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        for name, axis in (("mirror_x", -1), ("mirror_y", -2)):
            chosen = drawn[name]
            images = torch.where(per_image(chosen), images.flip(axis), images)
            masks = torch.where(chosen[:, None, None], masks.flip(axis), masks)
        return images, masks
