"""Sampling pix2pix: one pass of the generator with dropout masks from the addresses of the
samples."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from baselines.generators.base import Conditions
from baselines.generators.fit_folder import read_config, read_weights
from baselines.pix2pix.networks import UNetGenerator
from baselines.pix2pix.settings import Pix2PixSampling, Pix2PixSettings
from baselines.scratch.diffusion import all_addressed


class Pix2PixSampler:
    """A fitted network."""

    def __init__(self, folder: Path, device: torch.device):
        self.settings, config = read_config(folder, Pix2PixSettings)
        network = UNetGenerator(self.settings, config["size"])
        self.network, self.device = read_weights(folder, network, device), device

    @torch.inference_mode()
    def images(
        self,
        conditions: Conditions,
        variants: Sequence[int],
        key: str,
        sampling: Pix2PixSampling,
    ) -> np.ndarray:
        """uint8 (B,S,S): one image for each of the conditions."""
        edges = torch.from_numpy(np.array(conditions.edges[:, None], np.float32)).to(self.device)
        draws = all_addressed(key, conditions.ids, variants, "dropout", sampling.noise)
        uniform = [
            torch.from_numpy(np.stack([draw.random(shape, np.float32) for draw in draws])).to(
                self.device
            )
            for shape in self.network.dropped
        ]
        made = self.network(edges / 127.5 - 1, uniform, sampling.dropout)[:, 0]
        return ((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
