"""Which image of the batch each image is mixed with."""

import torch
from torch import Tensor


def next_partners(n: int, rng: torch.Generator) -> Tensor:
    """int64 (n,): every image's partner is the one a random number of places behind it, never
    itself unless the batch holds one image."""
    step = torch.randint(1, max(2, n), (1,), generator=rng, device=rng.device)
    return (torch.arange(n, device=rng.device) + step) % n


def lesion_partners(masks: Tensor, preference: Tensor) -> tuple[Tensor, Tensor]:
    """Of each image the partner that it prefers among the other images with foreground.

    masks: integer (B, H, W). preference: float (B, B) in [0, 1). Returns the partners int64 (B,)
    and bool (B,), whether there is one.
    """
    n = len(masks)
    able = (masks.flatten(1) != 0).any(1)
    able = able & ~torch.eye(n, dtype=torch.bool, device=masks.device)
    best = torch.where(able, preference, -1.0).max(dim=1)
    return best.indices, best.values >= 0
