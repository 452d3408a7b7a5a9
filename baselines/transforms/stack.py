"""Transforms made of several: nnU-Net's stack, which the paper calls DeepStack (Q22), and
TrivialAugment.

The geometry of an image, whatever it is made of, is joined into one map and read once (see
spatial.py). An image that the draw leaves alone comes back bit for bit.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from baselines.transforms import intensity, spatial
from baselines.transforms.base import (
    Drawn,
    Transform,
    around_one,
    beside,
    chance,
    normal_field,
    per_image,
    uniform,
)
from benchmark.training.to_device import written


class DeepStack(Transform):
    """nnU-Net's 2D stack (Q22): elastic (alpha 0-200, sigma 9-13 pixels of the working grid; p
    0.2), rotation +-180 degrees (p 0.2), scale 0.85-1.25 (p 0.2), gamma 0.7-1.5 with mean and SD
    kept (p 0.3), each axis mirrored (p 0.5).
    """

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        one = torch.ones((), device=rng.device)
        drawn = {
            "elastic_alpha_px": uniform(rng, n, 0.0, 200.0) * chance(rng, n, 0.2),
            "elastic_sigma_px": uniform(rng, n, 9.0, 13.0),
            "angle_deg": uniform(rng, n, -180.0, 180.0) * chance(rng, n, 0.2),
            "scale": torch.where(chance(rng, n, 0.2), around_one(rng, n, 0.85, 1.25), one),
            "gamma": torch.where(chance(rng, n, 0.3), around_one(rng, n, 0.7, 1.5), one),
            "mirror_x": chance(rng, n, 0.5),
            "mirror_y": chance(rng, n, 0.5),
            "elastic_noise": spatial.elastic_noise(images, rng),
        }
        return beside(images, drawn)

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        scale, angle, alpha, gamma = (
            drawn[key] for key in ("scale", "angle_deg", "elastic_alpha_px", "gamma")
        )
        signs = (1.0 - 2.0 * drawn[key] for key in ("mirror_x", "mirror_y"))
        matrix = per_image(scale)[..., 0] * spatial.rotation(angle) @ spatial.stretch(*signs)
        offset = spatial.elastic_offset(
            drawn["elastic_noise"], alpha, drawn["elastic_sigma_px"], *images.shape[2:]
        )
        moved = drawn["mirror_x"] | drawn["mirror_y"] | (angle != 0) | (scale != 1) | (alpha != 0)
        read, labels = spatial.resample(images, masks, matrix, offset_px=offset, outside="mean")
        images, masks = (
            _where(moved, read, images),
            torch.where(moved[:, None, None], labels, masks),
        )
        return _where(
            gamma != 1, intensity.adjust_gamma(images, gamma, retain_stats=True), images
        ), masks


def _where(chosen: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    return torch.where(per_image(chosen), changed, images)


def _sheared_x(amount: Tensor) -> Tensor:
    return torch.eye(2, device=amount.device) + torch.nn.functional.pad(
        amount[:, None, None], (1, 0, 0, 1)
    )


# TrivialAugment's operations at a signed strength s (B,) in [-1, 1]; 0 changes nothing.
_INTENSITY: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "contrast": lambda images, s, noise: intensity.adjust_contrast(images, 1 + 0.75 * s),
    "gamma": lambda images, s, noise: intensity.adjust_gamma(images, torch.exp2(s)),
    "brightness": lambda images, s, noise: images + per_image(0.4 * s),
    "noise": lambda images, s, noise: images + noise * per_image(0.1 * s),
    "blur": lambda images, s, noise: intensity.gaussian_blur(images, 2.0 * s.abs()),
}
_GEOMETRY: dict[str, Callable[[Tensor], Tensor]] = {
    "rotate": lambda s: spatial.rotation(45.0 * s),
    "scale": lambda s: spatial.stretch(torch.exp2(0.5 * s), torch.exp2(0.5 * s)),
    "shear-x": lambda s: _sheared_x(0.3 * s),
    "shear-y": lambda s: _sheared_x(0.3 * s).mT,
}
_TRANSLATION = ("translate-x", "translate-y")


class TrivialAugment(Transform):
    """One operation per image, chosen evenly, with a strength drawn evenly from a wide range
    (Mueller and Hutter 2021, arXiv 2103.10158, "wide"); not in the paper. Colour operations are
    replaced by those that grey medical images know, and geometry moves the label along. At full
    strength s = +-1: contrast x 0.25-1.75, gamma 0.5-2, brightness +-0.4, noise SD 0.1, blur sigma
    2 pixels, rotation +-45 degrees, scale 0.71-1.41, shear +-0.3, translation +-20 % of the side.
    """

    OPERATIONS = ("identity", *_INTENSITY, *_GEOMETRY, *_TRANSLATION)

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        operation = torch.randint(len(self.OPERATIONS), (n,), generator=rng, device=rng.device)
        drawn = beside(images, {"operation": operation, "strength": uniform(rng, n, -1.0, 1.0)})
        return drawn | {"noise": normal_field(images, rng)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        operation, strength = drawn["operation"], drawn["strength"]
        chosen = {name: operation == index for index, name in enumerate(self.OPERATIONS)}
        for name, change in _INTENSITY.items():
            images = _where(chosen[name], change(images, strength, drawn["noise"]), images)
        matrix = spatial.stretch(torch.ones_like(strength), torch.ones_like(strength))
        for name, matrix_of in _GEOMETRY.items():
            matrix = torch.where(chosen[name][:, None, None], matrix_of(strength), matrix)
        sides = written(strength, *images.shape[:1:-1])
        which = torch.stack([chosen[name] for name in _TRANSLATION], -1)
        offset = (0.2 * strength[:, None] * sides * which)[:, None, None]
        moved = operation >= len(self.OPERATIONS) - len(_GEOMETRY) - len(_TRANSLATION)
        read, labels = spatial.resample(images, masks, matrix, offset_px=offset, outside="mean")
        return _where(moved, read, images), torch.where(moved[:, None, None], labels, masks)
