"""Changes of grey values, on z-scores."""

from torch import Tensor

from baselines.transforms.base import per_image
from baselines.transforms.single.gamma import adjust_gamma


def with_noise(scores: Tensor, noise: Tensor, sd: Tensor) -> Tensor:
    """GaussianNoiseTransform: standard normal `noise` (B, 1, H, W) times its SD (B,)."""
    return scores + noise * per_image(sd)


def multiplied(scores: Tensor, factor: Tensor) -> Tensor:
    """MultiplicativeBrightnessTransform, factor (B,)."""
    return scores * per_image(factor)


def shifted(scores: Tensor, shift: Tensor) -> Tensor:
    """BrightnessAdditiveTransform, shift (B,)."""
    return scores + per_image(shift)


def contrasted(scores: Tensor, factor: Tensor, keeps_range: Tensor) -> Tensor:
    """ContrastTransform: distances to the mean times factor (B,), cut to the image's own range
    where `keeps_range` (B,)."""
    mean = scores.mean(dim=(2, 3), keepdim=True)
    low, high = scores.amin(dim=(2, 3), keepdim=True), scores.amax(dim=(2, 3), keepdim=True)
    changed = (scores - mean) * per_image(factor) + mean
    return changed.where(~per_image(keeps_range), changed.clamp(low, high))


def gamma_kept(scores: Tensor, gamma: Tensor) -> Tensor:
    """GammaTransform, gamma (B,), that keeps mean and SD."""
    return adjust_gamma(scores, gamma, retain_stats=True)


def gamma_of_inverted(scores: Tensor, gamma: Tensor) -> Tensor:
    """GammaTransform of the inverted image, inverted back."""
    return -gamma_kept(-scores, gamma)
