"""Training seg-guided: what a batch of slices holds, and its loss. Not here: the loop
(scratch/training.py), the terms of the loss (loss.py)."""

import numpy as np
import torch
import torch.nn.functional as F

from baselines.generators import fit_folder
from baselines.generators.base import TrainingSlices
from baselines.generators.job import TrainingJob
from baselines.generators.loop import seeded
from baselines.scratch import diffusion
from baselines.scratch.slice_augmentation import random_geometry
from baselines.scratch.training import train_diffusion
from baselines.scratch.unconditional_network import GridUNet
from baselines.seg_guided import loss
from baselines.seg_guided.settings import SegGuidedSettings
from benchmark.training.to_device import on_device


def network_of(settings: SegGuidedSettings, size: int) -> GridUNet:
    """The plane of the image is made, and that of the mask is shown."""
    return GridUNet(settings, size, made=1, shown=1)


def fit(name: str, data: TrainingSlices, settings: SegGuidedSettings, job: TrainingJob) -> None:
    """`Generator.fit` of seg-guided."""
    settings.check_size(data.size)
    network = on_device(seeded(lambda: network_of(settings, data.size), job.seed), job.device)
    batches = TrainingBatches(network, settings, data, job.device)
    state = train_diffusion(network, batches.loss, len(data.ids), settings, job)
    fit_folder.write(job.out, name, data, settings, network, state)


class TrainingBatches:
    """Training slices on the device, and the loss of a batch of them."""

    def __init__(
        self,
        network: GridUNet,
        settings: SegGuidedSettings,
        data: TrainingSlices,
        device: torch.device,
    ):
        self.network, self.settings = network, settings
        planes = np.stack([data.images, data.masks * 255], axis=1)
        self.planes = torch.from_numpy(planes).to(device)
        self.shares = diffusion.signal_shares(device, settings.schedule)
        self.usual = torch.tensor(usual_share(data.masks), device=device)

    def loss(self, rows: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Scalar loss of the slices `rows` (B,)."""
        settings = self.settings
        planes = random_geometry(self.planes[rows].float() / 255, settings, rng)
        images, masks = planes[:, :1], planes[:, 1:].round()
        grid = diffusion.to_grid(images, settings.unshuffle)
        flow = settings.objective == "flow"
        shown = loss.flowing(grid, rng) if flow else loss.noised(grid, self.shares, rng)
        condition = loss.condition_grid(loss.ablated(masks, settings, rng), settings)
        predicted = self.network(shown.noisy, shown.timesteps, condition).float()
        weights = None
        if settings.loss_weight == "adaptive":
            weights = F.pixel_unshuffle(loss.pixel_weights(masks, self.usual), settings.unshuffle)
        return loss.error(predicted, shown.target, weights, settings.loss)


def usual_share(masks: np.ndarray) -> float:
    """Mean share of the foreground of the slices that have any, masks uint8 {0, 1} (N,S,S); a half
    where none has."""
    shares = masks.mean((1, 2))
    return float(shares[shares > 0].mean()) if shares.any() else 0.5
