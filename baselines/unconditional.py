"""Unconditional diffusion over (image, mask) pairs: what a diffusion model gives without text, edges or a known label.

A UNet draws image and mask together as two planes; the mask of a sample is its own, thresholded. Callers: the stages
fit-generator and synthesize. Not here: any conditioning.
"""

from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel

from baselines import diffusion
from baselines.generator import Conditions, Generator, GeneratorSettings, SamplingSettings, TrainingSlices
from baselines.generator_training import read_config, restore, save_fit, seeded, start_training, train
from baselines.slice_augmentation import random_geometry
from benchmark.progress import Report, silent


def _build(settings: GeneratorSettings, size: int) -> UNet2DModel:
    planes, levels = 2 * settings.unshuffle**2, len(settings.channels)
    return UNet2DModel(
        sample_size=size // settings.unshuffle,
        in_channels=planes,
        out_channels=planes,
        down_block_types=("DownBlock2D",) * (levels - 1) + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
        block_out_channels=settings.channels,
        layers_per_block=settings.layers,
        attention_head_dim=settings.channels[-1] // settings.heads,
        norm_num_groups=settings.norm_groups,
    )


class UnconditionalDiffusion(Generator):
    """Diffusion over (image, mask) pairs; of `Conditions` only the ids count, one pair per id."""

    name = "unconditional"

    def __init__(self, network: UNet2DModel, settings: GeneratorSettings, size: int, device: torch.device):
        self.network, self.settings, self.size, self.device = network, settings, size, device

    @classmethod
    def fit(
        cls,
        data: TrainingSlices,
        settings: GeneratorSettings,
        *,
        seed: int,
        device: torch.device,
        out: Path,
        report: Report = silent,
    ) -> None:
        settings.check_size(data.size)
        network = seeded(lambda: _build(settings, data.size), seed)
        state = start_training(network, settings, seed, device)
        shares = diffusion.signal_shares(device)
        pairs = torch.from_numpy(np.stack([data.images, data.masks * 255], axis=1)).to(device)

        def denoise(noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            return network(noisy, timesteps, return_dict=False)[0]

        def loss(rows: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
            planes = random_geometry(pairs[rows].float() / 255, settings, rng)
            grid = diffusion.to_grid(planes, settings.unshuffle)
            return diffusion.velocity_loss(denoise, grid, shares, settings.min_snr_gamma, rng)

        train(state, loss, len(data.ids), settings, report)
        save_fit(cls.name, state, data, settings, {}, out)

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "UnconditionalDiffusion":
        config, settings = read_config(folder)
        return cls(restore(_build(settings, config["size"]), folder, device), settings, config["size"], device)

    @torch.inference_mode()
    def sample(
        self,
        conditions: Conditions,
        *,
        variant: int,
        key: str,
        batch_size: int,
        sampling: SamplingSettings | None = None,
        report: Report = silent,
    ) -> tuple[np.ndarray, np.ndarray]:
        sampling = sampling or self.settings.sampling
        side = self.size // self.settings.unshuffle
        shape = (2 * self.settings.unshuffle**2, side, side)
        images = np.empty((len(conditions.ids), self.size, self.size), np.uint8)
        masks = np.empty_like(images)

        def denoise(grid: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            return self.network(grid, timesteps, return_dict=False)[0]

        for first in range(0, len(images), batch_size):
            rows = slice(first, first + batch_size)
            noise = diffusion.starting_noise(key, conditions.ids[rows], variant, shape, sampling.noise, self.device)
            planes = diffusion.from_grid(diffusion.sample_grid(denoise, noise, sampling), self.settings.unshuffle)
            images[rows] = diffusion.to_uint8(planes[:, 0])
            masks[rows] = (planes[:, 1] > 0.5).to(torch.uint8).cpu().numpy()
            report(min(first + batch_size, len(images)), len(images))
        return images, masks
