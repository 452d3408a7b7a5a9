"""Diffusion from scratch, shared by the generators: grid, addressable noise, schedule, loss and
sampling.

The networks work on a coarser grid with more channels (pixel unshuffle), which is what makes small
images affordable on a CPU. Not here: the training loop (training.py), what a network is
conditioned on, and the latent diffusion of the preset with pre-trained weights.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from baselines.scratch.box_mean import near
from baselines.scratch.settings import GeneratorSettings, SolverSettings
from baselines.scratch.solver import Solver
from benchmark.training import number_format
from benchmark.training.to_device import sent

TIMESTEPS = 1000
# (noisy grid (B,C,H,W), timesteps (B,)) -> the network's prediction, like the grid
Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# Log signal-to-noise at which the solvers start: the cosine schedule ends in almost no signal at
# all, where a multistep solver divides by nearly zero.
_LAMBDA_MIN = -5.1


# --- images <-> grid


def to_grid(planes: torch.Tensor, unshuffle: int) -> torch.Tensor:
    """Planes (B, C, S, S) in [0, 1] -> grid (B, C * unshuffle^2, S / unshuffle, S / unshuffle) in
    [-1, 1]."""
    return F.pixel_unshuffle(planes * 2 - 1, unshuffle)


def from_grid(grid: torch.Tensor, unshuffle: int) -> torch.Tensor:
    """Inverse of `to_grid`, clipped to [0, 1]."""
    return (F.pixel_shuffle(grid, unshuffle) * 0.5 + 0.5).clamp(0, 1)


def to_uint8(planes: torch.Tensor) -> torch.Tensor:
    """Planes in [0, 1] -> uint8 of the same shape, rounded."""
    return (planes * 255).round().to(torch.uint8)


def organ_importance(masks: torch.Tensor, settings: GeneratorSettings) -> torch.Tensor:
    """Masks (B,1,S,S) -> weights (B, unshuffle^2, H, W) of the loss: 1, and 1 + organ_weight in and
    around the organ.

    An organ may fill one percent of a slice; without this a short training spends itself on fat and
    muscle, and what lies at the mask stays a blur.
    """
    margin = masks.shape[-1] // 16
    return 1 + settings.organ_weight * F.pixel_unshuffle(
        near(masks, margin).float(), settings.unshuffle
    )


def position_planes(side: int) -> torch.Tensor:
    """float32 (1, 6, side, side): where a cell lies. Organs have their place in a scan; told it, a
    network need not find it out from the zero padding at the border, and learns the layout of the
    body in far fewer steps."""
    down, across = torch.meshgrid(
        torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij"
    )
    planes = [
        down,
        across,
        2 * down**2 - 1,
        2 * across**2 - 1,
        torch.cos(3 * down),
        torch.cos(3 * across),
    ]
    return torch.stack(planes).unsqueeze(0)


# --- noise


def addressed(
    key: str, slice_id: str, variant: int, purpose: str, sharing: str = "address"
) -> np.random.Generator:
    """The random numbers of one sample: f(key, slice id, variant) and a purpose ("noise", "edges"),
    and nothing else.

    `sharing` "shared" leaves the slice id out, so that all slices have the variant's noise in
    common (Q26).
    """
    place = [key, str(variant), purpose] + ([slice_id] if sharing == "address" else [])
    digest = hashlib.sha256("\x1f".join(place).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def all_addressed(
    key: str, ids: Sequence[str], variants: Sequence[int], purpose: str, sharing: str = "address"
) -> list[np.random.Generator]:
    """`addressed` of each sample of a batch; one variant number per slice id."""
    return [
        addressed(key, slice_id, variant, purpose, sharing)
        for slice_id, variant in zip(ids, variants, strict=True)
    ]


def starting_noise(
    key: str,
    ids: Sequence[str],
    variants: Sequence[int],
    shape: tuple[int, ...],
    sharing: str,
    device: torch.device,
) -> torch.Tensor:
    """Standard normal noise float32 (len(ids), *shape), each sample from its own address."""
    draws = all_addressed(key, ids, variants, "noise", sharing)
    noise = np.stack([draw.standard_normal(shape, np.float32) for draw in draws])
    return sent(torch.from_numpy(noise), device)


# --- schedule and loss


def signal_shares(device: torch.device, schedule: str = "cosine") -> torch.Tensor:
    """Cumulative signal power float32 (TIMESTEPS,) of a schedule, as the samplers of diffusers
    compute it."""
    sampler = make_sampler(SolverSettings(), "sample", schedule)
    return sampler.alphas_cumprod.float().to(device)


def even_places(batch: int, rng: torch.Generator, device: torch.device) -> torch.Tensor:
    """float32 (B,) in [0, 1), evenly apart from a random start: which makes the loss of a small
    batch far less noisy than independent ones."""
    start = torch.rand(1, generator=rng, device=device)
    return (start + torch.arange(batch, device=device) / batch) % 1


def denoising_loss(
    denoise: Denoise,
    grid: torch.Tensor,
    importance: torch.Tensor,
    shares: torch.Tensor,
    settings: GeneratorSettings,
    rng: torch.Generator,
) -> torch.Tensor:
    """Squared error of the recovered grid, weighted by min(SNR, gamma) + floor (Hang et al. 2023,
    in sample space) and by `importance`, which broadcasts to the grid; and with `detail_weight`
    that of its differences between neighbouring pixels, which has the same minimum.

    `denoise(noisy, timesteps)` predicts the sample x, or the velocity v = a noise - s x, from x_t =
    a x + s noise. The timesteps of a batch are spread evenly, and `noise_focus` moves them towards
    high noise, where the condition decides the structure.
    """
    place = even_places(len(grid), rng, grid.device)
    timesteps = (
        ((1 - (1 - place) ** settings.noise_focus) * TIMESTEPS).long().clamp_max(TIMESTEPS - 1)
    )
    power = shares[timesteps].reshape(-1, 1, 1, 1)
    noisy = power.sqrt() * grid + (1 - power).sqrt() * torch.randn(
        grid.shape, generator=rng, device=grid.device
    )
    predicted = denoise(noisy, timesteps).float()
    if settings.prediction == "velocity":
        predicted = power.sqrt() * noisy - (1 - power).sqrt() * predicted
    weight = (power / (1 - power)).clamp_max(settings.min_snr_gamma) + settings.snr_floor
    error = weight.sqrt() * (predicted - grid)
    loss = (importance * error.square()).mean()
    if settings.detail_weight:
        error, importance = (
            F.pixel_shuffle(part, settings.unshuffle)
            for part in (error, importance.expand_as(grid))
        )
        for axis in (2, 3):
            steps = error.diff(dim=axis).square()
            loss = (
                loss
                + settings.detail_weight
                * (importance.narrow(axis, 1, steps.shape[axis]) * steps).mean()
            )
    return loss


# --- sampling


def make_sampler(settings: SolverSettings, prediction: str, schedule: str = "cosine"):
    """A scheduler of diffusers with its timesteps set.

    `prediction` is what the network predicts: "sample", "velocity" or "noise"; `schedule`: how the
    noise grows, "cosine" or "linear".
    """
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

    kind = {"sample": "sample", "velocity": "v_prediction", "noise": "epsilon"}[prediction]
    common = {
        "beta_schedule": {"cosine": "squaredcos_cap_v2", "linear": "linear"}[schedule],
        "prediction_type": kind,
        "timestep_spacing": "trailing",
    }
    if settings.sampler == "ddim":
        sampler = DDIMScheduler(**common, clip_sample=True)
    elif settings.sampler == "dpm-solver++":
        sampler = DPMSolverMultistepScheduler(**common, lambda_min_clipped=_LAMBDA_MIN)
    else:
        sampler = UniPCMultistepScheduler(**common)
    sampler.set_timesteps(settings.steps)
    return sampler


def sampling_loop(
    denoise: Callable[..., torch.Tensor],
    prediction: str,
    settings: SolverSettings,
    device: torch.device,
    schedule: str = "cosine",
) -> Callable[..., torch.Tensor]:
    """(noise, **shown) -> grid, both float32 (B, C, H, W): samples from starting noise; no noise is
    added on the way (eta 0, Q12).

    `denoise(grid, timesteps, **shown)` predicts. Every step works on each sample alone, so a batch
    changes a sample only by the rounding of its matrix products. The network runs in the native
    format of the device (number_format.py), the solver in float32.
    """
    solver = Solver(make_sampler(settings, prediction, schedule))
    loop = solver.loop(number_format.native(denoise, device), device)
    return lambda noise, **shown: loop(noise * settings.noise_scale, **shown)
