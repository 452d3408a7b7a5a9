"""The loss of latent diffusion: slices to latents, noise added, the noise predicted. Not here: what
is drawn for a slice (batches.py), the steps (training.py)."""

import torch
from torch import nn

from baselines.stable.batches import Drawn, Slices, is_still
from baselines.stable.parts import Parts, encode
from baselines.stable.settings import StableSettings
from benchmark.training import number_format
from benchmark.training.to_device import on_device, sent


class LatentLoss:
    """The loss of drawn slices. Text is encoded once per prompt; latents once per slice where no
    slice ever moves."""

    def __init__(
        self,
        parts: Parts,
        slices: Slices,
        size: int,
        settings: StableSettings,
        device: torch.device,
    ):
        self.vae, self.schedule = parts.vae.to(device), parts.schedule
        parts.text_encoder.to(device)
        self.text = encode(parts, ["", *slices.prompts])
        parts.text_encoder.to("cpu")
        if device.type == "cuda":
            on_device(self.vae, device, number_format.native_dtype(device))
        side = size // parts.latent_factor
        self.latent = (parts.vae.config.latent_channels, side, side)
        # In memory only for the slices of a fold; those of a pre-training folder are too many, and
        # seen about once.
        self.kept: dict[int, torch.Tensor] | None = (
            {} if is_still(settings) and slices.in_memory else None
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
