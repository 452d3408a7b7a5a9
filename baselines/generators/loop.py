"""The training loop of all generators: learning rate, averaged weights, checkpoints, the curve.

A generator gives the function that makes one step; everything else is here. Not here: what a step
shows the network and its loss; the folder that a training leaves (fit_folder.py).
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from benchmark.core.progress import Report
from benchmark.training.checkpoint import Checkpoint, below, optimiser_tensors, restore_optimiser
from benchmark.training.graphs import Graphs, set_learning_rate

CHECK_EVERY = 10  # steps between two looks at the loss; each look waits for the GPU
Network = TypeVar("Network", bound=nn.Module)
CurveRow = tuple[int, float, float]  # step, mean loss since the row before, learning rate


def seeded(build: Callable[[], Network], seed: int) -> Network:
    """A network with initial weights drawn from `seed`; layers draw from the global generator,
    which is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


@dataclass
class TrainingState:
    """Everything that training changes; `save` and `restore` are all that resuming needs.

    weights: the tensors of the networks themselves, by name, on the device.
    optimisers: by name.
    batch: slices in a step.
    average: running means of some of `weights`, under the same names.
    rng: what the steps draw from; None where their draws have addresses.
    shortage: {}, or after a shortage of memory the slices at once ("size") and the first step that
        had fewer ("since_step").
    graphs: how the steps are run.
    """

    weights: Mapping[str, Tensor]
    optimisers: Mapping[str, torch.optim.Optimizer]
    batch: int
    average: Mapping[str, Tensor] = field(default_factory=dict)
    rng: torch.Generator | None = None
    shortage: dict[str, int] = field(default_factory=dict)
    graphs: Graphs = field(default_factory=Graphs)
    step: int = 0
    curve: list[CurveRow] = field(default_factory=list)

    def save(self, checkpoint: Checkpoint) -> None:
        tensors = {f"weight.{name}": tensor.detach() for name, tensor in self.weights.items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        for name, optimiser in self.optimisers.items():
            tensors |= optimiser_tensors(f"{name}.optimiser.", optimiser)
        if self.rng is not None:
            tensors["rng"] = self.rng.get_state()
        numbers = {"step": self.step, "curve": self.curve, "shortage": self.shortage}
        checkpoint.save(tensors, numbers)

    @torch.no_grad()
    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to the checkpoint, if there is one."""
        found = checkpoint.load()
        if found is None:
            return
        tensors, numbers = found
        for prefix, kept in (("weight.", self.weights), ("average.", self.average)):
            for name, value in below(prefix, tensors).items():
                kept[name].copy_(value)
        for name, optimiser in self.optimisers.items():
            restore_optimiser(optimiser, f"{name}.optimiser.", tensors)
        if self.rng is not None:
            self.rng.set_state(tensors["rng"])
        self.step, self.shortage = numbers["step"], numbers["shortage"]
        self.curve = [(step, loss, rate) for step, loss, rate in numbers["curve"]]

    def set_learning_rate(self, rate: float) -> None:
        for optimiser in self.optimisers.values():
            set_learning_rate(optimiser, rate)

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Moves the averages towards the weights; at the start by more than `decay` says, or the
        random weights of step 0 would stay in them for long."""
        if self.average:
            decay = min(decay, self.step / (self.step + 10))
            weights = [self.weights[name].detach() for name in self.average]
            torch._foreach_lerp_(list(self.average.values()), weights, 1 - decay)

    @torch.no_grad()
    def use_average(self) -> None:
        """Puts the averages in the place of the weights: the training is over."""
        for name, averaged in self.average.items():
            self.weights[name].copy_(averaged)


def averaged(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Averages before the first step: copies of the weights."""
    return {name: weight.detach().clone() for name, weight in weights.items()}


def train(
    state: TrainingState,
    make_step: Callable[[int], Tensor],
    *,
    steps: int,
    learning_rate: Callable[[int], float],
    report: Report,
    checkpoint: Checkpoint | None = None,
    ema_decay: float = 0.0,
    saves: bool = True,
    over_processes: Callable[[Tensor], Tensor] = lambda losses: losses,
    saving_share: float = 1.0,
) -> None:
    """Runs `state` to the last step; the weights are then the averaged ones, if there are any.

    With `checkpoint` the state is saved from time to time, and a training that was killed goes on
    from there to the same weights. Raises RuntimeError naming the first step whose loss is not
    finite, and the last checkpoint.

    Args:
        make_step: makes the step of this number, from 0, and returns its loss, a scalar, which the
            next step may overwrite.
        learning_rate: of the step of this number, from 0.
        ema_decay: decay per step of the averages.
        saves: False for all but one of several processes.
        over_processes: adds up losses (n,) over the processes.
        saving_share: largest share of the time that goes into saving.
    """
    if checkpoint is not None:
        state.restore(checkpoint)
    saved = state.step
    report(state.step, steps)
    losses: list[Tensor] = []
    while state.step < steps:
        rate = learning_rate(state.step)
        state.set_learning_rate(rate)
        losses.append(make_step(state.step).clone())
        state.step += 1
        state.update_average(ema_decay)
        if len(losses) < CHECK_EVERY and state.step < steps:
            continue
        values = over_processes(torch.stack(losses)).tolist()
        losses.clear()
        _check_finite(values, state.step, rate, saved)
        state.curve.append((state.step, sum(values) / len(values), rate))
        if checkpoint is not None and saves and state.step < steps and checkpoint.due():
            start = time.perf_counter()
            state.save(checkpoint)
            saved, took = state.step, time.perf_counter() - start
            if saving_share < 1:
                checkpoint.every_seconds = max(checkpoint.every_seconds, took / saving_share)
        report(state.step, steps, loss=state.curve[-1][1])
    state.use_average()


def _check_finite(losses: list[float], last: int, rate: float, saved: int) -> None:
    """`last`: the step that the last of `losses` is of, counted from 1."""
    for step, loss in enumerate(losses, start=last - len(losses) + 1):
        if not math.isfinite(loss):
            kept = f"the last good checkpoint is that of step {saved}"
            raise RuntimeError(
                f"the loss of the generator is {loss} at step {step};"
                f" {kept if saved else 'no checkpoint was saved before'};"
                f" lower generator.learning_rate (now {rate:.2g})."
            )
