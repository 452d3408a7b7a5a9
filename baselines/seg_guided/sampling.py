"""Sampling seg-guided: the noise of each address, solved under its mask. Not here: which mask that
is (generators/mask_sampler.py)."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from baselines.generators.base import Conditions
from baselines.generators.fit_folder import read_config, read_weights
from baselines.scratch import diffusion
from baselines.seg_guided.loss import condition_grid
from baselines.seg_guided.settings import SegGuidedSampling, SegGuidedSettings
from baselines.seg_guided.training import network_of
from benchmark.training import number_format
from benchmark.training.graphs import make_graphs
from benchmark.training.static_pass import StaticPasses
from benchmark.training.to_device import fetched, sent


class SegGuidedSampler:
    """A fitted network."""

    def __init__(self, folder: Path, device: torch.device, graphs: bool = True):
        self.settings, config = read_config(folder, SegGuidedSettings)
        network = network_of(self.settings, config["size"])
        self.network, self.device = read_weights(folder, network, device), device
        self.graphs = make_graphs(device, (), wanted=graphs)
        self._loops: dict[SegGuidedSampling, StaticPasses] = {}

    def _predicted(
        self, grid: torch.Tensor, timesteps: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        return self.network(grid, timesteps, condition)

    @torch.inference_mode()
    def images(
        self,
        conditions: Conditions,
        variants: Sequence[int],
        key: str,
        sampling: SegGuidedSampling,
    ) -> Callable[[], np.ndarray]:
        """Waits for uint8 (B,S,S): one image for each of the conditions."""
        settings = self.settings
        masks = torch.from_numpy(np.array(conditions.masks[:, None], np.float32, order="C"))
        condition = condition_grid(sent(masks, self.device), settings)
        noise = diffusion.starting_noise(
            key, conditions.ids, variants, tuple(condition.shape[1:]), sampling.noise, self.device
        )
        grid = self._loop(sampling)(noise=noise, condition=condition)
        return fetched(diffusion.to_uint8(diffusion.from_grid(grid, settings.unshuffle))[:, 0])

    def _loop(self, sampling: SegGuidedSampling) -> StaticPasses:
        """All denoising steps of a batch."""
        if sampling not in self._loops:
            self._loops[sampling] = StaticPasses(self._steps(sampling), self.graphs, sampling.steps)
        return self._loops[sampling]

    def _steps(self, sampling: SegGuidedSampling) -> Callable[..., torch.Tensor]:
        settings, device = self.settings, self.device
        if settings.objective == "flow":
            flow = number_format.native(self._predicted, device)
            return lambda noise, **shown: euler(
                partial(flow, **shown), noise * sampling.noise_scale, sampling.steps
            )
        return diffusion.sampling_loop(
            self._predicted, "noise", sampling, device, settings.schedule
        )


@torch.inference_mode()
def euler(flow: Callable[..., torch.Tensor], noise: torch.Tensor, steps: int) -> torch.Tensor:
    """The grid (B,C,H,W) at time 0 from the noise at time 1, in equal steps against
    `flow(grid, timesteps)`, in float32."""
    times = torch.linspace(1, 0, steps + 1, device=noise.device)[:-1] * diffusion.TIMESTEPS
    grid = noise
    for time in times:
        grid = grid - flow(grid, time.expand(len(grid))).float() / steps
    return grid
