"""Brightness: one number added to all pixels of an image."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, per_image

# Shifts are multiples of this. The sum with a grey value k/255 is then exact in float64, and
# min-max normalisation takes it back without a trace (Q3).
_STEP = 2.0**-20


class Brightness(Transform):
    """RandomBrightness: a normal number, SD 0.25 (0.5 on the release's range). Nothing is clipped,
    so the sample keeps all its information; under `renormalise` it has no effect at all (Q3)."""

    name, version = "brightness", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        shift = torch.randn(len(images), generator=rng, device=rng.device) * 0.25
        return {"shift": torch.round(shift / _STEP) * _STEP}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return images + per_image(drawn["shift"]), masks
