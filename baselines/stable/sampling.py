"""Sampling the fine-tuned Stable Diffusion: latent diffusion with CLIP text and classifier-free
guidance against a fixed negative prompt; the grey image is the mean of the three output channels
(III-A) or the first of them (Q36). Not here: loading the parts (parts.py)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

from baselines.generators.base import Conditions
from baselines.generators.places import Places
from baselines.scratch import diffusion
from baselines.scratch.slice_augmentation import addressed_edge_dropout, shown_planes
from baselines.stable.parts import Denoiser, Parts, embed, load_parts
from baselines.stable.settings import StableSampling
from benchmark.training import number_format
from benchmark.training.to_device import on_device

_SAMPLERS = {
    "ddim": DDIMScheduler,
    "dpm-solver++": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
}


class StableSampler:
    """The model of a fit, on the device: in bfloat16 where it can, on a GPU channels last."""

    def __init__(self, folder: Path, size: int, device: torch.device, places: Places):
        self.size, self.device = size, device
        self.parts = load_parts(places, folder)
        denoiser = self.parts.denoiser.requires_grad_(False)
        self.parts.text_encoder.to(device)
        for module in (self.parts.vae, denoiser):
            on_device(module, device, number_format.native_dtype(device))
        denoiser.split()
        self._compiled = False
        # text mix and suffix -> prompt -> embedding
        self._texts: dict[tuple[str, str], dict[str, torch.Tensor]] = {}

    @torch.inference_mode()
    def images(
        self, conditions: Conditions, variants: Sequence[int], key: str, sampling: StableSampling
    ) -> np.ndarray:
        """uint8 (B,S,S): one image for each of the conditions."""
        if sampling.compile and not self._compiled:
            self.parts.denoiser.compile()
            self._compiled = True
        texts = self._coded(conditions.prompts, sampling.text_mix, sampling.prompt_suffix)
        text = torch.stack([texts[prompt] for prompt in conditions.prompts])
        negative = self._coded([sampling.negative_prompt], "plain")[sampling.negative_prompt]
        latents = self._denoise(conditions, text, negative, variants, key, sampling)
        return _decode(self.parts, latents, sampling.grey)

    def _coded(
        self, prompts: Sequence[str], text_mix: str, suffix: str = ""
    ) -> dict[str, torch.Tensor]:
        """Embedding (L, width) of every prompt; each is encoded once in the life of this object."""
        known = self._texts.setdefault((text_mix, suffix), {})
        if new := [prompt for prompt in prompts if prompt not in known]:
            known |= embed(self.parts, new, text_mix, suffix)
        return known

    def _denoise(
        self,
        conditions: Conditions,
        text: torch.Tensor,
        negative: torch.Tensor,
        variants: Sequence[int],
        key: str,
        sampling: StableSampling,
    ) -> torch.Tensor:
        """Latents (B,4,H,W) float32, from the noise of their addresses; no
        noise on the way (eta 0)."""
        parts = self.parts
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
        masks, edges = shown_planes(conditions)
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


def _decode(parts: Parts, latents: torch.Tensor, grey: str) -> np.ndarray:
    """uint8 (B, S, S): the mean over the three channels of the decoded image (III-A), or the first
    channel (Q36)."""
    images = parts.vae.decode(
        (latents / parts.vae.config.scaling_factor).to(parts.vae.dtype), return_dict=False
    )[0]
    channels = (images.float() * 0.5 + 0.5).clamp(0, 1)
    return diffusion.to_uint8(channels[:, 0] if grey == "first-channel" else channels.mean(dim=1))
