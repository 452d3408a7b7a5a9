"""Unconditional diffusion over (image, mask) pairs: what a diffusion model gives without text,
edges or a known label.

A UNet draws image and mask together as two planes; the mask of a sample is its own, thresholded.
Not here: any conditioning.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel
from torch import nn

from baselines.generators.base import Conditions, Generator, TrainingSlices
from baselines.generators.fit_folder import restore, seeded
from baselines.generators.places import Places
from baselines.scratch import diffusion
from baselines.scratch.presets import UNCONDITIONAL
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from baselines.scratch.slice_augmentation import random_geometry
from baselines.scratch.training import read_config, save_fit, start_training, train
from benchmark.core.progress import Report, silent
from benchmark.spec.method import Look
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint


class PairNetwork(nn.Module):
    """UNet over the planes of image and mask: noisy grid + timestep -> prediction like the grid."""

    def __init__(self, settings: GeneratorSettings, size: int):
        super().__init__()
        self.settings = settings
        planes, levels = 2 * settings.unshuffle**2, len(settings.channels)
        lowest = settings.attention == "lowest"
        positions = diffusion.position_planes(size // settings.unshuffle)
        self.register_buffer("positions", positions, persistent=False)
        self.unet = UNet2DModel(
            sample_size=size // settings.unshuffle,
            in_channels=planes + positions.shape[1],
            out_channels=planes,
            down_block_types=("DownBlock2D",) * (levels - 1)
            + ("AttnDownBlock2D" if lowest else "DownBlock2D",),
            up_block_types=("AttnUpBlock2D" if lowest else "UpBlock2D",)
            + ("UpBlock2D",) * (levels - 1),
            block_out_channels=settings.channels,
            layers_per_block=settings.layers,
            attention_head_dim=settings.channels[-1] // settings.heads,
            norm_num_groups=settings.norm_groups,
        )

    def forward(self, grid: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """grid (B, planes, H, W), timesteps (B,) -> prediction like grid."""
        placed = torch.cat([grid, self.positions.expand(len(grid), -1, -1, -1)], dim=1)
        return self.unet(placed, timesteps, return_dict=False)[0]


class UnconditionalDiffusion(Generator[GeneratorSettings, SamplingSettings]):
    """Diffusion over (image, mask) pairs; of `Conditions` only the ids count, one pair per id."""

    name, version = "unconditional", 1
    joins = "pairs"
    settings = GeneratorSettings
    presets = UNCONDITIONAL
    look = Look(order=20, colour="#e69f00", marker="^")

    def __init__(self, network: PairNetwork, size: int, device: torch.device):
        self.network, self.size, self.device = network, size, device
        self.sampling = network.settings.sampling
        self.number_format = number_format.native_format(device)

    @classmethod
    def fit(
        cls,
        data: TrainingSlices,
        settings: GeneratorSettings,
        *,
        seed: int,
        device: torch.device,
        out: Path,
        places: Places = Places(),
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        settings.check_size(data.size)
        network = seeded(lambda: PairNetwork(settings, data.size), seed)
        state = start_training(network, settings, seed, device)
        shares = diffusion.signal_shares(device)
        pairs = torch.from_numpy(np.stack([data.images, data.masks * 255], axis=1)).to(device)

        def loss(rows: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
            planes = random_geometry(pairs[rows].float() / 255, settings, rng)
            grid = diffusion.to_grid(planes, settings.unshuffle)
            importance = diffusion.organ_importance(planes[:, 1:], settings).repeat(1, 2, 1, 1)
            return diffusion.denoising_loss(network, grid, importance, shares, settings, rng)

        train(state, loss, len(data.ids), settings, report, checkpoint)
        save_fit(cls.name, state, data, settings, {}, out)

    @classmethod
    def load(
        cls, folder: Path, device: torch.device, places: Places = Places()
    ) -> "UnconditionalDiffusion":
        config, settings = read_config(folder)
        return cls(
            restore(PairNetwork(settings, config["size"]), folder, device), config["size"], device
        )

    @torch.inference_mode()
    def sample_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: SamplingSettings,
    ) -> tuple[np.ndarray, np.ndarray]:
        unshuffle = self.network.settings.unshuffle
        side = self.size // unshuffle
        noise = diffusion.starting_noise(
            key,
            conditions.ids,
            variants,
            (2 * unshuffle**2, side, side),
            sampling.noise,
            self.device,
        )
        prediction = self.network.settings.prediction
        grid = diffusion.sample_grid(self.network, noise, prediction, sampling)
        planes = diffusion.from_grid(grid, unshuffle)
        masks = (planes[:, 1] > 0.5).to(torch.uint8).cpu().numpy()
        return diffusion.to_uint8(planes[:, 0]), masks
