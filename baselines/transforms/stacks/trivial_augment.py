"""TrivialAugment: one operation per image, chosen evenly, at a strength chosen evenly.

Mueller and Hutter 2021, arXiv 2103.10158, "wide"; not in the paper. Colour operations are replaced
by those that grey medical images know, and geometry moves the label along. An image whose operation
is "identity" comes back bit for bit.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import Drawn, Transform, normal_field, on_chosen, per_image, uniform
from baselines.transforms.gaussian import gaussian_blur
from baselines.transforms.geometry import resample, rotation, stretch
from baselines.transforms.single.contrast import adjust_contrast
from baselines.transforms.single.gamma import adjust_gamma
from benchmark.training.to_device import written


def _sheared_x(amount: Tensor) -> Tensor:
    """(B, 2, 2) matrices that add `amount` (B,) of y to x."""
    above_diagonal = functional.pad(amount[:, None, None], (1, 0, 0, 1))
    return torch.eye(2, device=amount.device) + above_diagonal


# What each operation does at a signed strength s (B,) in [-1, 1]; 0 changes nothing. Grey values:
# how much s stands for, and the change by so much.
_INTENSITY: dict[str, tuple[Callable[[Tensor], Tensor], Callable[..., Tensor]]] = {
    "contrast": (lambda s: 1 + 0.75 * s, lambda images, factor, _: adjust_contrast(images, factor)),
    "gamma": (torch.exp2, lambda images, gamma, _: adjust_gamma(images, gamma)),
    "brightness": (lambda s: 0.4 * s, lambda images, shift, _: images + per_image(shift)),
    "noise": (lambda s: 0.1 * s, lambda images, sd, noise: images + noise * per_image(sd)),
    "blur": (lambda s: 2.0 * s.abs(), lambda images, sigma, _: gaussian_blur(images, sigma)),
}
_GEOMETRY: dict[str, Callable[[Tensor], Tensor]] = {
    "rotate": lambda s: rotation(45.0 * s),
    "scale": lambda s: stretch(torch.exp2(0.5 * s), torch.exp2(0.5 * s)),
    "shear-x": lambda s: _sheared_x(0.3 * s),
    "shear-y": lambda s: _sheared_x(0.3 * s).mT,
}
_TRANSLATION = ("translate-x", "translate-y")
OPERATIONS = ("identity", *_INTENSITY, *_GEOMETRY, *_TRANSLATION)


class TrivialAugment(Transform):
    """At full strength s = +-1: contrast x 0.25-1.75, gamma 0.5-2, brightness +-0.4, noise SD 0.1,
    blur sigma 2 pixels, rotation +-45 degrees, scale 0.71-1.41, shear +-0.3, translation +-20 % of
    the side."""

    name, version = "trivial-augment", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        return {
            "operation": torch.randint(len(OPERATIONS), (n,), generator=rng, device=rng.device),
            "strength": uniform(rng, n, -1.0, 1.0),
            "noise": normal_field(images, rng),
        }

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        operation, strength = drawn["operation"], drawn["strength"]
        chosen = {name: operation == index for index, name in enumerate(OPERATIONS)}
        for name, (amount_of, change) in _INTENSITY.items():
            each = amount_of(strength), drawn["noise"]
            images = on_chosen(images, chosen[name], change, *each, in_company=True)
        matrix = stretch(torch.ones_like(strength), torch.ones_like(strength))
        for name, matrix_of in _GEOMETRY.items():
            matrix = torch.where(chosen[name][:, None, None], matrix_of(strength), matrix)
        translated = torch.stack([chosen[name] for name in _TRANSLATION], -1)
        height, width = images.shape[2:]
        offset_px = 0.2 * strength[:, None] * written(strength, width, height) * translated
        moved = operation >= OPERATIONS.index(next(iter(_GEOMETRY)))
        return resample(
            images,
            masks,
            matrix,
            offset_px=offset_px[..., None, None],
            outside="mean",
            moved=moved,
        )
