"""Fitting a diffusion generator: the training loop, averaged weights, and the folder that a fit
leaves behind. Not here: the loss (diffusion.py) and what a batch holds."""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from baselines.generators.base import IDS_FILE, TrainingSlices
from baselines.scratch.settings import GeneratorSettings
from benchmark.core.progress import Report
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint, below, optimiser_tensors, restore_optimiser
from benchmark.training.microbatch import MicroBatches

_CHECK_EVERY = 10  # steps between two looks at the loss; each look waits for the GPU


@dataclass
class TrainingState:
    """Everything that training changes; `save` and `restore` are all that resuming needs."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    rng: torch.Generator
    average: list[torch.Tensor]
    micro: MicroBatches
    step: int = 0
    # (step, mean loss since the last, rate)
    curve: list[tuple[int, float, float]] = field(default_factory=list)

    def save(self, checkpoint: Checkpoint) -> None:
        tensors = {"rng": self.rng.get_state()}
        tensors |= {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{number}": value for number, value in enumerate(self.average)}
        tensors |= optimiser_tensors("optimiser.", self.optimiser)
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        checkpoint.save(copies, {"step": self.step, "curve": self.curve, "micro": self.micro.state})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to the checkpoint, if there is one."""
        found = checkpoint.load()
        if found is None:
            return
        tensors, numbers = found
        self.network.load_state_dict(below("network.", tensors))
        for number, averaged in enumerate(self.average):
            averaged.copy_(tensors[f"average.{number}"])
        restore_optimiser(self.optimiser, "optimiser.", tensors)
        self.rng.set_state(tensors["rng"])
        self.step, self.micro.state = numbers["step"], numbers["micro"]
        self.curve = [tuple(row) for row in numbers["curve"]]


def start_training(
    network: nn.Module, settings: GeneratorSettings, seed: int, device: torch.device
) -> TrainingState:
    """State before the first step; the network is moved to `device`."""
    network.to(device).train()
    if device.type == "cuda":
        network.to(memory_format=torch.channels_last)  # no gain on CPU, measured
    rate, decay = settings.learning_rate, settings.weight_decay
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=rate, weight_decay=decay, betas=(0.9, 0.95), fused=True
    )
    average = [weight.detach().clone() for weight in network.parameters()]
    rng = torch.Generator(device).manual_seed(seed)
    return TrainingState(
        network, optimiser, rng, average, MicroBatches(network, [rng], settings.batch)
    )


def learning_rate(step: int, settings: GeneratorSettings) -> float:
    """Linear warm-up, then half a cosine down to nearly zero; `step` counts from 0."""
    warm_up = max(1, round(settings.warmup_share * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, settings.steps - warm_up)
    return settings.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def train(
    state: TrainingState,
    loss_of_batch: Callable[[torch.Tensor, torch.Generator], torch.Tensor],
    slices: int,
    settings: GeneratorSettings,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Runs `state` to `settings.steps`; afterwards the network carries the averaged weights and is
    in eval mode.

    `loss_of_batch(rows int64 (batch,), rng)` is the loss of those training slices. With
    `checkpoint` the state is saved from time to time, and a training that was killed goes on from
    there to the same weights. Raises RuntimeError naming the first step whose loss is not finite,
    and the last checkpoint. Where memory runs out, a batch goes through the network in parts
    (microbatch.py).
    """
    device = state.rng.device
    weights = list(state.network.parameters())
    losses: list[torch.Tensor] = []
    if checkpoint is not None:
        state.restore(checkpoint)
    saved = state.step

    def backward(rows: torch.Tensor) -> torch.Tensor:
        with number_format.autocast(device):
            loss = loss_of_batch(rows, state.rng)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    while state.step < settings.steps:
        rate = learning_rate(state.step, settings)
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        rows = torch.randint(slices, (settings.batch,), generator=state.rng, device=device)
        loss = state.micro.run(partial(backward, rows), state.step)
        nn.utils.clip_grad_norm_(weights, settings.gradient_clip)
        state.optimiser.step()
        state.step += 1
        # A short average at the start, or the random weights of step 0 would stay in it for long.
        decay = min(settings.ema_decay, state.step / (state.step + 10))
        torch._foreach_lerp_(state.average, [weight.detach() for weight in weights], 1 - decay)
        losses.append(loss)
        if len(losses) == _CHECK_EVERY or state.step == settings.steps:
            _note_losses(state, losses, rate, saved)
            losses.clear()
            if checkpoint is not None and state.step < settings.steps and checkpoint.due():
                state.save(checkpoint)
                saved = state.step
            report(state.step, settings.steps, loss=state.curve[-1][1])
    with torch.no_grad():
        for weight, averaged in zip(weights, state.average, strict=True):
            weight.copy_(averaged)
    state.network.eval()


def _note_losses(state: TrainingState, losses: list[torch.Tensor], rate: float, saved: int) -> None:
    values = torch.stack(losses).tolist()
    for offset, value in enumerate(values, start=1 - len(values)):
        if not math.isfinite(value):
            last = (
                f"the last good checkpoint is that of step {saved}"
                if saved
                else "no checkpoint was saved before"
            )
            raise RuntimeError(
                f"the loss of the generator is {value} at step {state.step + offset}; {last}; lower"
                f" generator.learning_rate (now {rate:.2g})."
            )
    state.curve.append((state.step, sum(values) / len(values), rate))


def save_fit(
    name: str,
    state: TrainingState,
    data: TrainingSlices,
    settings: GeneratorSettings,
    more: dict,
    out: Path,
) -> None:
    """Writes weights.safetensors, config.json (name, size, settings and `more`), curve.csv and
    training_ids.json."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {key: tensor.contiguous().cpu() for key, tensor in state.network.state_dict().items()}
    save_file(weights, out / "weights.safetensors")
    config = {
        "generator": name,
        "size": data.size,
        "settings": settings.model_dump(mode="json"),
        **more,
    }
    (out / "config.json").write_text(json.dumps(config, indent=1))
    state.micro.write(out)
    (out / IDS_FILE).write_text(json.dumps(list(data.ids)))
    with (out / "curve.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("step", "loss", "learning_rate"), *state.curve])


def read_config(folder: Path) -> tuple[dict, GeneratorSettings]:
    """(whole config, settings) of the fit in `folder`."""
    config = json.loads((folder / "config.json").read_text())
    return config, GeneratorSettings(**config["settings"])
