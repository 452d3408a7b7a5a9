"""The paper's five transforms of grey values: contrast, gamma, brightness, noise, resolution (Q21).

Each is a function of a batch and one parameter per image, and a class that draws this parameter.
stack.py uses the functions again. Grey values are in [0, 1] where the release has [-1, 1] (see the
package). Masks pass untouched.
"""

import torch
from torch import Tensor
from torch.nn import functional

from baselines.transforms.base import (
    Drawn,
    Transform,
    around_one,
    beside,
    chance,
    gaussian,
    normal_field,
    per_image,
    uniform,
)

# Guards the division by the range or SD of an image of one grey value.
_TINY = 1e-7

# Four of the largest sigma in use.
_BLUR_RADIUS_PX = 8

# Shifts of brightness are multiples of this. The sum with a grey value k/255 is then exact in
# float64, and min-max normalisation takes it back without a trace (Q3).
_SHIFT_STEP = 2.0**-20


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Distances to the image's mean times factor (B,), clipped to the image's own range."""
    mean = images.mean(dim=(2, 3), keepdim=True)
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    return ((images - mean) * per_image(factor) + mean).clamp(low, high)


def adjust_gamma(images: Tensor, gamma: Tensor, *, retain_stats: bool = False) -> Tensor:
    """Image scaled to [0, 1] by its own range, to the power gamma (B,), and back. retain_stats:
    mean and SD of the image are restored afterwards, which may leave its range (nnU-Net)."""
    low = images.amin(dim=(2, 3), keepdim=True)
    span = (images.amax(dim=(2, 3), keepdim=True) - low).clamp_min(_TINY)
    changed = ((images - low) / span).pow(per_image(gamma)) * span + low
    if not retain_stats:
        return changed
    sd, mean = torch.std_mean(images, dim=(2, 3), keepdim=True)
    changed_sd, changed_mean = torch.std_mean(changed, dim=(2, 3), keepdim=True)
    return (changed - changed_mean) * (sd / changed_sd.clamp_min(_TINY)) + mean


def gaussian_blur(images: Tensor, sigma_px: Tensor) -> Tensor:
    """Gaussian blur, one sigma (B,) of at most 2 pixels per image; 0 leaves an image as it is.
    Border pixels go on outside. The batch is one image of B channels to the convolution, so that
    each can have its own kernel."""
    at = torch.arange(-_BLUR_RADIUS_PX, _BLUR_RADIUS_PX + 1, device=images.device)
    kernel = gaussian(at, sigma_px.clamp_min(1e-3)[:, None]).to(images.dtype)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True))[:, None]
    padded = functional.pad(images.transpose(0, 1), [_BLUR_RADIUS_PX] * 4, mode="replicate")
    columns_done = functional.conv2d(padded, kernel[..., None], groups=len(images))
    blurred = functional.conv2d(columns_done, kernel[:, :, None], groups=len(images)).transpose(
        0, 1
    )
    return torch.where(per_image(sigma_px > 0), blurred, images)


class Contrast(Transform):
    """RandomContrast: factor 0.75-1.25, range kept."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return beside(images, {"contrast": around_one(rng, len(images), 0.75, 1.25)})

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return adjust_contrast(images, drawn["contrast"]), masks


class Gamma(Transform):
    """RandomGamma: exponent 0.7-1.5 on the image's own range."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return beside(images, {"gamma": around_one(rng, len(images), 0.7, 1.5)})

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return adjust_gamma(images, drawn["gamma"]), masks


class Brightness(Transform):
    """RandomBrightness: one normal number added to all pixels, SD 0.25 (0.5 on the release's
    range). Nothing is clipped, so the sample keeps all its information; under `renormalise` it has
    no effect at all (Q3)."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        shift = torch.randn(len(images), generator=rng, device=rng.device) * 0.25
        return beside(images, {"shift": torch.round(shift / _SHIFT_STEP) * _SHIFT_STEP})

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return images + per_image(drawn["shift"]), masks


class Noise(Transform):
    """RandomNoise: normal noise, its SD uniform in 0-0.025 (0-0.05 on the release's range). The
    release sets a "variance" of 0-0.05, which batchgenerators hands on as the standard deviation;
    we do what it does, not its name."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        drawn = beside(images, {"noise_sd": uniform(rng, len(images), 0.0, 0.025)})
        return drawn | {"noise": normal_field(images, rng)}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return images + drawn["noise"] * per_image(drawn["noise_sd"]), masks


class Resolution(Transform):
    """RandomResolution: half of the images blurred, sigma 0.5-1.5 pixels of the working grid; 0 is
    unblurred."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        blurred, sigma = chance(rng, n, 0.5), uniform(rng, n, 0.5, 1.5)
        return beside(images, {"sigma_px": sigma * blurred})

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return gaussian_blur(images, drawn["sigma_px"]), masks
