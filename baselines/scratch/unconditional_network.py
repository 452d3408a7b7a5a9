"""The network of unconditional diffusion over (image, mask) pairs: training and sampling. Not here:
the loop (training.py), the solver (diffusion.py)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel
from torch import nn

from baselines.generators import fit_folder
from baselines.generators.base import TrainingSlices
from baselines.generators.job import TrainingJob
from baselines.generators.loop import seeded
from baselines.scratch import diffusion
from baselines.scratch.settings import DiffusionSettings, GeneratorSettings, SamplingSettings
from baselines.scratch.slice_augmentation import random_geometry
from baselines.scratch.training import train_diffusion
from benchmark.training.graphs import make_graphs
from benchmark.training.static_pass import StaticPasses
from benchmark.training.to_device import fetched, on_device


class GridUNet(nn.Module):
    """UNet over the grid of some planes, told where each cell lies: noisy grid + timestep ->
    prediction like the grid."""

    positions: torch.Tensor

    def __init__(self, settings: DiffusionSettings, size: int, made: int, shown: int = 0):
        """made: planes of the noisy grid; shown: planes that lie beside it (`forward`)."""
        super().__init__()
        levels = len(settings.channels)
        lowest = settings.attention == "lowest"
        positions = diffusion.position_planes(size // settings.unshuffle)
        self.register_buffer("positions", positions, persistent=False)
        self.unet = UNet2DModel(
            sample_size=size // settings.unshuffle,
            in_channels=(made + shown) * settings.unshuffle**2 + positions.shape[1],
            out_channels=made * settings.unshuffle**2,
            down_block_types=("DownBlock2D",) * (levels - 1)
            + ("AttnDownBlock2D" if lowest else "DownBlock2D",),
            up_block_types=("AttnUpBlock2D" if lowest else "UpBlock2D",)
            + ("UpBlock2D",) * (levels - 1),
            block_out_channels=settings.channels,
            layers_per_block=settings.layers,
            attention_head_dim=settings.channels[-1] // settings.heads,
            norm_num_groups=settings.norm_groups,
        )

    def forward(
        self, grid: torch.Tensor, timesteps: torch.Tensor, *shown: torch.Tensor
    ) -> torch.Tensor:
        """grid (B, planes, H, W), timesteps (B,), grids that are shown -> prediction like grid."""
        placed = torch.cat([grid, *shown, self.positions.expand(len(grid), -1, -1, -1)], dim=1)
        return self.unet(placed, timesteps, return_dict=False)[0]


class PairNetwork(GridUNet):
    """UNet over the planes of image and mask."""

    def __init__(self, settings: GeneratorSettings, size: int):
        super().__init__(settings, size, made=2)


def fit(name: str, data: TrainingSlices, settings: GeneratorSettings, job: TrainingJob) -> None:
    """`Generator.fit` of unconditional diffusion."""
    settings.check_size(data.size)
    network = on_device(seeded(lambda: PairNetwork(settings, data.size), job.seed), job.device)
    shares = diffusion.signal_shares(job.device)
    pairs = torch.from_numpy(np.stack([data.images, data.masks * 255], axis=1)).to(job.device)

    def loss(rows: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        planes = random_geometry(pairs[rows].float() / 255, settings, rng)
        grid = diffusion.to_grid(planes, settings.unshuffle)
        importance = diffusion.organ_importance(planes[:, 1:], settings).repeat(1, 2, 1, 1)
        return diffusion.denoising_loss(network, grid, importance, shares, settings, rng)

    state = train_diffusion(
        network,
        loss,
        len(data.ids),
        settings,
        job,
    )
    fit_folder.write(job.out, name, data, settings, network, state)


class PairSampler:
    """A fitted network."""

    def __init__(self, folder: Path, device: torch.device, graphs: bool = True):
        self.settings, config = fit_folder.read_config(folder, GeneratorSettings)
        self.side, self.device = config["size"] // self.settings.unshuffle, device
        network = PairNetwork(self.settings, config["size"])
        self.network = fit_folder.read_weights(folder, network, device)
        self.graphs = make_graphs(device, (), wanted=graphs)
        self._loops: dict[SamplingSettings, StaticPasses] = {}

    @torch.inference_mode()
    def pairs(
        self, ids: Sequence[str], variants: Sequence[int], key: str, sampling: SamplingSettings
    ) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Waits for images uint8 and masks uint8 {0,1}, both (B,S,S), one for each id."""
        unshuffle = self.settings.unshuffle
        shape = (2 * unshuffle**2, self.side, self.side)
        noise = diffusion.starting_noise(key, ids, variants, shape, sampling.noise, self.device)
        planes = diffusion.from_grid(self._loop(sampling)(noise=noise), unshuffle)
        images = fetched(diffusion.to_uint8(planes[:, 0]))
        masks = fetched((planes[:, 1] > 0.5).to(torch.uint8))
        return lambda: (images(), masks())

    def _loop(self, sampling: SamplingSettings) -> StaticPasses:
        """All denoising steps of a batch."""
        if sampling not in self._loops:
            prediction = self.settings.prediction
            loop = diffusion.sampling_loop(self.network, prediction, sampling, self.device)
            self._loops[sampling] = StaticPasses(loop, self.graphs, sampling.steps)
        return self._loops[sampling]
