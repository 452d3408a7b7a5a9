"""Sampling as the pipelines of diffusers do it, one slice per call: what bench_sampling.py compares
our samplers with.

Stable Diffusion has its pipeline in diffusers, which is used as it comes. The generator from
scratch has none; `PlainEmitDiff` is one in their manner: every call encodes its prompt and the
empty one, sets the schedule, and doubles the batch for guidance. Both get the starting noise that
our sampler draws, so that they make the same images.
"""

import numpy as np
import torch
from diffusers import StableDiffusionControlNetPipeline

from baselines.generators.base import Conditions
from baselines.scratch import diffusion
from baselines.scratch.emitdiff import EmitDiff
from baselines.scratch.settings import SamplingSettings
from baselines.stable.parts import Parts
from baselines.stable.sampling import make_sampler
from baselines.stable.settings import StableSampling


class PlainEmitDiff:
    """Float32, contiguous tensors. `conditions` are those of our sampler, `key` and `variant` 0 its
    noise."""

    def __init__(self, generator: EmitDiff, sampling: SamplingSettings, key: str):
        sampler = self.sampler = generator.sampler
        self.network, self.device = sampler.network, sampler.device
        self.sampling, self.key = sampling, key

    @torch.no_grad()
    def __call__(self, conditions: Conditions, row: int) -> np.ndarray:
        """uint8 (S, S): one sample."""
        settings, sampling = self.network.settings, self.sampling
        guided = sampling.guidance_scale > 1
        texts = [*([""] if guided else []), conditions.prompts[row]]
        text = self.network.text(self.sampler.vocabulary.encode(texts).to(self.device))
        styles = self.sampler._styles([conditions.ids[row]], [0], self.key, sampling.style).repeat(
            len(texts), 1
        )
        one = conditions.part(slice(row, row + 1))
        edges = self.sampler._edge_grid(one, [0], self.key, sampling).repeat(len(texts), 1, 1, 1)
        scheduler = diffusion.make_sampler(sampling, settings.prediction)
        scheduler.set_timesteps(sampling.steps, device=self.device)  # as a pipeline does
        ids, shape = [conditions.ids[row]], (settings.unshuffle**2, *edges.shape[2:])
        latents = diffusion.starting_noise(self.key, ids, [0], shape, sampling.noise, self.device)
        latents = latents * scheduler.init_noise_sigma * sampling.noise_scale
        for timestep in scheduler.timesteps:
            given = scheduler.scale_model_input(torch.cat([latents] * len(texts)), timestep)
            predicted = self.network(given, timestep.expand(len(texts)), edges, text, styles)
            if guided:
                without, with_text = predicted.chunk(2)
                predicted = without + sampling.guidance_scale * (with_text - without)
            latents = scheduler.step(predicted, timestep, latents, return_dict=False)[0]
        image = diffusion.from_grid(latents, settings.unshuffle)[0, 0]
        return diffusion.to_uint8(image).cpu().numpy()


class PlainStable:
    """StableDiffusionControlNetPipeline of diffusers in float32, as its documentation loads it."""

    def __init__(self, parts: Parts, sampling: StableSampling, key: str, device: torch.device):
        self.parts, self.sampling, self.key = parts, sampling, key
        self.pipeline = StableDiffusionControlNetPipeline(
            vae=parts.vae,
            text_encoder=parts.text_encoder,
            tokenizer=parts.tokenizer,
            unet=parts.denoiser.unet,
            controlnet=parts.denoiser.control,
            scheduler=make_sampler(sampling, parts),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).to(device)
        self.pipeline.set_progress_bar_config(disable=True)

    def __call__(self, conditions: Conditions, row: int) -> np.ndarray:
        """uint8 (S, S): the mean of the three channels of one sample."""
        sampling, device = self.sampling, self.pipeline.device
        edges = torch.from_numpy(conditions.edges[row].copy())[None, None].float() / 255
        side = conditions.edges.shape[-1] // self.parts.latent_factor
        shape = (self.parts.vae.config.latent_channels, side, side)
        latents = diffusion.starting_noise(
            self.key, [conditions.ids[row]], [0], shape, sampling.noise, device
        )
        images = self.pipeline(
            prompt=conditions.prompts[row],
            negative_prompt=sampling.negative_prompt,
            image=edges.expand(-1, 3, -1, -1),
            latents=latents,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance_scale,
            controlnet_conditioning_scale=sampling.control_scale,
            output_type="np",
        ).images
        return (images[0].mean(-1) * 255).round().astype(np.uint8)
