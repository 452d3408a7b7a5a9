"""The paper's three transforms of geometry: mirror, rotate, scale (Q21), and the resampling they
share with stack.py.

All geometry is a map from a pixel of the result to the position in the input it is read from, in
pixels from the image centre, (x, y). Maps are joined first and the image is read once, so that a
stack blurs no more than one transform. Images are read bilinearly (the release: cubic), masks at
the nearest pixel, so no new label value can appear.
"""

import math

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
    per_image,
    uniform,
)
from benchmark.training.to_device import written

# Noise of an elastic field is drawn at every fourth pixel. Sigma is 9 pixels or more: the smoothed
# field has nothing that finer noise could add, and with the weights below its covariance is the
# same.
_ELASTIC_STEP = 4


def rotation(angle_deg: Tensor) -> Tensor:
    """(B, 2, 2) matrices that turn (x, y); with y pointing down, a positive angle turns the picture
    anticlockwise."""
    sin, cos = torch.sin(torch.deg2rad(angle_deg)), torch.cos(torch.deg2rad(angle_deg))
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def stretch(x: Tensor, y: Tensor) -> Tensor:
    """(B, 2, 2) matrices that multiply positions by x and y (B,): above 1 shrinks the picture, -1
    mirrors it."""
    return torch.diag_embed(torch.stack([x, y], -1))


def resample(
    images: Tensor,
    masks: Tensor,
    matrix: Tensor,
    *,
    offset_px: Tensor | None = None,
    outside: str,
) -> tuple[Tensor, Tensor]:
    """Reads images (B, 1, H, W) and masks (B, H, W) at matrix (B, 2, 2) x (pixel position +
    offset_px).

    offset_px: (B, H or 1, W or 1, 2). outside: what lies beyond the border of an image, "edge" (its
    border pixels, as the release's single transforms) or "mean" (its mean, which is nnU-Net's zero
    after z-scoring). Masks are 0 there.
    """
    height, width = images.shape[2:]
    half = written(images, width / 2, height / 2)
    x = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2
    y = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2
    positions = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    if offset_px is not None:
        positions = positions + offset_px.to(images.dtype)
    positions = positions.expand(len(images), -1, -1, -1).flatten(1, 2) @ matrix.to(images.dtype).mT
    grid = (positions / half).unflatten(1, (height, width))
    level = images.mean(dim=(2, 3), keepdim=True) if outside == "mean" else 0.0
    padding = "zeros" if outside == "mean" else "border"
    read = (
        functional.grid_sample(images - level, grid, padding_mode=padding, align_corners=False)
        + level
    )
    labels = functional.grid_sample(
        masks[:, None].to(grid.dtype), grid, mode="nearest", align_corners=False
    )
    return read, labels[:, 0].to(masks.dtype)


def elastic_noise(images: Tensor, rng: torch.Generator) -> Tensor:
    """Uniform noise in [-1, 1] for `elastic_offset`: (B, 2, H / 4, W / 4), rounded up."""
    height, width = (math.ceil(n / _ELASTIC_STEP) for n in images.shape[2:])
    return uniform(rng, (len(images), 2, height, width), -1.0, 1.0)


def elastic_offset(
    noise: Tensor, alpha_px: Tensor, sigma_px: Tensor, height: int, width: int
) -> Tensor:
    """Random smooth offsets (B, H, W, 2) in pixels: white noise in [-1, 1], smoothed with a
    Gaussian of sigma_px (B,) with zeros beyond the border, times alpha_px (B,). Their SD is about
    0.163 alpha / sigma."""
    rows, columns = (
        _smoothing(n, noise.shape[axis], sigma_px) for n, axis in ((height, 2), (width, 3))
    )
    smooth = rows[:, None] @ noise @ columns[:, None].mT
    return (smooth * per_image(alpha_px)).permute(0, 2, 3, 1)


def _smoothing(n: int, n_coarse: int, sigma_px: Tensor) -> Tensor:
    """(B, n, n_coarse) Gaussian weights of the noise points in each pixel; sqrt(step) keeps the
    variance per axis."""
    at = torch.arange(n, device=sigma_px.device, dtype=torch.float32)
    points = (
        torch.arange(n_coarse, device=sigma_px.device) * _ELASTIC_STEP + (_ELASTIC_STEP - 1) / 2
    )
    sigma = sigma_px[:, None, None]
    density = gaussian(at[:, None] - points, sigma) / (sigma * math.sqrt(2 * math.pi))
    return density * math.sqrt(_ELASTIC_STEP)


class Mirror(Transform):
    """RandomMirror: three images in four are candidates (p 0.75), then each axis is mirrored with p
    0.5. Exact."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        chosen = chance(rng, n, 0.75)
        return beside(
            images,
            {"mirror_x": chosen & chance(rng, n, 0.5), "mirror_y": chosen & chance(rng, n, 0.5)},
        )

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        for name, axis in (("mirror_x", -1), ("mirror_y", -2)):
            chosen = drawn[name]
            images = torch.where(per_image(chosen), images.flip(axis), images)
            masks = torch.where(chosen[:, None, None], masks.flip(axis), masks)
        return images, masks


class Rotate(Transform):
    """RandomRotate: +-5 degrees about the image centre."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return beside(images, {"angle_deg": uniform(rng, len(images), -5.0, 5.0)})

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return resample(images, masks, rotation(drawn["angle_deg"]), outside="edge")


class Scale(Transform):
    """RandomScale: positions times 0.95-1.05; above 1 the picture shrinks, as in
    batchgenerators."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return beside(images, {"scale": around_one(rng, len(images), 0.95, 1.05)})

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return resample(images, masks, stretch(drawn["scale"], drawn["scale"]), outside="edge")
