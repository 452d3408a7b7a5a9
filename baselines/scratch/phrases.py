"""What an augmentation phrase does to an image, so that a text encoder trained from scratch can
learn what it means.

Stable Diffusion brings its own idea of "darkened image"; a small model only knows what it was
shown. In training a random phrase is written behind the prompt of a slice and the described change
is made to the image; at sampling the phrase alone asks for the change (paper III-B, III-D). Not
here: the list of phrases (datasets/prompts.py).
"""

from dataclasses import astuple, dataclass

import torch
import torch.nn.functional as F

from datasets.prompts import AUGMENTATION_PHRASES


@dataclass(frozen=True)
class Change:
    """A change of intensity; images lie in [0, 1], neutral values leave them alone."""

    gamma: float = 1.0  # above 1 darkens
    contrast: float = 1.0  # factor of the distance from the mean
    detail: float = 0.0  # -1 = blurred only, +1 = the blurred-away part added once more
    noise: float = 0.0  # standard deviation of added Gaussian noise
    radial: float = 0.0  # gain at the centre minus gain at the border
    tilt: float = 0.0  # gain at the right side minus gain at the left


CHANGES: dict[str, Change] = {
    "enhanced contrast": Change(contrast=1.4),
    "high resolution": Change(detail=1.0),
    "darkened image": Change(gamma=1.6),
    "median filter": Change(detail=-0.8),
    "brightened image": Change(gamma=0.6),
    "reduced contrast": Change(contrast=0.65),
    "soft contrast": Change(contrast=0.8),
    "strong contrast": Change(contrast=1.6),
    "even illumination": Change(),
    "uneven illumination": Change(tilt=0.6),
    "bright center": Change(radial=0.5),
    "bright border": Change(radial=-0.5),
    "dark border": Change(radial=0.4, gamma=1.2),
    "low brightness": Change(gamma=1.4),
    "high brightness": Change(gamma=0.7),
    "gamma corrected": Change(gamma=0.8),
    "histogram equalized": Change(contrast=1.3, gamma=0.8),
    "local contrast enhancement": Change(contrast=1.2, detail=0.5),
    "narrow intensity window": Change(contrast=1.5),
    "wide intensity window": Change(contrast=0.7),
    "compressed dynamic range": Change(contrast=0.6),
    "stretched dynamic range": Change(contrast=1.3),
    "intensity bias field": Change(tilt=0.7),
    "bias field corrected": Change(),
    "low resolution": Change(detail=-1.0),
    "sharpened image": Change(detail=0.8),
    "smoothed image": Change(detail=-0.8),
    "slightly blurred": Change(detail=-0.5),
    "gaussian filter": Change(detail=-0.9),
    "bilateral filter": Change(detail=-0.4),
    "unsharp mask": Change(detail=1.0),
    "crisp edges": Change(detail=0.7),
    "soft edges": Change(detail=-0.6),
    "fine texture": Change(detail=0.6),
    "coarse texture": Change(detail=-0.4, noise=0.02),
    "thick slice": Change(detail=-0.5),
    "thin slice": Change(noise=0.03),
    "motion blur": Change(detail=-0.9),
    "low noise": Change(detail=-0.2),
    "gaussian noise": Change(noise=0.06),
    "speckle noise": Change(noise=0.06),
    "rician noise": Change(noise=0.05, gamma=0.95),
    "grainy image": Change(noise=0.08),
    "denoised image": Change(detail=-0.4),
    "faint streaks": Change(noise=0.03, tilt=0.2),
    "faint ringing": Change(detail=0.4, noise=0.02),
    "different scanner": Change(gamma=1.2, contrast=0.85),
    "low dose acquisition": Change(noise=0.07, contrast=0.9),
    "fast acquisition": Change(noise=0.04, detail=-0.2),
    "long acquisition": Change(),
}


def join_phrase(prompt: str, phrase: str) -> str:
    """ "MRI, prostate, whole gland" and "darkened image" -> one prompt; an empty phrase adds
    nothing."""
    return f"{prompt}, {phrase}" if phrase else prompt


def split_phrase(prompt: str) -> tuple[str, str]:
    """(triplet, phrase) of a prompt; the phrase is "" when the prompt ends with none of the known
    ones."""
    for phrase in AUGMENTATION_PHRASES:
        if prompt.endswith(f", {phrase}"):
            return prompt.removesuffix(f", {phrase}"), phrase
    return prompt, ""


def change_table(phrases: tuple[str, ...]) -> torch.Tensor:
    """float32 (P, 6): the numbers of each phrase's change; "" changes nothing."""
    return torch.tensor([astuple(CHANGES[phrase] if phrase else Change()) for phrase in phrases])


def apply_changes(
    images: torch.Tensor, changes: torch.Tensor, rng: torch.Generator
) -> torch.Tensor:
    """Images float32 (B,1,S,S) in [0,1], each changed by its row of `changes` (B, 6); same shape
    and range."""
    gamma, contrast, detail, noise, radial, tilt = changes.reshape(-1, 6, 1, 1, 1).unbind(1)
    across = torch.linspace(-0.5, 0.5, images.shape[-1], device=images.device)
    radius = (across.square()[:, None] + across.square()[None, :]).mul(2).sqrt()
    images = images.clamp_min(1e-4) ** gamma
    images = images * (1 + radial * (0.5 - radius) + tilt * across)
    mean = images.mean((2, 3), keepdim=True)
    images = mean + (images - mean) * contrast
    images = images + detail * (images - _blur(images))
    images = images + noise * torch.randn(images.shape, generator=rng, device=images.device)
    return images.clamp(0, 1)


def _blur(images: torch.Tensor) -> torch.Tensor:
    """Gaussian blur with a standard deviation of 1/64 of the side, so that phrases mean the same at
    every size."""
    radius = max(1, images.shape[-1] // 32)
    offsets = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (2 * offsets / radius) ** 2)
    kernel = (kernel / kernel.sum()).reshape(1, 1, 1, -1)
    padded = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel), kernel.transpose(2, 3))
