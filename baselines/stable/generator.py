"""EMIT-Diff as the paper has it: Stable Diffusion with a ControlNet on the edge map, fine-tuned on
the fold's slices.

Latent diffusion with CLIP text and classifier-free guidance against a fixed negative prompt; the
grey image is the mean of the three output channels (III-A). Not here: the from-scratch generator
of the smaller presets (baselines/scratch/emitdiff.py).
"""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

from baselines.generators.base import IDS_FILE, Conditions, Generator, TrainingSlices
from baselines.generators.places import Places
from baselines.scratch import diffusion
from baselines.scratch.slice_augmentation import addressed_edge_dropout
from baselines.stable import pretraining_folder, training, weights
from baselines.stable.batches import FolderSlices, FoldSlices
from baselines.stable.parts import Denoiser, Parts, embed, load_parts
from baselines.stable.presets import PRESETS, of_protocol
from baselines.stable.settings import StableSampling, StableSettings
from baselines.stable.substitutions import fine_tuned
from benchmark.core.progress import Report, silent
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint

_SAMPLERS = {
    "ddim": DDIMScheduler,
    "dpm-solver++": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
}


class StableDiffusion(Generator[StableSettings, StableSampling]):
    """Stable Diffusion + ControlNet; the mask of a sample is that of its slice."""

    name, version = "stable-diffusion", 1
    joins = "patches"
    settings = StableSettings
    presets = PRESETS
    method, default_at = "emitdiff", ("paper",)

    @classmethod
    def numbers(cls, preset: str, protocol: str, dataset: str) -> dict[str, Any]:
        numbers = super().numbers(preset, protocol, dataset)
        return numbers | of_protocol(protocol, dataset) if preset == "paper" else numbers

    @classmethod
    def substitutions(cls, run: RunSpec) -> list[Substitution]:
        return fine_tuned(run)

    def __init__(
        self,
        folder: Path,
        settings: StableSettings,
        size: int,
        device: torch.device,
        places: Places,
    ):
        self.folder, self.size, self.device = folder, size, device
        self.places, self.sampling = settings.placed(places), settings.sampling
        self.number_format = number_format.native_format(device)
        self._parts: Parts | None = None
        self._texts: dict[str, dict[str, torch.Tensor]] = {}  # text mix -> prompt -> embedding

    @classmethod
    def fit(
        cls,
        data: TrainingSlices,
        settings: StableSettings,
        *,
        seed: int,
        device: torch.device,
        out: Path,
        places: Places = Places(),
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        places = settings.placed(places)
        _check(places, data.size)
        job = training.Job(FoldSlices(data), data.size, settings, places, seed, out, checkpoint)
        curve = training.run(job, device, report)
        _save_fit(out, settings, data.size, curve)
        (out / IDS_FILE).write_text(json.dumps(list(data.ids)))

    @classmethod
    def pretrain(
        cls,
        settings: StableSettings,
        *,
        size: int,
        edge: tuple[str, Path | None, str],
        seed: int,
        device: torch.device,
        out: Path,
        places: Places = Places(),
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> int:
        """Leaves the same as `fit` does."""
        places = settings.placed(places)
        images = pretraining_folder.listed(places.found["pretraining"])
        _check(places, size)
        job = training.Job(
            FolderSlices(images, size, edge),
            size,
            settings.as_pretraining(),
            places,
            seed,
            out,
            checkpoint,
        )
        _save_fit(out, settings, size, training.run(job, device, report))
        return len(images.files)

    @classmethod
    def load(
        cls, folder: Path, device: torch.device, places: Places = Places()
    ) -> "StableDiffusion":
        config = json.loads((folder / "config.json").read_text())
        return cls(folder, StableSettings(**config["settings"]), config["size"], device, places)

    @torch.inference_mode()
    def sample_batch(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: StableSampling
    ) -> tuple[np.ndarray, np.ndarray]:
        parts = self._loaded(sampling.compile)
        texts = self._coded(parts, conditions.prompts, sampling.text_mix)
        text = torch.stack([texts[prompt] for prompt in conditions.prompts])
        negative = self._coded(parts, [sampling.negative_prompt], "plain")[sampling.negative_prompt]
        latents = self._denoise(parts, conditions, text, negative, variants, key, sampling)
        return _decode(parts, latents), conditions.masks

    def _loaded(self, compiled: bool) -> Parts:
        """The model on the device: in bfloat16 where it can, on a GPU channels last; compiled on
        demand."""
        if self._parts is None:
            parts = load_parts(self.places, self.folder)
            parts.denoiser.requires_grad_(False)
            parts.text_encoder.to(self.device)
            for module in (parts.vae, parts.denoiser):
                # Not diffusers' own `to`, which warns of layers to be kept in float32 even where
                # there are none.
                torch.nn.Module.to(module, self.device, number_format.native_dtype(self.device))
                if self.device.type == "cuda":
                    module.to(memory_format=torch.channels_last)
            parts.denoiser.split()
            if compiled:
                parts.denoiser.compile()
            self._parts = parts
        return self._parts

    def _coded(
        self, parts: Parts, prompts: Sequence[str], text_mix: str
    ) -> dict[str, torch.Tensor]:
        """Embedding (L, width) of every prompt; each is encoded once in the life of this object."""
        known = self._texts.setdefault(text_mix, {})
        if new := [prompt for prompt in prompts if prompt not in known]:
            known |= embed(parts, new, text_mix)
        return known

    def _denoise(
        self,
        parts: Parts,
        conditions: Conditions,
        text: torch.Tensor,
        negative: torch.Tensor,
        variants: Sequence[int],
        key: str,
        sampling: StableSampling,
    ) -> torch.Tensor:
        """Latents (B,4,H,W) float32, from the noise of their addresses; no
        noise on the way (eta 0)."""
        side = self.size // parts.latent_factor
        shape = (parts.vae.config.latent_channels, side, side)
        latents = diffusion.starting_noise(
            key, conditions.ids, variants, shape, sampling.noise, self.device
        )
        edges = parts.denoiser.see(
            self._edges(conditions, variants, key, sampling).to(parts.denoiser.unet.dtype)
        )
        predict = _guided(parts.denoiser, edges, text, negative, sampling)
        sampler = make_sampler(sampling, parts)
        # on the CPU, where the scheduler looks up its coefficients (diffusion.py)
        sampler.set_timesteps(sampling.steps)
        latents = latents * sampler.init_noise_sigma
        for timestep, shown in zip(
            sampler.timesteps, sampler.timesteps.to(self.device), strict=True
        ):
            predicted = predict(
                sampler.scale_model_input(latents, timestep), shown.expand(len(latents))
            )
            latents = sampler.step(predicted.float(), timestep, latents, return_dict=False)[0]
        return latents

    def _edges(
        self,
        conditions: Conditions,
        variants: Sequence[int],
        key: str,
        sampling: StableSampling,
    ) -> torch.Tensor:
        """Edge maps (B,3,S,S) in [0,1]."""
        masks = torch.from_numpy(np.array(conditions.masks[:, None], np.float32, order="C"))
        edges = torch.from_numpy(np.array(conditions.edges[:, None], np.float32, order="C")) / 255
        if sampling.edge_dropout:
            draws = diffusion.all_addressed(key, conditions.ids, variants, "edges")
            edges = addressed_edge_dropout(edges, masks, sampling.edge_dropout, draws)
        return edges.to(self.device).expand(-1, 3, -1, -1)


def make_sampler(sampling: StableSampling, parts: Parts):
    """A fresh scheduler with the betas of the model's own; it keeps state, so one per batch."""
    kind = _SAMPLERS[sampling.sampler]
    more = {"clip_sample": False, "set_alpha_to_one": False} if kind is DDIMScheduler else {}
    return kind.from_config(parts.schedule.config, **more)


def _guided(
    denoiser: Denoiser,
    edges: torch.Tensor,
    text: torch.Tensor,
    negative: torch.Tensor,
    sampling: StableSampling,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Prediction with classifier-free guidance away from the negative prompt; scale 1 is one pass.
    `edges`: features."""
    dtype = denoiser.unet.dtype
    text = text.to(dtype)
    scale = sampling.guidance_scale
    if scale > 1:
        edges, text = (
            torch.cat([edges, edges]),
            torch.cat([negative.to(dtype).expand_as(text), text]),
        )

    def predict(latents: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        latents = latents.to(dtype)
        if scale == 1:
            return denoiser(latents, timesteps, text, edges, sampling.control_scale)
        both = denoiser(
            torch.cat([latents, latents]), timesteps.repeat(2), text, edges, sampling.control_scale
        )
        without, with_text = both.float().chunk(2)
        return without + scale * (with_text - without)

    return predict


def _decode(parts: Parts, latents: torch.Tensor) -> np.ndarray:
    """uint8 (B, S, S): the mean over the three channels of the decoded image (III-A)."""
    images = parts.vae.decode(
        (latents / parts.vae.config.scaling_factor).to(parts.vae.dtype), return_dict=False
    )[0]
    grey = (images.float() * 0.5 + 0.5).clamp(0, 1).mean(dim=1)
    return diffusion.to_uint8(grey)


def _check(places: Places, size: int) -> None:
    """Raises InputError, before any training, for slices that do not fit the model."""
    base = weights.fetched("base", places.found["base"])
    weights.check_size(size, weights.check_base(base))


def _save_fit(
    out: Path, settings: StableSettings, size: int, curve: Sequence[Sequence[float]]
) -> None:
    """Writes config.json and curve.csv beside the weights."""
    out.mkdir(parents=True, exist_ok=True)
    config = {
        "generator": StableDiffusion.name,
        "size": size,
        "settings": settings.model_dump(mode="json"),
    }
    (out / "config.json").write_text(json.dumps(config, indent=1))
    with (out / "curve.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("step", "loss", "learning_rate"), *curve])
