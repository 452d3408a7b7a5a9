"""Training a diffusion network from scratch: optimiser, learning rate, averaged weights. Not here:
the loop (generators/loop.py), the loss (diffusion.py) and what a batch holds."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from baselines.generators.job import TrainingJob
from baselines.generators.loop import TrainingState, averaged, train
from baselines.scratch.settings import DiffusionSettings
from benchmark.training import number_format
from benchmark.training.microbatch import MicroBatches

# (rows int64 (B,), random numbers) -> scalar loss of those training slices
Loss = Callable[[Tensor, torch.Generator], Tensor]


def learning_rate(step: int, settings: DiffusionSettings) -> float:
    """Linear warm-up, then half a cosine down to nearly zero; `step` counts from 0."""
    warm_up = max(1, round(settings.warmup_share * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, settings.steps - warm_up)
    return settings.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


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
    weights = list(network.parameters())
    optimiser = torch.optim.AdamW(
        weights,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.95),
        fused=True,
    )
    rng = torch.Generator(job.device).manual_seed(job.seed)
    micro = MicroBatches(network, [rng], settings.batch)
    state = TrainingState(
        weights=network.state_dict(),
        optimisers={"network": optimiser},
        batch=settings.batch,
        average=averaged(dict(network.named_parameters())),
        rng=rng,
    )

    def backward(rows: Tensor) -> Tensor:
        with number_format.autocast(job.device):
            loss = loss_of(rows, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    def make_step(number: int) -> Tensor:
        rows = torch.randint(slices, (settings.batch,), generator=rng, device=job.device)
        micro.state = state.shortage
        loss = micro.run(partial(backward, rows), number)
        state.shortage = micro.state
        nn.utils.clip_grad_norm_(weights, settings.gradient_clip)
        optimiser.step()
        return loss

    train(
        state,
        make_step,
        steps=settings.steps,
        learning_rate=lambda step: learning_rate(step, settings),
        report=job.report,
        checkpoint=job.checkpoint,
        ema_decay=settings.ema_decay,
    )
    network.eval()
    return state
