"""Training a diffusion network from scratch: optimiser, learning rate, averaged weights. Not here:
the loop (generators/loop.py), the loss (diffusion.py) and what a batch holds."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from baselines.generators.job import TrainingJob
from baselines.generators.loop import TrainingState, averaged, train
from baselines.scratch.settings import DiffusionSettings
from benchmark.training import number_format
from benchmark.training.graphs import make_graphs, recordable
from benchmark.training.microbatch import SHORTAGE, MicroBatches

# (rows int64 (B,), random numbers) -> scalar loss of those training slices
Loss = Callable[[Tensor, torch.Generator], Tensor]


def learning_rate(step: int, settings: DiffusionSettings) -> float:
    """Linear warm-up, then half a cosine down to nearly zero; `step` counts from 0."""
    warm_up = max(1, round(settings.warmup_share * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, settings.steps - warm_up)
    return settings.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


class DiffusionStep:
    """One training step on buffers that stay where they are, so that it can be recorded
    (benchmark/training/graphs.py). loss: float32 (), of the last call."""

    def __init__(
        self,
        loss_of: Loss,
        slices: int,
        optimiser: torch.optim.Optimizer,
        rng: torch.Generator,
        settings: DiffusionSettings,
    ):
        self._loss_of, self._slices, self._optimiser = loss_of, slices, optimiser
        self._rng, self._settings = rng, settings
        self._weights = optimiser.param_groups[0]["params"]
        self._rows = torch.zeros(settings.batch, dtype=torch.int64, device=rng.device)
        self.loss = torch.zeros((), device=rng.device)

    def __call__(self) -> None:
        self.draw()
        self.gradients()
        self.update()

    def draw(self) -> None:
        """Chooses the slices."""
        shape, device = self._rows.shape, self._rows.device
        rows = torch.randint(self._slices, shape, generator=self._rng, device=device)
        self._rows.copy_(rows)

    def gradients(self) -> None:
        """The part that needs memory, which can be made again in smaller parts (microbatch.py)."""
        with number_format.autocast(self._rows.device):
            loss = self._loss_of(self._rows, self._rng)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.loss.copy_(loss.detach())

    def update(self) -> None:
        nn.utils.clip_grad_norm_(self._weights, self._settings.gradient_clip)
        self._optimiser.step()


def train_diffusion(
    network: nn.Module,
    loss_of: Loss,
    slices: int,
    settings: DiffusionSettings,
    job: TrainingJob,
) -> TrainingState:
    """Trains `network`, which is on `job.device`, on `slices` training slices; afterwards it
    carries the averaged weights and is in eval mode.

    Where memory runs out, a batch goes through the network in parts (microbatch.py).
    """
    network.train()
    optimiser = torch.optim.AdamW(
        network.parameters(),
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.95),
        **{"fused": True} | recordable(job.device, settings.learning_rate),
    )
    rng = torch.Generator(job.device).manual_seed(job.seed)
    micro = MicroBatches(network, [rng], settings.batch)
    state = TrainingState(
        weights=network.state_dict(),
        optimisers={"network": optimiser},
        batch=settings.batch,
        average=averaged(dict(network.named_parameters())),
        rng=rng,
        graphs=make_graphs(job.device, [rng], wanted=job.graphs),
    )
    if job.compiles:
        state.graphs.compile(network)
    step = DiffusionStep(loss_of, slices, optimiser, rng, settings)

    def plain() -> None:
        step.draw()
        micro.state = state.shortage
        micro.run(step.gradients, state.step)
        state.shortage = micro.state
        step.update()
        if state.shortage:
            state.graphs.stop(SHORTAGE)

    call = state.graphs.step(step, plain)

    def make_step(number: int) -> Tensor:
        call()
        return step.loss

    train(
        state,
        make_step,
        steps=settings.steps,
        learning_rate=lambda step: learning_rate(step, settings),
        report=job.report,
        checkpoint=job.checkpoint,
        ema_decay=settings.ema_decay,
    )
    if job.compiles:
        del network.forward  # the class's own is found again
    network.eval()
    return state
