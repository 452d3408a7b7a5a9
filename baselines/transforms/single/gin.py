"""GIN: an image through a shallow network of random weights."""

import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import Drawn, Transform, chance, per_image, uniform
from baselines.transforms.scores import to_scores

_CHANNELS = (1, 2, 2, 2, 1)  # of the input and behind each of the four layers
_TINY = 1e-5


class GIN(Transform):
    """Global intensity non-linear augmentation (Ouyang et al. 2022, arXiv 2111.12525), on every
    image: four convolutions with two inner channels, kernels of 1 or 3 pixels drawn for each layer,
    weights and shifts normal, leaky ReLU but behind the last; blended with the image by a share
    uniform in [0, 1] and given back its Frobenius norm. It acts on z-scores; kernels are drawn for
    each image, where the release draws them for a batch."""

    name, version = "gin", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        drawn = {"blend": uniform(rng, n, 0.0, 1.0)}
        for layer, (given, made) in enumerate(zip(_CHANNELS, _CHANNELS[1:], strict=False)):
            shape = (n, made, given, 3, 3)
            weights = torch.randn(shape, generator=rng, device=rng.device)
            middle = functional.pad(weights[..., 1:2, 1:2], (1, 1, 1, 1))
            point = chance(rng, n, 0.5)[:, None, None, None, None]
            drawn[f"weights_{layer}"] = torch.where(point, middle, weights)
            drawn[f"shifts_{layer}"] = torch.randn((n, made), generator=rng, device=rng.device)
        return drawn

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        scores, sd, mean = to_scores(images)
        made = scores
        for layer in range(len(_CHANNELS) - 1):
            if layer:
                made = functional.leaky_relu(made)
            made = _convolved(made, drawn[f"weights_{layer}"], drawn[f"shifts_{layer}"])
        blend = per_image(drawn["blend"])
        made = blend * made + (1 - blend) * scores
        made = made * (_norm(scores) / (_norm(made) + _TINY))
        return (made * sd + mean).to(images.dtype), masks


def _convolved(images: Tensor, weights: Tensor, shifts: Tensor) -> Tensor:
    """Each image (B, C, H, W) by its own weights (B, D, C, 3, 3) and shifts (B, D), zeros outside:
    one convolution whose groups are the images."""
    n, made = weights.shape[:2]
    found = functional.conv2d(
        images.flatten(0, 1)[None],
        weights.flatten(0, 1).to(images.dtype),
        shifts.flatten().to(images.dtype),
        padding=1,
        groups=n,
    )
    return found.unflatten(1, (n, made))[0]


def _norm(images: Tensor) -> Tensor:
    return images.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
