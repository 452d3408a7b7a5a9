"""The one training loop of all segmenters. It knows no method.

What a step shows to the network is the business of an `Objective`
(baselines/objectives/objectives.py). This module has order, optimiser, schedule, precision,
checkpoint selection and the count of what was presented. Lightning Fabric carries device and
precision. Not here: augmentation, merging, predictions (prediction.py).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from benchmark.core.errors import InputError
from benchmark.core.identity import named_seed
from benchmark.core.progress import Report, silent
from benchmark.training import number_format
from benchmark.training.budget import Training
from benchmark.training.checkpoint import Checkpoint, below, optimiser_tensors, restore_optimiser
from benchmark.training.graphs import Graphs, make_graphs, recordable, set_learning_rate
from benchmark.training.microbatch import SHORTAGE, MicroBatches
from benchmark.training.static_step import Presented, StaticStep
from benchmark.training.to_device import on_device

WARM_UP_STEPS = 20


class Objective(Protocol):
    """What one step is: shows real and synthetic images to the model and returns the scalar loss
    and the counts. items: int64 (B,), row numbers of the training set."""

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]: ...


@runtime_checkable
class Phases(Protocol):
    """Objectives that follow each other in one training."""

    def of_epoch(self, epoch: int) -> Objective:
        """What the steps of an epoch, counted from 1, are."""


@dataclass
class Fit:
    """A finished training: the selected weights, one curve row per epoch, what was presented, what
    was lowered where memory ran out (MicroBatches.shortage), and how its steps were run
    (Graphs.told)."""

    state: dict[str, Tensor]
    epoch: int
    curve: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    presented: dict[str, int] = field(default_factory=lambda: {"real": 0, "synthetic": 0})
    shortage: dict[str, Any] = field(default_factory=dict)
    graphs: dict[str, Any] = field(default_factory=dict)


def make_fabric(device: str, precision: str = "auto") -> Fabric:
    """One device. `precision` of the network: float32, bfloat16 (autocast), native = bfloat16 where
    the device has it, auto = the same on a GPU alone.

    On a CPU bfloat16 is worth it for attention-unet, and the plan asks for it there; of other
    networks it changes results more than it saves (docs/measurements.md, with what was tried and
    dropped).
    """
    cuda = device.startswith("cuda")
    if precision == "auto":
        precision = "native" if cuda else "float32"
    if precision == "native":
        precision = number_format.native_format(torch.device(device))
    named = number_format.fabric_precision(getattr(torch, precision))
    if cuda:
        number = torch.device(device).index or 0
        return Fabric(accelerator="cuda", devices=[number], precision=named)
    return Fabric(accelerator="cpu", devices=1, precision=named)


def learning_rate_factor(step: int, steps: int, schedule: str) -> float:
    """Factor of the base rate at `step` of `steps`: linear warm-up, then cosine to 0; or constant 1
    (Q16)."""
    if schedule == "constant":
        return 1.0
    warm_up = min(1.0, (step + 1) / min(WARM_UP_STEPS, max(1, steps // 10)))
    return warm_up * 0.5 * (1 + math.cos(math.pi * step / steps))


def batches(rows: Tensor, size: int, company: bool) -> list[Tensor]:
    """`rows` in batches of `size`; with `company` the last two are of size - 1 and 2 where the last
    one would be of 1. The number of steps is the same. Raises InputError for a single row."""
    parts = list(rows.split(size))
    if company and len(parts[-1]) == 1:
        if len(rows) == 1:
            raise InputError(
                "the training holds one slice, and the batch normalisation of this architecture"
                " needs two; choose another --architecture."
            )
        last = torch.cat(parts[-2:])
        parts[-2:] = [last[:-2], last[-2:]]
    return parts


def fit(
    model: nn.Module,
    objective: Objective | Phases,
    items: int,
    training: Training,
    *,
    select: Callable[[nn.Module], float] | None,
    fabric: Fabric,
    seed: int,
    report: Report = silent,
    checkpoint: Checkpoint | None = None,
    company: bool = False,
    generators: Mapping[str, torch.Generator] = MappingProxyType({}),
    graphs: bool = True,
    obstacle: str = "",
    compiles: bool = False,
) -> Fit:
    """Trains `model` on `items` items and returns the weights that `select` likes best (the last
    ones without it).

    `select(model) -> score` is called after every `validate_every` epochs and after the last one;
    the first of equal scores wins. With `checkpoint` the whole state is saved between epochs from
    time to time, and a training that was killed goes on from there to the same result. Where memory
    runs out, a batch goes through the network in parts (microbatch.py). With `company` no batch is
    of one slice: see `batches`. Raises RuntimeError, naming the step, when the loss is not finite.

    Args:
        generators: what the objective draws from beside the generator that it is given.
        graphs: on a GPU each step is one CUDA graph (graphs.py), unless there is an `obstacle`.
        compiles: the network's pass in a step is compiled (`Graphs.compile`), that of `select` not.
    """
    on_device(model, fabric.device)
    adamw = torch.optim.AdamW(
        model.parameters(),
        weight_decay=training.weight_decay,
        # fused: faster, also on a CPU (docs/measurements.md)
        **{"fused": True} | recordable(fabric.device, training.learning_rate),
    )
    network, optimiser = fabric.setup(model, adamw)
    order = torch.Generator().manual_seed(named_seed(seed, "segmenter", "order"))
    rng = torch.Generator(fabric.device).manual_seed(named_seed(seed, "segmenter", "step"))
    steps_per_epoch = math.ceil(items / training.batch_size)
    steps = steps_per_epoch * training.epochs
    result = Fit(state={}, epoch=0)
    drawn = {"step": rng, "global": _global_generator(fabric.device), **generators}
    micro = MicroBatches(model, [*drawn.values()], training.batch_size)
    state = _State(model, adamw, {"order": order, **drawn}, result, micro)
    if checkpoint is not None:
        state.restore(checkpoint)
    report(result.steps, steps)
    best = max((row["dice"] for row in result.curve if "dice" in row), default=-math.inf)
    dice = next((row["dice"] for row in reversed(result.curve) if "dice" in row), float("nan"))
    total = torch.zeros((), device=fabric.device)

    def make(shown: Objective, batch: int) -> StaticStep:
        return StaticStep(shown, network, optimiser, fabric, rng, total, batch)

    recorded = make_graphs(
        fabric.device,
        [rng, *generators.values()],
        wanted=graphs,
        obstacle=SHORTAGE if micro.state else obstacle,
    )
    if compiles:
        recorded.compile(model)
    run = _Steps(make, micro, recorded)

    for epoch in range(len(result.curve) + 1, training.epochs + 1):
        network.train()
        run.show(objective.of_epoch(epoch) if isinstance(objective, Phases) else objective)
        rows = torch.randperm(items, generator=order) if training.shuffle else torch.arange(items)
        total.zero_()
        for batch in batches(rows.to(fabric.device), training.batch_size, company):
            factor = learning_rate_factor(result.steps, steps, training.lr_schedule)
            set_learning_rate(adamw, training.learning_rate * factor)
            step = run(batch, result.steps)
            result.steps += 1
            for kind, count in step.presented.items():
                result.presented[kind] += count
            if fabric.device.type == "cpu":  # on a GPU, reading the loss here would stall the queue
                report(result.steps, steps, loss=float(step.loss), dice=dice)
        mean_loss = float(total) / steps_per_epoch
        if not math.isfinite(mean_loss):
            raise RuntimeError(
                f"the segmenter's loss is not finite in epoch {epoch}, by step {result.steps}"
            )
        last = epoch == training.epochs
        row = {"epoch": epoch, "step": result.steps, "loss": mean_loss}
        if select is not None and (last or epoch % training.validate_every == 0):
            with recorded.uncompiled():
                dice = row["dice"] = select(network)
            if dice > best:
                best, result.epoch, result.state = dice, epoch, _copy(model)
        if select is None and last:
            result.epoch, result.state = epoch, _copy(model)
        result.curve.append(row)
        report(result.steps, steps, loss=mean_loss, dice=dice)
        if checkpoint is not None and not last and checkpoint.due():
            state.save(checkpoint)
    result.shortage, result.graphs = micro.shortage, run.graphs.told
    return result


class _Steps:
    """The steps of a training, one of each size of batch; each is recorded by itself."""

    def __init__(
        self,
        make: Callable[[Objective, int], StaticStep],
        micro: MicroBatches,
        graphs: Graphs,
    ):
        self._make, self._micro, self.graphs = make, micro, graphs
        self._shown: Objective | None = None
        self._of_size: dict[int, tuple[StaticStep, Callable[[], None]]] = {}
        self._number = 0

    def show(self, objective: Objective) -> None:
        """From now on steps are those of `objective`; those of another one are forgotten."""
        if objective is not self._shown:
            self._shown = objective
            self._of_size.clear()

    def __call__(self, items: Tensor, number: int) -> StaticStep:
        """Makes the step of this number, counted from 0, on the items int64 (B,)."""
        if len(items) not in self._of_size:
            assert self._shown is not None  # `show` comes first
            made = self._make(self._shown, len(items))
            self._of_size[len(items)] = made, self.graphs.step(made, partial(self._plain, made))
        step, call = self._of_size[len(items)]
        step.items.copy_(items)
        self._number = number
        call()
        return step

    def _plain(self, step: StaticStep) -> None:
        self._micro.run(step.gradients, self._number)
        step.update()
        if self._micro.state:
            self.graphs.stop(SHORTAGE)


@dataclass(frozen=True)
class _State:
    """Everything that the rest of a training depends on, between two epochs."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    generators: dict[str, torch.Generator]
    result: Fit
    micro: MicroBatches

    def save(self, checkpoint: Checkpoint) -> None:
        tensors = {f"model.{name}": value for name, value in _copy(self.model).items()}
        tensors |= {f"selected.{name}": value for name, value in self.result.state.items()}
        tensors |= {
            f"generator.{name}": generator.get_state()
            for name, generator in self.generators.items()
        }
        moments = optimiser_tensors("optimiser.", self.optimiser)
        tensors |= {name: value.detach().cpu() for name, value in moments.items()}
        result = self.result
        numbers = {
            "epoch": result.epoch,
            "curve": result.curve,
            "steps": result.steps,
            "presented": result.presented,
        }
        checkpoint.save(tensors, numbers | {"micro": self.micro.state})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to the checkpoint, if there is one."""
        found = checkpoint.load()
        if found is None:
            return
        tensors, numbers = found
        self.micro.state = numbers.pop("micro")
        self.model.load_state_dict(below("model.", tensors))
        self.result.state = below("selected.", tensors)
        for name, generator in self.generators.items():
            generator.set_state(tensors[f"generator.{name}"])
        restore_optimiser(self.optimiser, "optimiser.", tensors)
        for name, value in numbers.items():
            setattr(self.result, name, value)


def _global_generator(device: torch.device) -> torch.Generator:
    """What layers such as dropout draw from."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index]
    return torch.default_generator


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
    }
