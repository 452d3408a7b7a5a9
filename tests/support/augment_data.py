"""What the tests of augmentation share: generators, and a batch as training reads it."""

import torch
from torch.nn import functional

from baselines.transforms.catalogue import transform_class

SIZE = 64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int = 8, size: int = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of uint8 grey values / 255, as training reads them, and masks of one off-centre
    ellipse each."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    masks = (
        (((y - 0.4 * size) / 0.2) ** 2 + ((x - 0.55 * size) / 0.15) ** 2 < size**2)
        .to(torch.uint8)
        .repeat(n, 1, 1)
    )
    texture = torch.rand(n, 1, size, size, generator=generator(7))
    images = functional.avg_pool2d(texture, 5, 1, 2) + 0.3 * masks[:, None]
    return torch.round(images / images.max() * 255) / 255, masks


def drawn_many(name: str, n: int = 20_000) -> dict[str, torch.Tensor]:
    return transform_class(name)().draw(torch.zeros(n, 1, 4, 4), generator(3))
