"""Diffusion from scratch, shared by the generators: grid, addressable noise, schedule, v-prediction and sampling.

The networks work on a coarser grid with more channels (pixel unshuffle), which is what makes small images affordable
on a CPU. Callers: unconditional, emitdiff. Not here: the training loop (generator_training.py), what a network is
conditioned on, and the latent diffusion of the preset with pre-trained weights.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from baselines.generator import SamplingSettings

TIMESTEPS = 1000
# (noisy grid (B,C,H,W), timesteps (B,)) -> predicted velocity like the grid
Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# Log signal-to-noise at which the solvers start: the cosine schedule ends in almost no signal at all, where a
# multistep solver divides by nearly zero.
_LAMBDA_MIN = -5.1


# --- images <-> grid ---------------------------------------------------------------------------------------------


def to_grid(planes: torch.Tensor, unshuffle: int) -> torch.Tensor:
    """Planes (B, C, S, S) in [0, 1] -> grid (B, C * unshuffle^2, S / unshuffle, S / unshuffle) in [-1, 1]."""
    return F.pixel_unshuffle(planes * 2 - 1, unshuffle)


def from_grid(grid: torch.Tensor, unshuffle: int) -> torch.Tensor:
    """Inverse of `to_grid`, clipped to [0, 1]."""
    return (F.pixel_shuffle(grid, unshuffle) * 0.5 + 0.5).clamp(0, 1)


def to_uint8(planes: torch.Tensor) -> np.ndarray:
    """Planes in [0, 1] -> uint8 of the same shape, rounded."""
    return (planes * 255).round().to(torch.uint8).cpu().numpy()


# --- noise -------------------------------------------------------------------------------------------------------


def addressed(key: str, slice_id: str, variant: int, purpose: str, sharing: str = "address") -> np.random.Generator:
    """The random numbers of one sample: f(key, slice id, variant) and a purpose ("noise", "edges"), and nothing else.

    `sharing` "shared" leaves the slice id out, so that all slices have the variant's noise in common (Q26).
    """
    place = [key, str(variant), purpose] + ([slice_id] if sharing == "address" else [])
    digest = hashlib.sha256("\x1f".join(place).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def starting_noise(
    key: str, ids: Sequence[str], variant: int, shape: tuple[int, ...], sharing: str, device: torch.device
) -> torch.Tensor:
    """Standard normal noise float32 (len(ids), *shape), each sample from its own address."""
    draws = [addressed(key, slice_id, variant, "noise", sharing).standard_normal(shape, np.float32) for slice_id in ids]
    return torch.from_numpy(np.stack(draws)).to(device)


# --- schedule and loss -------------------------------------------------------------------------------------------


def signal_shares(device: torch.device) -> torch.Tensor:
    """Cumulative signal power float32 (TIMESTEPS,) of the cosine schedule, as the samplers of diffusers compute it."""
    return make_sampler(SamplingSettings(), device).alphas_cumprod.float().to(device)


def velocity_loss(
    denoise: Denoise,
    grid: torch.Tensor,
    shares: torch.Tensor,
    gamma: float,
    rng: torch.Generator,
) -> torch.Tensor:
    """Mean squared error of the predicted velocity, weighted by min(SNR, gamma) / (SNR + 1) (Hang et al. 2023).

    `denoise(noisy grid, timesteps (B,))` predicts v = a * noise - s * image of x_t = a * image + s * noise. The timesteps
    of a batch are spread evenly over the schedule, which makes the loss of a small batch far less noisy.
    """
    batch = grid.shape[0]
    place = (torch.rand(1, generator=rng, device=grid.device) + torch.arange(batch, device=grid.device) / batch) % 1
    timesteps = (place * TIMESTEPS).long().clamp_max(TIMESTEPS - 1)
    power = shares[timesteps].reshape(-1, 1, 1, 1)
    noise = torch.randn(grid.shape, generator=rng, device=grid.device)
    noisy = power.sqrt() * grid + (1 - power).sqrt() * noise
    velocity = power.sqrt() * noise - (1 - power).sqrt() * grid
    ratio = (power / (1 - power)).flatten()
    error = (denoise(noisy, timesteps).float() - velocity).square().mean((1, 2, 3))
    return (error * ratio.clamp_max(gamma) / (ratio + 1)).mean()


# --- sampling ----------------------------------------------------------------------------------------------------


def make_sampler(settings: SamplingSettings, device: torch.device):
    """A fresh scheduler of diffusers, cosine schedule, v-prediction, timesteps set; samplers keep state between steps."""
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

    common = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction", "timestep_spacing": "trailing"}
    if settings.sampler == "ddim":
        sampler = DDIMScheduler(**common, clip_sample=True)
    elif settings.sampler == "dpm-solver++":
        sampler = DPMSolverMultistepScheduler(**common, lambda_min_clipped=_LAMBDA_MIN)
    else:
        sampler = UniPCMultistepScheduler(**common)
    sampler.set_timesteps(settings.steps, device=device)
    return sampler


@torch.inference_mode()
def sample_grid(
    denoise: Denoise, noise: torch.Tensor, settings: SamplingSettings
) -> torch.Tensor:
    """Grid of samples from starting noise, both (B, C, H, W); no noise is added on the way (eta 0, Q12).

    Every step works on each sample alone, so a batch changes a sample only by the rounding of its matrix products.
    """
    sampler = make_sampler(settings, noise.device)
    grid = noise * sampler.init_noise_sigma
    for timestep in sampler.timesteps:
        predicted = denoise(sampler.scale_model_input(grid, timestep), timestep.expand(grid.shape[0]))
        grid = sampler.step(predicted, timestep, grid, return_dict=False)[0]
    return grid
