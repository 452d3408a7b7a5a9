"""Changes of a part of an image: blank rectangles, a gradient of brightness, a local gamma."""

import math

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, chance, per_image, uniform

_TINY = 1e-8
MOST_RECTANGLES = 4


def draw_rectangles(images: Tensor, rng: torch.Generator) -> Drawn:
    """1-4 rectangles for each image: sides of a tenth to a third of the image's, anywhere.

    rectangle_rows, rectangle_columns: (B, 4, 2), first pixel and the one behind the last; of those
    beyond the count both are 0.
    """
    n, height, width = len(images), *images.shape[2:]
    count = torch.randint(1, MOST_RECTANGLES + 1, (n, 1), generator=rng, device=rng.device)
    used = torch.arange(MOST_RECTANGLES, device=rng.device) < count
    found = {}
    for name, length in (("rectangle_rows", height), ("rectangle_columns", width)):
        least, most = max(1, length // 10), length // 3  # the upper bound is left out
        shape = (n, MOST_RECTANGLES)
        side = torch.randint(least, most, shape, generator=rng, device=rng.device)
        most_left = length - side
        start = (uniform(rng, shape, 0.0, 1.0) * (most_left + 1)).long()
        start = torch.minimum(start, most_left)  # a product may be rounded up
        found[name] = torch.stack([start, start + side], -1) * used[..., None]
    return found


def blanked(scores: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """BlankRectangleTransform: rectangles as `draw_rectangles` has them, one after the other, each
    filled with its mean."""
    y = torch.arange(scores.shape[2], device=scores.device)[:, None]
    x = torch.arange(scores.shape[3], device=scores.device)
    top, bottom = rows[..., None, None].unbind(2)  # (B, 4, 1, 1), as left and right
    left, right = columns[..., None, None].unbind(2)
    inside = ((y >= top) & (y < bottom)) & ((x >= left) & (x < right))
    pixels = ((bottom - top) * (right - left)).clamp_min(1)
    for one, count in zip(inside.split(1, dim=1), pixels.split(1, dim=1), strict=True):
        mean = (scores * one).sum(dim=(2, 3), keepdim=True) / count
        scores = torch.where(one, mean, scores)
    return scores


def draw_bump(images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Centre and SD (B, 2) of a Gaussian, y and x, pixels: centre -0.5 to 1.5 of the side, SD
    log-uniform from a sixth of it to all of it."""
    n, sides = len(images), images.shape[2:]
    centre = [uniform(rng, n, -0.5, 1.5) * length for length in sides]
    sd = [torch.exp(uniform(rng, n, math.log(length // 6), math.log(length))) for length in sides]
    return torch.stack(centre, -1), torch.stack(sd, -1)


def bump(scores: Tensor, centre_px: Tensor, sd_px: Tensor) -> Tensor:
    """(B, 1, H, W): the part of a Gaussian, centre and SD (B, 2), that falls into each pixel,
    stretched to [0, 1] over the image."""
    height, width = scores.shape[2:]
    longer = max(height, width)  # so that both axes are one tensor
    borders = torch.arange(longer + 1, device=scores.device, dtype=torch.float64) - 0.5
    place = (borders - centre_px[:, :, None]) / sd_px[:, :, None]
    y, x = torch.special.ndtr(place).diff(dim=2).split(1, dim=1)
    whole = (y.mT[:, None, :height] * x[:, None, :, :width]).to(scores.dtype)
    whole = whole - whole.amin(dim=(2, 3), keepdim=True)
    most = whole.amax(dim=(2, 3), keepdim=True)
    return whole / torch.where(most > 0, most, 1.0)


def with_gradient(scores: Tensor, centre_px: Tensor, sd_px: Tensor, strength: Tensor) -> Tensor:
    """BrightnessGradientAdditiveTransform: adds `strength` (B,) times a bump."""
    return scores + per_image(strength) * bump(scores, centre_px, sd_px)


def with_local_gamma(scores: Tensor, centre_px: Tensor, sd_px: Tensor, gamma: Tensor) -> Tensor:
    """LocalGammaTransform: the image, scaled to [0, 1] by its own range, goes over to its power
    gamma (B,) where the bump is high."""
    low = scores.amin(dim=(2, 3), keepdim=True)
    span = (scores.amax(dim=(2, 3), keepdim=True) - low).clamp_min(_TINY)
    unit = ((scores - low) / span).clamp(0.0, 1.0)
    blended = torch.lerp(unit, unit.pow(per_image(gamma)), bump(scores, centre_px, sd_px))
    return blended * span + low


def either(rng: torch.Generator, n: int, low: tuple, high: tuple) -> Tensor:
    """float32 (n,): half of the draws uniform in the range `low`, half in the range `high`."""
    return torch.where(chance(rng, n, 0.5), uniform(rng, n, *low), uniform(rng, n, *high))
