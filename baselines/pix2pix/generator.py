"""pix2pix (Isola et al. 2017): edge map to image by a U-Net and a PatchGAN, the paper's rival in
Table I.

Trained on the same slices and edge maps (Q18) as emitdiff; the mask of a sample is that of its
slice. It has no text, so phrases change nothing, and no noise but dropout, so that its variants
differ as little as dropout makes them: that is the published method, not a defect of this one. Not
here: the networks (networks.py).
"""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from baselines.generators.base import IDS_FILE, Conditions, Generator, TrainingSlices
from baselines.generators.fit_folder import restore, seeded
from baselines.generators.places import Places
from baselines.pix2pix.networks import PatchDiscriminator, UNetGenerator
from baselines.pix2pix.presets import PRESETS
from baselines.pix2pix.settings import Pix2PixSampling, Pix2PixSettings
from baselines.scratch.diffusion import all_addressed
from baselines.scratch.slice_augmentation import random_geometry
from benchmark.core.progress import Report, silent
from benchmark.spec.method import Look
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint, below, optimiser_tensors, restore_optimiser

_CHECK_EVERY = 10  # steps between two looks at the losses; each look waits for the GPU


@dataclass
class _Training:
    """Everything that training changes; `network` is the generator's, `curve` its (step, loss,
    learning rate)."""

    network: UNetGenerator
    discriminator: PatchDiscriminator
    optimisers: dict[str, torch.optim.Optimizer]
    rng: torch.Generator
    step: int = 0
    curve: list[tuple[int, float, float]] = field(default_factory=list)

    def networks(self) -> dict[str, nn.Module]:
        return {"network": self.network, "discriminator": self.discriminator}

    def save(self, checkpoint: Checkpoint) -> None:
        tensors = {"rng": self.rng.get_state()}
        for name, network in self.networks().items():
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
            tensors |= optimiser_tensors(f"{name}-adam.", self.optimisers[name])
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        checkpoint.save(copies, {"step": self.step, "curve": self.curve})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to the checkpoint, if there is one."""
        found = checkpoint.load()
        if found is None:
            return
        tensors, numbers = found
        for name, network in self.networks().items():
            network.load_state_dict(below(f"{name}.", tensors))
            restore_optimiser(self.optimisers[name], f"{name}-adam.", tensors)
        self.rng.set_state(tensors["rng"])
        self.step, self.curve = numbers["step"], [tuple(row) for row in numbers["curve"]]


def _start(settings: Pix2PixSettings, size: int, seed: int, device: torch.device) -> _Training:
    networks = {
        "network": seeded(lambda: UNetGenerator(settings, size), seed).to(device).train(),
        "discriminator": seeded(lambda: PatchDiscriminator(settings), seed + 1).to(device).train(),
    }
    optimisers = {
        name: torch.optim.Adam(network.parameters(), lr=settings.learning_rate, betas=(0.5, 0.999))
        for name, network in networks.items()
    }
    return _Training(
        **networks, optimisers=optimisers, rng=torch.Generator(device).manual_seed(seed)
    )


def learning_rate(step: int, settings: Pix2PixSettings) -> float:
    """Constant over the first half of the steps, then linearly to 0; `step` counts from 0."""
    return settings.learning_rate * min(1.0, 2 * (1 - step / settings.steps))


def _train(
    state: _Training,
    planes: torch.Tensor,
    settings: Pix2PixSettings,
    report: Report,
    checkpoint: Checkpoint | None,
) -> None:
    """Runs `state` to the last step. planes: uint8 (N, 2, S, S), images and edge maps, on the
    device."""
    if checkpoint is not None:
        state.restore(checkpoint)
    saved = state.step
    losses: list[torch.Tensor] = []
    while state.step < settings.steps:
        for optimiser in state.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(state.step, settings)
        rows = torch.randint(
            len(planes), (settings.batch,), generator=state.rng, device=planes.device
        )
        batch = random_geometry(planes[rows].float() / 255, settings, state.rng) * 2 - 1
        losses.append(_step(state, batch[:, :1], batch[:, 1:], settings))
        state.step += 1
        if len(losses) == _CHECK_EVERY or state.step == settings.steps:
            mean = _checked_mean(losses, state.step, saved)
            state.curve.append((state.step, mean, learning_rate(state.step - 1, settings)))
            losses.clear()
            if checkpoint is not None and state.step < settings.steps and checkpoint.due():
                state.save(checkpoint)
                saved = state.step
            report(state.step, settings.steps, loss=mean)
    state.network.eval()


def _step(
    state: _Training, images: torch.Tensor, edges: torch.Tensor, settings: Pix2PixSettings
) -> torch.Tensor:
    """One step of both networks (Isola et al., eq. 1 to 4); returns the generator's loss."""
    uniform = [
        torch.rand((len(edges), *shape), generator=state.rng, device=edges.device)
        for shape in state.network.dropped
    ]
    with number_format.autocast(edges.device):
        made = state.network(edges, uniform, settings.dropout).float()
        judged = state.discriminator(edges, images), state.discriminator(edges, made.detach())
        # Halved, so that the discriminator learns half as fast as the generator (section 3.3).
        distrust = 0.5 * (_against(judged[0], 1.0) + _against(judged[1], 0.0))
    _descend(state.optimisers["discriminator"], distrust)
    with number_format.autocast(edges.device):
        doubt = _against(state.discriminator(edges, made), 1.0)
    loss = doubt + settings.l1_weight * (made - images).abs().mean()
    _descend(state.optimisers["network"], loss)
    return loss.detach() + 0 * distrust.detach()  # not finite if either is not


def _against(logits: torch.Tensor, wanted: float) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(
        logits.float(), torch.full_like(logits, wanted, dtype=torch.float32)
    )


def _descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _checked_mean(losses: list[torch.Tensor], step: int, saved: int) -> float:
    values = torch.stack(losses).tolist()
    for place, value in enumerate(values, start=step - len(values) + 1):
        if not math.isfinite(value):
            last = (
                f"the last good checkpoint is that of step {saved}"
                if saved
                else "no checkpoint was saved before"
            )
            raise RuntimeError(
                f"the loss of pix2pix is {value} at step {place}; {last}; lower"
                f" generator.learning_rate."
            )
    return sum(values) / len(values)


def _write(
    name: str, state: _Training, data: TrainingSlices, settings: Pix2PixSettings, out: Path
) -> None:
    """Fills the folder of a fit; the discriminator has served."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {key: tensor.contiguous().cpu() for key, tensor in state.network.state_dict().items()}
    save_file(weights, out / "weights.safetensors")
    config = {"generator": name, "size": data.size, "settings": settings.model_dump(mode="json")}
    (out / "config.json").write_text(json.dumps(config, indent=1))
    (out / IDS_FILE).write_text(json.dumps(list(data.ids)))
    with (out / "curve.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("step", "loss", "learning_rate"), *state.curve])


class Pix2Pix(Generator[Pix2PixSettings, Pix2PixSampling]):
    """Edge map to image; the mask of a sample is that of its slice."""

    name, version = "pix2pix", 1
    joins = "patches"
    settings = Pix2PixSettings
    presets = PRESETS
    look = Look(order=30, colour="#cc79a7", marker="v")

    def __init__(self, network: UNetGenerator, settings: Pix2PixSettings, device: torch.device):
        self.network, self.sampling, self.device = network, settings.sampling, device

    @classmethod
    def fit(
        cls,
        data: TrainingSlices,
        settings: Pix2PixSettings,
        *,
        seed: int,
        device: torch.device,
        out: Path,
        places: Places = Places(),
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        settings.check_size(data.size)
        planes = torch.from_numpy(np.stack([data.images, data.edges], axis=1)).to(device)
        state = _start(settings, data.size, seed, device)
        _train(state, planes, settings, report, checkpoint)
        _write(cls.name, state, data, settings, out)

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> "Pix2Pix":
        config = json.loads((folder / "config.json").read_text())
        settings = Pix2PixSettings(**config["settings"])
        return cls(
            restore(UNetGenerator(settings, config["size"]), folder, device), settings, device
        )

    @torch.inference_mode()
    def sample_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: Pix2PixSampling,
    ) -> tuple[np.ndarray, np.ndarray]:
        edges = torch.from_numpy(np.array(conditions.edges[:, None], np.float32)).to(self.device)
        draws = all_addressed(key, conditions.ids, variants, "dropout", sampling.noise)
        uniform = [
            torch.from_numpy(np.stack([draw.random(shape, np.float32) for draw in draws])).to(
                self.device
            )
            for shape in self.network.dropped
        ]
        made = self.network(edges / 127.5 - 1, uniform, sampling.dropout)[:, 0]
        images = ((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return images, conditions.masks
