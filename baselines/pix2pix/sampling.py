"""Sampling pix2pix: one pass of the generator with dropout masks from the addresses of the
samples."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from baselines.generators.base import Conditions
from baselines.generators.fit_folder import read_config, read_weights
from baselines.pix2pix.networks import UNetGenerator
from baselines.pix2pix.settings import Pix2PixSampling, Pix2PixSettings
from baselines.scratch.diffusion import all_addressed
from benchmark.training.graphs import make_graphs
from benchmark.training.static_pass import StaticPasses
from benchmark.training.to_device import fetched, sent


class Pix2PixSampler:
    """A fitted network."""

    def __init__(self, folder: Path, device: torch.device, graphs: bool = True):
        self.settings, config = read_config(folder, Pix2PixSettings)
        network = UNetGenerator(self.settings, config["size"])
        self.network, self.device = read_weights(folder, network, device), device
        self.graphs = make_graphs(device, (), wanted=graphs)
        self._passes: dict[float, StaticPasses] = {}  # by the rate of dropout

    @torch.inference_mode()
    def images(
        self,
        conditions: Conditions,
        variants: Sequence[int],
        key: str,
        sampling: Pix2PixSampling,
    ) -> Callable[[], np.ndarray]:
        """Waits for uint8 (B,S,S): one image for each of the conditions."""
        edges = sent(torch.from_numpy(np.array(conditions.edges[:, None], np.float32)), self.device)
        draws = all_addressed(key, conditions.ids, variants, "dropout", sampling.noise)
        uniform = {
            f"level{number}": sent(
                torch.from_numpy(np.stack([draw.random(shape, np.float32) for draw in draws])),
                self.device,
            )
            for number, shape in enumerate(self.network.dropped)
        }
        made = self._pass(sampling.dropout)(edges=edges / 127.5 - 1, **uniform)[:, 0]
        return fetched(((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))

    def _pass(self, dropout: float) -> StaticPasses:
        def compute(edges: torch.Tensor, **uniform: torch.Tensor) -> torch.Tensor:
            return self.network(edges, list(uniform.values()), dropout)

        if dropout not in self._passes:
            self._passes[dropout] = StaticPasses(compute, self.graphs)
        return self._passes[dropout]
