"""Training pix2pix: the two losses of a step, and the optimisers of both networks. Not here: the
loop (generators/loop.py), the networks (networks.py)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from baselines.generators import fit_folder
from baselines.generators.base import TrainingSlices
from baselines.generators.job import TrainingJob
from baselines.generators.loop import TrainingState, seeded, train
from baselines.pix2pix.networks import PatchDiscriminator, UNetGenerator
from baselines.pix2pix.settings import Pix2PixSettings
from baselines.scratch.slice_augmentation import random_geometry
from benchmark.training import number_format
from benchmark.training.graphs import Graphs, make_graphs, recordable


def fit(name: str, data: TrainingSlices, settings: Pix2PixSettings, job: TrainingJob) -> None:
    """`Generator.fit` of pix2pix; the discriminator is not kept."""
    settings.check_size(data.size)
    planes = torch.from_numpy(np.stack([data.images, data.edges], axis=1)).to(job.device)
    pair = _Pair(settings, data.size, job.seed, job.device)

    loss = torch.zeros((), device=job.device)  # of the last step, where a recorded one leaves it

    def step() -> None:
        rows = torch.randint(len(planes), (settings.batch,), generator=pair.rng, device=job.device)
        batch = random_geometry(planes[rows].float() / 255, settings, pair.rng) * 2 - 1
        loss.copy_(pair.step(batch[:, :1], batch[:, 1:]))

    state = pair.state(make_graphs(job.device, [pair.rng], wanted=job.graphs))
    call = state.graphs.step(step)

    def make_step(number: int) -> torch.Tensor:
        call()
        return loss

    train(
        state,
        make_step,
        steps=settings.steps,
        learning_rate=lambda step: learning_rate(step, settings),
        report=job.report,
        checkpoint=job.checkpoint,
    )
    fit_folder.write(job.out, name, data, settings, pair.generator, state)


def learning_rate(step: int, settings: Pix2PixSettings) -> float:
    """Constant over the first half of the steps, then linearly to 0; `step` counts from 0."""
    return settings.learning_rate * min(1.0, 2 * (1 - step / settings.steps))


class _Pair:
    """Generator and discriminator with their optimisers, on the device."""

    def __init__(self, settings: Pix2PixSettings, size: int, seed: int, device: torch.device):
        self.settings = settings
        generator = seeded(lambda: UNetGenerator(settings, size), seed)
        discriminator = seeded(lambda: PatchDiscriminator(settings), seed + 1)
        self.generator = generator.to(device).train()
        self.discriminator = discriminator.to(device).train()
        networks = self.generator, self.discriminator
        self.descent = tuple(_adam(network, settings, device) for network in networks)
        self.rng = torch.Generator(device).manual_seed(seed)

    def state(self, graphs: Graphs) -> TrainingState:
        """All that training changes."""
        networks = nn.ModuleDict({"generator": self.generator, "discriminator": self.discriminator})
        optimisers = dict(zip(networks, self.descent, strict=True))
        weights, batch = networks.state_dict(), self.settings.batch
        return TrainingState(weights, optimisers, batch, rng=self.rng, graphs=graphs)

    def step(self, images: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        """One step of both networks (Isola et al., eq. 1 to 4) on images and edges float32
        (B,1,S,S) in [-1, 1]; returns the generator's loss."""
        uniform = [
            torch.rand((len(edges), *shape), generator=self.rng, device=edges.device)
            for shape in self.generator.dropped
        ]
        with number_format.autocast(edges.device):
            made = self.generator(edges, uniform, self.settings.dropout).float()
            judged = self.discriminator(edges, images), self.discriminator(edges, made.detach())
            # Halved, so that the discriminator learns half as fast as the generator (section 3.3).
            distrust = 0.5 * (_against(judged[0], 1.0) + _against(judged[1], 0.0))
        _descend(self.descent[1], distrust)
        with number_format.autocast(edges.device):
            doubt = _against(self.discriminator(edges, made), 1.0)
        loss = doubt + self.settings.l1_weight * (made - images).abs().mean()
        _descend(self.descent[0], loss)
        return loss.detach() + 0 * distrust.detach()  # not finite if either is not


def _adam(
    network: nn.Module, settings: Pix2PixSettings, device: torch.device
) -> torch.optim.Optimizer:
    told = recordable(device, settings.learning_rate)
    return torch.optim.Adam(network.parameters(), betas=(0.5, 0.999), **told)


def _against(logits: torch.Tensor, wanted: float) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(
        logits.float(), torch.full_like(logits, wanted, dtype=torch.float32)
    )


def _descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
