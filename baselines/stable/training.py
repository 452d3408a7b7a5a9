"""Fine-tuning (and pre-training) of UNet and ControlNet: the loop, averaged weights, micro-batches,
several GPUs.

The state after a step depends on the seed and the slices alone, up to rounding: not on the size of
a micro-batch, not on the number of GPUs (Lightning Fabric), not on a restart. Not here: what a
slice of a step is (batches.py), loading and saving a model.
"""

import json
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed
import torch.multiprocessing
from lightning_fabric import Fabric
from torch import nn

from baselines.generators.places import Places
from baselines.stable.batches import Drawer, Drawn, Slices, epoch_order, is_still
from baselines.stable.parts import Denoiser, Parts, encode, load_parts
from baselines.stable.settings import StableSettings
from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint, below, optimiser_tensors, restore_optimiser
from benchmark.training.microbatch import SHORTAGE_FILE, is_out_of_memory
from benchmark.training.to_device import sent

_CHECK_EVERY = 10  # steps between two looks at the loss; each look waits for the GPU
# a checkpoint of gigabytes is written no more often than this share of the time allows
_SAVING_SHARE = 0.05


@dataclass(frozen=True)
class Job:
    """One training, as data that can be sent to another process."""

    slices: Slices
    size: int
    settings: StableSettings
    places: Places
    seed: int
    out: Path
    checkpoint: Checkpoint | None


@dataclass
class _State:
    """Everything that training changes."""

    weights: dict[str, nn.Parameter]
    average: dict[str, torch.Tensor]
    optimiser: torch.optim.Optimizer
    step: int = 0
    # [step, mean loss since the last row, rate]
    curve: list[list[float]] = field(default_factory=list)
    # After a shortage of memory: the first step of it ("since_step") and the slices at once
    # ("size").
    shortage: dict[str, int] = field(default_factory=dict)

    def save(self, checkpoint: Checkpoint) -> None:
        tensors = {f"weight.{name}": weight.detach() for name, weight in self.weights.items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        tensors |= optimiser_tensors("adam.", self.optimiser)
        checkpoint.save(
            tensors, {"step": self.step, "curve": self.curve, "shortage": self.shortage}
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to the checkpoint, if there is one."""
        found = checkpoint.load()
        if found is None:
            return
        tensors, numbers = found
        with torch.no_grad():
            for kind, kept in (("weight.", self.weights), ("average.", self.average)):
                for name, value in below(kind, tensors).items():
                    kept[name].copy_(value)
        restore_optimiser(self.optimiser, "adam.", tensors)
        self.step, self.curve, self.shortage = (
            numbers["step"],
            numbers["curve"],
            numbers["shortage"],
        )


def run(
    job: Job, device: torch.device, report: Report = silent, processes: int | None = None
) -> list[list[float]]:
    """Trains and leaves unet/ (if it is trained) and controlnet/ in `job.out`; returns the curve.

    A CUDA device without a number means all GPUs that are visible. `processes` overrides their
    number. Raises InputError for weights that cannot be used and for too little GPU memory,
    RuntimeError naming the step when the loss is not finite.
    """
    cuda = device.type == "cuda"
    count = processes or (torch.cuda.device_count() if cuda and device.index is None else 1)
    precision = number_format.fabric_precision(number_format.native_dtype(device))
    devices: Any = [device.index or 0] if cuda and count == 1 else count
    fabric = Fabric(
        accelerator=device.type,
        devices=devices,
        precision=precision,
        strategy="ddp_spawn" if count > 1 else "auto",
    )
    if count == 1:
        return _train(fabric, job, report)
    said = torch.multiprocessing.get_context("spawn").SimpleQueue()
    errors: list[Exception] = []
    listener = threading.Thread(target=_listen, args=(said, report, errors), daemon=True)
    listener.start()
    try:
        # Bound here, not handed over as arguments: Fabric walks through those and cannot bear a
        # frozen dataclass.
        return fabric.launch(partial(_train_one_of_several, job=job, said=said))
    except (
        torch.multiprocessing.ProcessRaisedException,
        torch.multiprocessing.ProcessExitedException,
    ) as error:
        ended = error
    finally:
        said.put(None)
        listener.join()
    if errors:  # the first process's own sentence, in the place of its traceback
        raise errors[0] from ended
    raise ended


def _listen(said, report: Report, errors: list[Exception]) -> None:
    while (row := said.get()) is not None:
        if isinstance(row, Exception):
            errors.append(row)
        else:
            step, steps, loss = row
            report(step, steps, loss=loss)


def _train_one_of_several(fabric: Fabric, job: Job, said) -> list[list[float]]:
    def tell(step: int, steps: int, *, loss: float) -> None:
        said.put((step, steps, loss))

    try:
        curve = _train(fabric, job, tell if fabric.is_global_zero else silent)
    except (InputError, RuntimeError) as error:
        kind = InputError if isinstance(error, InputError) else RuntimeError
        said.put(kind(str(error)))
        raise
    # Fabric leaves gloo's threads running, and a thread that still holds a tensor while Python ends
    # aborts the process.
    torch.distributed.destroy_process_group()
    return curve


def _train(fabric: Fabric, job: Job, report: Report) -> list[list[float]]:
    settings = job.settings
    parts = load_parts(job.places, job.places.pretrained, seed=job.seed)
    _choose_trained(parts.denoiser, settings.unet)
    loss = _Loss(parts, job, fabric.device)
    weights = {
        name: weight for name, weight in parts.denoiser.named_parameters() if weight.requires_grad
    }
    if fabric.device.type == "cuda":
        parts.denoiser.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        weights.values(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=fabric.device.type == "cuda",
    )
    denoiser, optimiser = fabric.setup(parts.denoiser, optimiser)
    denoiser.train()
    average = {name: weight.detach().clone() for name, weight in weights.items()}
    state = _State(weights, average, optimiser.optimizer)
    if job.checkpoint is not None:
        state.restore(job.checkpoint)
    _steps(fabric, job, denoiser, optimiser, state, loss, report)
    if fabric.is_global_zero:
        _save(parts.denoiser, state, settings, job.out)
        if state.shortage:
            lowered = {**state.shortage, "batch": settings.batch, "batch_statistics": False}
            (job.out / SHORTAGE_FILE).write_text(json.dumps({"micro_batch": lowered}))
    fabric.barrier()
    return state.curve


def _choose_trained(denoiser: Denoiser, unet: str) -> None:
    """Marks what is trained: the ControlNet, and of the UNet nothing, its decoder or the whole
    (text and VAE never)."""
    denoiser.requires_grad_(False)
    denoiser.control.requires_grad_(True)
    decoder = (denoiser.unet.up_blocks, denoiser.unet.conv_norm_out, denoiser.unet.conv_out)
    for module in {"locked": (), "decoder": decoder, "whole": (denoiser.unet,)}[unet]:
        module.requires_grad_(True)


class _Loss:
    """The loss of drawn slices. Text is encoded once per prompt; latents once per slice where no
    slice ever moves."""

    def __init__(self, parts: Parts, job: Job, device: torch.device):
        self.vae, self.schedule = parts.vae.to(device), parts.schedule
        parts.text_encoder.to(device)
        self.text = encode(parts, ["", *job.slices.prompts])
        parts.text_encoder.to("cpu")
        if device.type == "cuda":
            self.vae.to(dtype=number_format.native_dtype(device), memory_format=torch.channels_last)
        side = job.size // parts.latent_factor
        self.latent = (parts.vae.config.latent_channels, side, side)
        # In memory only for the slices of a fold; those of a pre-training folder are too many, and
        # seen about once.
        self.kept: dict[int, torch.Tensor] | None = (
            {} if is_still(job.settings) and job.slices.in_memory else None
        )

    def __call__(self, denoiser: nn.Module, drawn: Drawn) -> torch.Tensor:
        """float32 (B,): mean squared error of each slice's prediction."""
        device = self.text.device
        latents = self._latents(drawn)
        noise, timesteps, text = (
            sent(values, device) for values in (drawn.noise, drawn.timesteps, drawn.text)
        )
        noisy = self.schedule.add_noise(latents, noise, timesteps)
        edges = sent(drawn.edges, device).expand(-1, 3, -1, -1)
        predicted = denoiser(noisy, timesteps, self.text[text], edges).float()
        if self.schedule.config.prediction_type == "v_prediction":
            noise = self.schedule.get_velocity(latents, noise, timesteps)
        return (predicted - noise).square().mean(dim=(1, 2, 3))

    @torch.no_grad()
    def _latents(self, drawn: Drawn) -> torch.Tensor:
        """Scaled latents (B,4,H,W) float32, drawn from the posterior of the VAE."""
        device = self.text.device
        if self.kept is None or any(number not in self.kept for number in drawn.numbers):
            images = sent(drawn.images * 2 - 1, device).to(self.vae.dtype).expand(-1, 3, -1, -1)
            posterior = self.vae.encode(images).latent_dist
            moments = torch.stack([posterior.mean, posterior.std], dim=1).float()
            if self.kept is not None:
                self.kept |= zip(drawn.numbers, moments.cpu(), strict=True)
        else:
            moments = sent(torch.stack([self.kept[number] for number in drawn.numbers]), device)
        mean, deviation = moments.unbind(1)
        return (mean + deviation * sent(drawn.posterior, device)) * self.vae.config.scaling_factor


def _steps(
    fabric: Fabric, job: Job, denoiser, optimiser, state: _State, loss: _Loss, report: Report
) -> None:
    """Runs `state` to the last step."""
    settings, count = job.settings, len(job.slices)
    per_epoch = math.ceil(count / settings.batch)
    steps = per_epoch * settings.epochs
    drawer = Drawer(
        job.slices, settings, loss.latent, loss.schedule.config.num_train_timesteps, job.seed
    )
    asked = min(job.places.micro_batch or settings.micro_batch, settings.batch)
    micro_batch = min(asked, state.shortage.get("size", asked))
    losses: list[torch.Tensor] = []
    for step in range(state.step, steps):
        epoch, place = divmod(step, per_epoch)
        if place == 0 or step == state.step:
            order = epoch_order(count, job.seed, epoch)
        batch = list(enumerate(order[place * settings.batch : (place + 1) * settings.batch]))
        total, micro_batch = _add_up(
            fabric, denoiser, optimiser, drawer, batch, step, micro_batch, loss
        )
        if micro_batch < state.shortage.get("size", asked):
            state.shortage = {"since_step": step} | state.shortage | {"size": micro_batch}
        fabric.clip_gradients(
            denoiser, optimiser, max_norm=settings.gradient_clip, error_if_nonfinite=False
        )
        optimiser.step()
        state.step += 1
        decay = min(settings.ema_decay, state.step / (state.step + 10))
        weights = [weight.detach() for weight in state.weights.values()]
        torch._foreach_lerp_(list(state.average.values()), weights, 1 - decay)
        losses.append(total)
        if len(losses) == _CHECK_EVERY or state.step == steps:
            _note_losses(fabric, state, losses, settings.learning_rate, job.checkpoint)
            losses.clear()
            report(state.step, steps, loss=state.curve[-1][1])
            _perhaps_save(fabric, state, job.checkpoint, last=state.step == steps)


def _add_up(
    fabric: Fabric,
    denoiser,
    optimiser,
    drawer: Drawer,
    batch: list[tuple[int, int]],
    step: int,
    micro_batch: int,
    loss: _Loss,
) -> tuple[torch.Tensor, int]:
    """Gradients of the mean loss of `batch`, added up over micro-batches and processes; (the loss,
    micro-batch used).

    Where the GPU's memory does not suffice the step begins again with half the micro-batch: the sum
    stays the same.
    """
    while True:
        optimiser.zero_grad(set_to_none=True)
        try:
            return _sum_of_micro_batches(
                fabric, denoiser, drawer, batch, step, micro_batch, loss
            ), micro_batch
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller = micro_batch // 2
            # With several processes the others wait for this one's gradients and cannot begin
            # again.
            if fabric.world_size > 1 or not smaller:
                raise InputError(
                    _too_little_memory(drawer, micro_batch, fabric.device, smaller)
                ) from error
        # Outside the handler, whose traceback holds what filled the memory.
        optimiser.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        micro_batch = smaller


def _too_little_memory(drawer: Drawer, micro_batch: int, device: torch.device, smaller: int) -> str:
    pixels = drawer.latent[-1] * 8
    where = f" of {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    text = f"the memory{where} does not hold {micro_batch} slices of {pixels} pixels at once"
    if smaller:
        return f"{text}; set generator.micro_batch={smaller}, which leaves the result as it is."
    return f"{text}; set generator.unet=locked or a smaller size, or use a GPU with more memory."


def _sum_of_micro_batches(
    fabric: Fabric,
    denoiser,
    drawer: Drawer,
    batch: list[tuple[int, int]],
    step: int,
    micro_batch: int,
    loss: _Loss,
) -> torch.Tensor:
    """Backward passes of this process's share of the batch; the sum of its losses over the batch's
    size."""
    # A process without a share still takes part in the exchange of gradients, with a slice that
    # counts nothing.
    share = batch[fabric.global_rank :: fabric.world_size] or batch[:1]
    counts = float(fabric.global_rank < len(batch))
    total = torch.zeros((), device=fabric.device)
    done = 0
    for drawn in drawer.batches(share, step, micro_batch):
        done += len(drawn.numbers)
        with fabric.no_backward_sync(denoiser, enabled=done < len(share)):
            value = loss(denoiser, drawn).sum() * counts / len(batch)
            fabric.backward(value * fabric.world_size)  # the exchange takes the mean over processes
        total += value.detach()
    return total


def _note_losses(
    fabric: Fabric,
    state: _State,
    losses: list[torch.Tensor],
    rate: float,
    checkpoint: Checkpoint | None,
) -> None:
    values = fabric.all_reduce(torch.stack(losses), reduce_op="sum").tolist()
    for offset, value in enumerate(values, start=1 - len(values)):
        if not math.isfinite(value):
            kept = checkpoint.load() if checkpoint is not None and fabric.is_global_zero else None
            after = (
                f"the last good state, of step {kept[1]['step']}, is kept"
                if kept
                else "no earlier state was kept"
            )
            raise RuntimeError(
                f"the loss of the generator is {value} at step {state.step + offset}; {after};"
                f" lower"
                f" generator.learning_rate (now {rate:.2g})."
            )
    state.curve.append([state.step, sum(values) / len(values), rate])


def _perhaps_save(fabric: Fabric, state: _State, checkpoint: Checkpoint | None, last: bool) -> None:
    """Saves the state where it is time to; the losses up to here were found finite."""
    if checkpoint is None or last or not fabric.is_global_zero or not checkpoint.due():
        return
    start = time.perf_counter()
    state.save(checkpoint)
    took = time.perf_counter() - start
    checkpoint.every_seconds = max(checkpoint.every_seconds, took / _SAVING_SHARE)


def _save(denoiser: Denoiser, state: _State, settings: StableSettings, out: Path) -> None:
    """Writes the averaged weights in the layout of diffusers, so that they can serve as any other
    model's."""
    with torch.no_grad():
        for name, weight in state.weights.items():
            weight.copy_(state.average[name])
    for part, model in _trained_models(denoiser, settings):
        # else the file would hold a folder of this machine
        model.register_to_config(_name_or_path="")
        model.to("cpu", memory_format=torch.contiguous_format).save_pretrained(
            out / part, safe_serialization=True
        )


def _trained_models(denoiser: Denoiser, settings: StableSettings) -> Iterator[tuple[str, Any]]:
    yield "controlnet", denoiser.control
    if settings.unet != "locked":
        yield "unet", denoiser.unet
