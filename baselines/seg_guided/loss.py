"""The losses of seg-guided: what a training step shows the network, what it should answer, and how
its errors count. Not here: the batch (training.py), the solvers (sampling.py)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from baselines.scratch import diffusion
from baselines.seg_guided.settings import SegGuidedSettings


@dataclass(frozen=True)
class Shown:
    """A noisy grid (B,C,H,W), the timesteps (B,) that the network is told, and what it should
    predict, like the grid."""

    noisy: torch.Tensor
    timesteps: torch.Tensor
    target: torch.Tensor


def ablated(masks: torch.Tensor, settings: SegGuidedSettings, rng: torch.Generator) -> torch.Tensor:
    """Masks float32 (B,1,S,S), all emptied with probability `ablation`; or each on its own, with
    ablation_drawn=slice (Konz et al.; `ablate_masks` of the release)."""
    draws = 1 if settings.ablation_drawn == "batch" else len(masks)
    uniform = torch.rand(draws, 1, 1, 1, generator=rng, device=masks.device)
    return masks * (uniform >= settings.ablation)


def condition_grid(masks: torch.Tensor, settings: SegGuidedSettings) -> torch.Tensor:
    """What the network is shown of masks float32 {0, 1} (B,1,S,S): (B, unshuffle^2, H, W)."""
    return F.pixel_unshuffle(masks * settings.mask_value, settings.unshuffle)


def pixel_weights(masks: torch.Tensor, usual: torch.Tensor) -> torch.Tensor:
    """Weights of the errors (B,1,S,S) for masks {0, 1}: 1 - p inside and p outside, where p is the
    share of the mask in its slice (ArSDM; `get_loss` of the release), and `usual`, a scalar, for
    an empty mask."""
    share = masks.mean((1, 2, 3), keepdim=True)
    share = torch.where(share > 0, share, usual)
    return torch.where(masks > 0, 1 - share, share)


def noised(grid: torch.Tensor, shares: torch.Tensor, rng: torch.Generator) -> Shown:
    """x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e at a step t of each sample; the target is the noise e.
    shares: a_t float32 (TIMESTEPS,)."""
    place = diffusion.even_places(len(grid), rng, grid.device)
    timesteps = (place * diffusion.TIMESTEPS).long().clamp_max(diffusion.TIMESTEPS - 1)
    power = shares[timesteps].reshape(-1, 1, 1, 1)
    noise = torch.randn(grid.shape, generator=rng, device=grid.device)
    return Shown(power.sqrt() * grid + (1 - power).sqrt() * noise, timesteps, noise)


def flowing(grid: torch.Tensor, rng: torch.Generator) -> Shown:
    """x_t = (1 - t) x_0 + t e at a time t in [0, 1) of each sample; the target is e - x_0. The
    network is told t in the unit of the steps."""
    time = diffusion.even_places(len(grid), rng, grid.device)
    noise = torch.randn(grid.shape, generator=rng, device=grid.device)
    noisy = torch.lerp(grid, noise, time.reshape(-1, 1, 1, 1))
    return Shown(noisy, time * diffusion.TIMESTEPS, noise - grid)


def error(
    predicted: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None, kind: str
) -> torch.Tensor:
    """Mean squared ("l2") or absolute ("l1") error of grids (B,C,H,W), a scalar; weights: like the
    grids, None: all 1."""
    difference = predicted - target
    errors = difference.square() if kind == "l2" else difference.abs()
    return (errors if weights is None else weights * errors).mean()
