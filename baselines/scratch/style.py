"""The style of a slice: its intensity and texture in ten numbers, which a generator can be told
apart from its edges.

Edges say where things are; how bright they are, how grainy, which side is brighter is left open.
In training the network is told the style of the slice, so that at sampling the edges of one case
can be shown in the style of another (paper III-D asks the same of text). Some of those slices get
a random intensity first, which the style tells too: otherwise a small network would read the
slice, and with it the answer, off its style. A slice whose style is not told keeps its intensity.
Not here: phrases.
"""

import functools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from baselines.generators.base import case_of
from baselines.scratch.box_mean import window_mean
from baselines.scratch.phrases import apply_changes

WIDTH = 11  # ten numbers, and whether they are known
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Smallest and largest value of a random change, in the order of phrases.Change; gamma as a
# logarithm.
_JITTER = torch.tensor(
    [[-0.5, 0.5], [0.7, 1.4], [-0.6, 0.6], [0.0, 0.04], [-0.3, 0.3], [-0.4, 0.4]]
)


def statistics(images: torch.Tensor) -> torch.Tensor:
    """Images float32 (B,1,S,S) in [0, 1] -> float32 (B, 10): five grey quantiles, SD, fine and
    coarse detail, the centre against the border, right against left."""
    side = images.shape[-1]
    ranked = images.flatten(1).sort(dim=1).values
    places = [round(share * (ranked.shape[1] - 1)) for share in _QUANTILES]
    numbers = [ranked[:, place] for place in places] + [images.flatten(1).std(dim=1)]
    fine = images - F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    coarse = images - window_mean(images, side // 16)
    numbers += [(detail.abs().mean((1, 2, 3)) + 1e-3).log() for detail in (fine, coarse)]
    quarter = side // 4
    centre = images[:, :, quarter:-quarter, quarter:-quarter].mean((1, 2, 3))
    numbers += [
        centre - images.mean((1, 2, 3)),
        images[..., side // 2 :].mean((1, 2, 3)) - images.mean((1, 2, 3)),
    ]
    return torch.stack(numbers, dim=1)


def scale_of(found: torch.Tensor) -> torch.Tensor:
    """float32 (2, 10): mean and SD of the statistics (N, 10) of the training slices."""
    return torch.stack([found.mean(0), found.std(0, correction=0).clamp_min(1e-3)])


def encoded(found: torch.Tensor, scale: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """What the network is told, float32 (B, WIDTH): statistics (B, 10) in SDs, and 1; zeros where
    not `known` (B,)."""
    normal = ((found - scale[0]) / scale[1]).clamp(-4, 4)
    return torch.cat([normal, torch.ones_like(normal[:, :1])], dim=1) * known[:, None]


def jittered(images: torch.Tensor, share: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Images float32 (B,1,S,S) in [0, 1], each with probability `share` (B,) with a random
    intensity and sharpness."""
    device = images.device
    low, high = _jitter_on(device).unbind(1)
    changes = low + (high - low) * torch.rand(len(images), len(low), generator=rng, device=device)
    changes[:, 0] = changes[:, 0].exp()
    chosen = torch.rand(len(images), 1, 1, 1, generator=rng, device=device) < share.reshape(
        -1, 1, 1, 1
    )
    return torch.where(chosen, apply_changes(images, changes, rng), images)


@functools.cache
def _jitter_on(device: torch.device) -> torch.Tensor:
    """_JITTER on the device, sent once and not in each step."""
    return _JITTER.to(device)


def rows_of_other_cases(
    ids: Sequence[str], training: Sequence[str], draws: Sequence[np.random.Generator]
) -> list[int]:
    """For each slice the row of a training slice of another case, by its own random numbers; -1
    where there is none."""
    cases = np.array([case_of(one) for one in training])
    chosen = []
    for slice_id, draw in zip(ids, draws, strict=True):
        candidates = np.flatnonzero(cases != case_of(slice_id))
        chosen.append(int(candidates[draw.integers(len(candidates))]) if len(candidates) else -1)
    return chosen
