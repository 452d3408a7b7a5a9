"""Sampling the fine-tuned Stable Diffusion: latent diffusion with CLIP text and classifier-free
guidance against a fixed negative prompt; the grey image is the mean of the three output channels
(III-A) or the first of them (Q36). Not here: loading the parts (parts.py)."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

from baselines.generators.base import Conditions
from baselines.generators.places import Places
from baselines.scratch import diffusion
from baselines.scratch.slice_augmentation import addressed_edge_dropout, shown_planes
from baselines.scratch.solver import Solver
from baselines.stable.parts import Denoiser, Parts, embed, load_parts
from baselines.stable.settings import StableSampling
from benchmark.training import number_format
from benchmark.training.graphs import make_graphs
from benchmark.training.static_pass import StaticPasses
from benchmark.training.to_device import fetched, on_device, sent

_SAMPLERS = {
    "ddim": DDIMScheduler,
    "dpm-solver++": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
}


class StableSampler:
    """The model of a fit, on the device: in bfloat16 where it can, on a GPU channels last."""

    def __init__(self, folder: Path, size: int, device: torch.device, places: Places):
        self.size, self.device = size, device
        self.graphs = make_graphs(device, (), wanted=places.graphs)
        self._loops: dict[StableSampling, StaticPasses] = {}
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
    ) -> Callable[[], np.ndarray]:
        """Waits for uint8 (B,S,S): one image for each of the conditions."""
        if sampling.compile and not self._compiled:
            self.parts.denoiser.compile()
            self._compiled = True
        texts = self._coded(conditions.prompts, sampling.text_mix, sampling.prompt_suffix)
        text = torch.stack([texts[prompt] for prompt in conditions.prompts])
        negative = self._coded([sampling.negative_prompt], "plain")[sampling.negative_prompt]
        latents = self._denoise(conditions, text, negative, variants, key, sampling)
        # on a GPU decoded beside the denoising steps of the next batch
        return fetched(latents, partial(_decode, self.parts, grey=sampling.grey))

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
        dtype = parts.denoiser.unet.dtype
        text = text.to(dtype)
        if sampling.guidance_scale > 1:
            edges = torch.cat([edges, edges])
            text = torch.cat([negative.to(dtype).expand_as(text), text])
        return self._loop(sampling)(noise=latents, edges=edges, text=text)

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
        return sent(edges, self.device).expand(-1, 3, -1, -1)

    def _loop(self, sampling: StableSampling) -> StaticPasses:
        """All denoising steps of a batch, with classifier-free guidance away from the negative
        prompt; scale 1 is one pass."""
        if sampling not in self._loops:
            denoise = _pass(self.parts.denoiser, sampling.guidance_scale, sampling.control_scale)
            sampler = make_sampler(sampling, self.parts)
            sampler.set_timesteps(sampling.steps)
            loop = Solver(sampler).loop(denoise, self.device)
            self._loops[sampling] = StaticPasses(loop, self.graphs, sampling.steps)
        return self._loops[sampling]


def make_sampler(sampling: StableSampling, parts: Parts):
    """A scheduler with the betas of the model's own."""
    kind = _SAMPLERS[sampling.sampler]
    more = {"clip_sample": False, "set_alpha_to_one": False} if kind is DDIMScheduler else {}
    return kind.from_config(parts.schedule.config, **more)


def _pass(
    denoiser: Denoiser, guidance_scale: float, control_scale: float
) -> Callable[..., torch.Tensor]:
    """One prediction from (B, ...) latents, float32, and timesteps; above a guidance of 1 features
    of edges and text are (2B, ...), those of the negative prompt first."""

    def plain(grid, timesteps, edges, text) -> torch.Tensor:
        return denoiser(grid.to(denoiser.unet.dtype), timesteps, text, edges, control_scale)

    def guided(grid, timesteps, edges, text) -> torch.Tensor:
        both = plain(torch.cat([grid, grid]), timesteps.repeat(2), edges, text)
        without, with_text = both.float().chunk(2)
        return without + guidance_scale * (with_text - without)

    return plain if guidance_scale == 1 else guided


def _decode(parts: Parts, latents: torch.Tensor, grey: str) -> torch.Tensor:
    """uint8 (B, S, S): the mean over the three channels of the decoded image (III-A), or the first
    channel (Q36)."""
    images = parts.vae.decode(
        (latents / parts.vae.config.scaling_factor).to(parts.vae.dtype), return_dict=False
    )[0]
    channels = (images.float() * 0.5 + 0.5).clamp(0, 1)
    return diffusion.to_uint8(channels[:, 0] if grey == "first-channel" else channels.mean(dim=1))
