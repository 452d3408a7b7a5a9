"""Fine-tuning (and pre-training) of UNet and ControlNet: the loop, averaged weights, micro-batches,
several GPUs.

The state after a step depends on the seed and the slices alone, up to rounding: not on the size of
a micro-batch, not on the number of GPUs (Lightning Fabric), not on a restart. Not here: what a
slice of a step is (batches.py), loading and saving a model.
"""

import gc
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed
import torch.multiprocessing
from lightning_fabric import Fabric
from torch import Tensor

from baselines.generators.fit_folder import write_shortage
from baselines.generators.job import TrainingJob
from baselines.generators.loop import CurveRow, TrainingState, averaged, train
from baselines.generators.places import Places
from baselines.stable import model_folder, weights
from baselines.stable.ahead import Ahead, encoded_at_once
from baselines.stable.batches import Drawer, Slices, epoch_order
from baselines.stable.loss import LatentLoss
from baselines.stable.parts import Denoiser, load_parts
from baselines.stable.settings import StableSettings
from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.graphs import Graphs, make_graphs
from benchmark.training.microbatch import is_out_of_memory
from benchmark.training.static_pass import StaticPasses
from benchmark.training.to_device import on_device, sent

# a checkpoint of gigabytes is written no more often than this share of the time allows
_SAVING_SHARE = 0.05


@dataclass(frozen=True)
class FineTuning:
    """One training, as data that can be sent to another process."""

    slices: Slices
    size: int
    settings: StableSettings
    places: Places
    seed: int
    out: Path
    checkpoint: Checkpoint | None
    graphs: bool = True
    compiles: bool = False

    @classmethod
    def of(
        cls, slices: Slices, size: int, settings: StableSettings, job: TrainingJob
    ) -> "FineTuning":
        """Raises InputError, before any training, for slices that do not fit the model."""
        places = settings.placed(job.places)
        base = weights.fetched("base", places.found["base"])
        model_folder.check_size(size, model_folder.check_base(base))
        return cls(
            slices,
            size,
            settings,
            places,
            job.seed,
            job.out,
            job.checkpoint,
            job.graphs,
            job.compiles,
        )


def run(
    training: FineTuning,
    device: torch.device,
    report: Report = silent,
    processes: int | None = None,
) -> list[CurveRow]:
    """Trains and leaves unet/ (if it is trained) and controlnet/ in its `out`; returns the curve.

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
        return _train(fabric, training, report)
    said = torch.multiprocessing.get_context("spawn").SimpleQueue()
    errors: list[Exception] = []
    listener = threading.Thread(target=_listen, args=(said, report, errors), daemon=True)
    listener.start()
    try:
        # Bound here, not handed over as arguments: Fabric walks through those and cannot bear a
        # frozen dataclass.
        return fabric.launch(partial(_train_one_of_several, training=training, said=said))
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
            step, steps, fields = row
            report(step, steps, **fields)


def _train_one_of_several(fabric: Fabric, training: FineTuning, said) -> list[CurveRow]:
    def tell(done: int, total: int, **fields: float) -> None:
        said.put((done, total, fields))

    try:
        curve = _train(fabric, training, tell if fabric.is_global_zero else silent)
    except (InputError, RuntimeError) as error:
        kind = InputError if isinstance(error, InputError) else RuntimeError
        said.put(kind(str(error)))
        raise
    # Fabric leaves gloo's threads running, and a thread that still holds a tensor while Python ends
    # aborts the process. The steps and their passes hold each other, and with them the gradients'
    # exchange: only a collection frees it.
    gc.collect()
    torch.distributed.destroy_process_group()
    return curve


def _train(fabric: Fabric, training: FineTuning, report: Report) -> list[CurveRow]:
    settings = training.settings
    parts = load_parts(training.places, training.places.pretrained, seed=training.seed)
    _choose_trained(parts.denoiser, settings.unet)
    loss = LatentLoss(parts, training.slices, training.size, settings, fabric.device)
    on_device(parts.denoiser, fabric.device)
    weights = {
        name: weight for name, weight in parts.denoiser.named_parameters() if weight.requires_grad
    }
    optimiser = torch.optim.AdamW(
        weights.values(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=fabric.device.type == "cuda",
    )
    denoiser, optimiser = fabric.setup(parts.denoiser, optimiser)
    denoiser.train()
    average = averaged(weights) if settings.ema_decay else {}
    state = TrainingState(weights, {"adam": optimiser.optimizer}, settings.batch, average=average)
    # gradients of several processes are exchanged while a pass goes back
    alone = fabric.world_size == 1
    graphs = make_graphs(
        fabric.device, (), wanted=training.graphs, obstacle="" if alone else "several GPUs"
    )
    if training.compiles:
        graphs.compile(parts.denoiser)
    steps = _Steps(fabric, training, denoiser, optimiser, state, loss, graphs)

    def over_processes(losses: Tensor) -> Any:
        return fabric.all_reduce(losses, reduce_op="sum")

    with steps.ahead:
        train(
            state,
            steps.make,
            steps=steps.count,
            learning_rate=lambda step: settings.learning_rate,
            report=report,
            checkpoint=training.checkpoint,
            ema_decay=settings.ema_decay,
            saves=fabric.is_global_zero,
            over_processes=over_processes,
            saving_share=_SAVING_SHARE,
        )
    if fabric.is_global_zero:
        _save(parts.denoiser, settings, training.out)
        write_shortage(training.out, state)
        graphs.write(training.out)
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


class _Steps:
    """Steps of the training, each on a batch of an epoch, in micro-batches. count: of all steps."""

    def __init__(
        self,
        fabric: Fabric,
        training: FineTuning,
        denoiser,
        optimiser,
        state: TrainingState,
        loss: LatentLoss,
        graphs: Graphs,
    ):
        self.fabric, self.settings, self.denoiser = fabric, training.settings, denoiser
        self.optimiser, self.state, self.loss = optimiser, state, loss
        self.graphs, self.passes = graphs, StaticPasses(self._gradients, graphs)
        slices = len(training.slices)
        self.per_epoch = math.ceil(slices / training.settings.batch)
        self.count = self.per_epoch * training.settings.epochs
        self.order = lru_cache(maxsize=2)(partial(epoch_order, slices, training.seed))
        timesteps = loss.schedule.config.num_train_timesteps
        self.drawer = Drawer(
            training.slices, training.settings, loss.latent, timesteps, training.seed
        )
        self.ahead = Ahead(
            self.drawer,
            self.share,
            self.count,
            loss.moments,
            fabric.device,
            encoded_at_once(fabric.device, training.size),
        )
        asked = training.places.micro_batch or training.settings.micro_batch
        self.asked = min(asked, training.settings.batch)

    def batch(self, step: int) -> list[tuple[int, int]]:
        """(place, number of the slice) of the whole batch of a step."""
        epoch, place = divmod(step, self.per_epoch)
        size = self.settings.batch
        return list(enumerate(self.order(epoch)[place * size : (place + 1) * size]))

    def share(self, step: int) -> list[tuple[int, int]]:
        """What this process computes of a batch. A process without a share still takes part in the
        exchange of gradients, with a slice that counts nothing."""
        batch = self.batch(step)
        return batch[self.fabric.global_rank :: self.fabric.world_size] or batch[:1]

    def make(self, step: int) -> Tensor:
        """One step of the optimiser; returns this process's share of the loss."""
        total = self._add_up(step)
        self.fabric.clip_gradients(
            self.denoiser,
            self.optimiser,
            max_norm=self.settings.gradient_clip,
            error_if_nonfinite=False,
        )
        self.optimiser.step()
        return total

    def _add_up(self, step: int) -> Tensor:
        """Gradients of the mean loss of the step's batch, added up over micro-batches and
        processes.

        Where the GPU's memory does not suffice the step begins again with half the micro-batch: the
        sum stays the same.
        """
        while True:
            size = self.state.shortage.get("size", self.asked)
            # a recorded pass adds to gradients that stay where they are
            self.optimiser.zero_grad(set_to_none=self.graphs.backend is None)
            try:
                return self._sum_of_micro_batches(step, size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # With several processes the others wait for this one's gradients and cannot begin
                # again.
                if self.fabric.world_size > 1 or size == 1:
                    raise InputError(
                        _too_little_memory(self.drawer, size, self.fabric.device)
                    ) from error
            # Outside the handler, whose traceback holds what filled the memory.
            self.optimiser.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self.state.shortage = {"since_step": step} | self.state.shortage | {"size": size // 2}

    def _sum_of_micro_batches(self, step: int, size: int) -> Tensor:
        """Backward passes of this process's share of the batch; the sum of its losses over the
        batch's size."""
        fabric = self.fabric
        batch, share = len(self.batch(step)), len(self.share(step))
        counts = torch.tensor(float(fabric.global_rank < batch))
        total = torch.zeros((), device=fabric.device)
        done = 0
        for drawn in self.ahead.of_step(step, size):
            done += len(drawn)
            with fabric.no_backward_sync(self.denoiser, enabled=done < share):
                total += self.passes(
                    **self.loss.inputs(drawn),
                    counts=sent(counts, fabric.device),
                    batch=sent(torch.tensor(float(batch)), fabric.device),
                )
        return total

    def _gradients(self, counts: Tensor, batch: Tensor, **drawn: Tensor) -> Tensor:
        """Adds the gradients of a micro-batch to those that are there; its share of the loss of a
        whole batch of `batch` slices. counts: 1, or 0 for slices that only keep company."""
        value = self.loss.of(self.denoiser, **drawn).sum() * counts / batch
        # the exchange takes the mean over processes
        self.fabric.backward(value * self.fabric.world_size)
        return value.detach()


def _too_little_memory(drawer: Drawer, micro_batch: int, device: torch.device) -> str:
    smaller = micro_batch // 2
    pixels = drawer.latent[-1] * 8
    where = f" of {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    text = f"the memory{where} does not hold {micro_batch} slices of {pixels} pixels at once"
    if smaller:
        return f"{text}; set generator.micro_batch={smaller}, which leaves the result as it is."
    return f"{text}; set generator.unet=locked or a smaller size, or use a GPU with more memory."


def _save(denoiser: Denoiser, settings: StableSettings, out: Path) -> None:
    """Writes the weights in the layout of diffusers, so that they can serve as any other
    model's."""
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
