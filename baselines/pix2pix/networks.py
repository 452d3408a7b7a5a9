"""The two networks of pix2pix (Isola et al. 2017, appendix 6.1): a U-Net from edges to an image,
and a PatchGAN.

Normalisation is per image (with batches of one, as in that paper, batch normalisation is the
same), so that a sample depends on nothing else in its batch. Dropout masks come from outside, so
that they can be drawn from a sample's address. Not here: losses and training.
"""

from collections.abc import Sequence

import torch
from torch import nn

from baselines.pix2pix.settings import Pix2PixSettings

_SLOPE = 0.2


class UNetGenerator(nn.Module):
    """Edge maps (B, 1, S, S) in [-1, 1] -> images (B, 1, S, S) in [-1, 1]."""

    def __init__(self, settings: Pix2PixSettings, size: int):
        super().__init__()
        channels = settings.channels
        self.layers = settings.dropout_layers
        depth = len(channels)
        widths = (1, *channels)
        self.down = nn.ModuleList(
            # No normalisation on the first level, nor on the last, where it would leave nothing of
            # a 1 x 1 grid.
            _block(nn.Conv2d, widths[level], widths[level + 1], norm=0 < level < depth - 1)
            for level in range(depth)
        )
        self.up = nn.ModuleList(
            _block(
                nn.ConvTranspose2d,
                channels[level] * (1 if level == depth - 1 else 2),
                channels[level - 1],
                norm=True,
            )
            for level in range(depth - 1, 0, -1)
        )
        self.out = nn.ConvTranspose2d(2 * channels[0], 1, 4, stride=2, padding=1)
        # Shapes (C, H, W) of the activations that dropout acts on, innermost first.
        sides = [size // 2**level for level in range(depth - 1, 0, -1)]
        self.dropped = [
            (channels[depth - 2 - place], sides[place], sides[place])
            for place in range(self.layers)
        ]
        self.apply(initialise)

    def forward(
        self, edges: torch.Tensor, uniform: Sequence[torch.Tensor], dropout: float
    ) -> torch.Tensor:
        """`uniform`: per entry of `dropped` numbers (B, C, H, W) in [0, 1); an activation is
        dropped below `dropout`."""
        skips, grid = [], edges
        for level, block in enumerate(self.down):
            grid = block(grid if level == 0 else nn.functional.leaky_relu(grid, _SLOPE))
            skips.append(grid)
        skips.pop()
        for place, block in enumerate(self.up):
            grid = block(nn.functional.relu(grid))
            if place < self.layers:
                grid = grid * (uniform[place] >= dropout) / (1 - dropout)
            grid = torch.cat([grid, skips.pop()], dim=1)
        return torch.tanh(self.out(nn.functional.relu(grid)))


class PatchDiscriminator(nn.Module):
    """Edge maps and images (B, 1, S, S) -> one logit per overlapping patch, (B, 1, h, w): does the
    image look real?"""

    def __init__(self, settings: Pix2PixSettings):
        super().__init__()
        widths = (2, *settings.discriminator_channels)
        halving = [
            _block(nn.Conv2d, before, after, norm=place > 0)
            for place, (before, after) in enumerate(zip(widths, widths[1:], strict=False))
        ]
        last = widths[-1]
        self.blocks = nn.ModuleList(
            [*halving, _block(nn.Conv2d, last, 2 * last, norm=True, stride=1)]
        )
        self.out = nn.Conv2d(2 * last, 1, 4, padding=1)
        self.apply(initialise)

    def forward(self, edges: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        grid = torch.cat([edges, images], dim=1)
        for block in self.blocks:
            grid = nn.functional.leaky_relu(block(grid), _SLOPE)
        return self.out(grid)


def _block(
    kind: type[nn.Module], before: int, after: int, norm: bool, stride: int = 2
) -> nn.Sequential:
    layers: list[nn.Module] = [kind(before, after, 4, stride=stride, padding=1)]
    return (
        nn.Sequential(*layers, nn.InstanceNorm2d(after, affine=True))
        if norm
        else nn.Sequential(*layers)
    )


def initialise(layer: nn.Module) -> None:
    """Weights from N(0, 0.02), as in the paper's code base of 2017; scales of the normalisation
    around 1."""
    means = {nn.Conv2d: 0.0, nn.ConvTranspose2d: 0.0, nn.InstanceNorm2d: 1.0}
    if type(layer) in means:
        weight, bias = layer.parameters()
        nn.init.normal_(weight, means[type(layer)], 0.02)
        nn.init.zeros_(bias)
