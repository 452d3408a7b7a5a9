"""Random merging masks: which patches of a training image are real and which synthetic (paper
III-D, Alg. 1). Not here: what is merged, images or logits (Q6)."""

import torch

from benchmark.core.errors import InputError


def check_patch(size: int, patch: int, alpha: float) -> None:
    """Raises InputError unless `patch` divides `size` (both pixels) and `alpha` is a share."""
    if not 1 <= patch <= size or size % patch:
        divisors = ", ".join(str(side) for side in range(1, size + 1) if size % side == 0)
        raise InputError(
            f"patch size {patch} does not divide slices of {size} pixels; choose one of {divisors}."
        )
    if not 0 <= alpha <= 1:
        raise InputError(
            f"alpha is the share of real patches and lies between 0 and 1, not {alpha:g}."
        )


def random_patch_mask(
    batch: int, size: int, patch: int, alpha: float, rng: torch.Generator
) -> torch.Tensor:
    """Merging masks float32 (batch, 1, size, size) of {0, 1}, 1 = real, on the device of `rng`.

    Per sample a (size/patch)^2 matrix of uniform numbers; entries below `alpha` become 1;
    nearest-neighbour resize to `size` pixels (paper III-D). Uniform numbers lie in [0, 1), so alpha
    0 gives no and alpha 1 only real patches. Raises InputError as `check_patch`.
    """
    check_patch(size, patch, alpha)
    cells = size // patch
    uniform = torch.rand(batch, 1, cells, cells, generator=rng, device=rng.device)
    real = (uniform < alpha).float()
    return real.repeat_interleave(patch, dim=2).repeat_interleave(patch, dim=3)
