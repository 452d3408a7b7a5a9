"""The loss of latent diffusion: slices to latents, noise added, the noise predicted. Not here: what
is drawn for a slice (batches.py), when it is encoded (ahead.py), the steps (training.py)."""

from collections.abc import Sequence

import torch
from torch import nn

from baselines.stable.ahead import Drawn
from baselines.stable.batches import Slices, is_still
from baselines.stable.parts import Parts, encode
from baselines.stable.settings import StableSettings
from benchmark.training import number_format
from benchmark.training.to_device import on_device, sent


class LatentLoss:
    """The loss of drawn slices. Text is encoded once per prompt, and a slice once where no slice
    ever moves."""

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
        # On the device, and only for the slices of a fold (75 kB each at 384 px); those of a
        # pre-training folder are too many, and seen about once.
        self.kept: dict[int, torch.Tensor] | None = (
            {} if is_still(settings) and slices.in_memory else None
        )

    @torch.no_grad()
    def moments(self, images: torch.Tensor, numbers: Sequence[int]) -> torch.Tensor:
        """Mean and deviation (B,2,4,H,W) float32 of the VAE's posterior of images (B,1,S,S) in
        [0,1], of slices of these numbers."""
        if self.kept is None or any(number not in self.kept for number in numbers):
            images = sent(images * 2 - 1, self.text.device).to(self.vae.dtype)
            posterior = self.vae.encode(images.expand(-1, 3, -1, -1)).latent_dist
            moments = torch.stack([posterior.mean, posterior.std], dim=1).float()
            if self.kept is not None:
                self.kept |= zip(numbers, moments, strict=True)
            return moments
        return torch.stack([self.kept[number] for number in numbers])

    def inputs(self, drawn: Drawn) -> dict[str, torch.Tensor]:
        """What `of` reads of drawn slices, on the device: scaled latents, drawn from the posterior
        of the VAE, and the rest as it was drawn."""
        device = self.text.device
        mean, deviation = drawn.moments.unbind(1)
        latents = mean + deviation * sent(drawn.posterior, device)
        given = {name: getattr(drawn, name) for name in ("noise", "timesteps", "text", "edges")}
        return {"latents": latents * self.vae.config.scaling_factor} | {
            name: sent(values, device) for name, values in given.items()
        }

    def of(
        self,
        denoiser: nn.Module,
        latents: torch.Tensor,
        noise: torch.Tensor,
        timesteps: torch.Tensor,
        text: torch.Tensor,
        edges: torch.Tensor,
    ) -> torch.Tensor:
        """The loss of latents (B,4,H,W) and what was drawn for them; nothing here waits for the
        device or changes its shape, so that a step may be recorded."""
        noisy = self.schedule.add_noise(latents, noise, timesteps)
        edges = edges.expand(-1, 3, -1, -1)
        predicted = denoiser(noisy, timesteps, self.text[text], edges).float()
        if self.schedule.config.prediction_type == "v_prediction":
            noise = self.schedule.get_velocity(latents, noise, timesteps)
        return (predicted - noise).square().mean(dim=(1, 2, 3))
