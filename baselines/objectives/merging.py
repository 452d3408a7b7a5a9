"""Random merging masks: which patches of a training image are real and which synthetic (paper
III-D, Alg. 1). Not here: what is merged, images or logits (Q6)."""

import torch

from benchmark.spec.method import check_alpha, check_patch


def random_patch_mask(
    batch: int, size: int, patch: int, alpha: float, rng: torch.Generator
) -> torch.Tensor:
    """Merging masks float32 (batch, 1, size, size) of {0, 1}, 1 = real, on the device of `rng`.

    Per sample a (size/patch)^2 matrix of uniform numbers; entries below `alpha` become 1;
    nearest-neighbour resize to `size` pixels (paper III-D). Uniform numbers lie in [0, 1), so alpha
    0 gives no and alpha 1 only real patches. Raises InputError where alpha is no share or the patch
    does not divide the size.
    """
    check_alpha(alpha)
    check_patch(patch, size)
    cells = size // patch
    uniform = torch.rand(batch, 1, cells, cells, generator=rng, device=rng.device)
    real = (uniform < alpha).float()
    return real.repeat_interleave(patch, dim=2).repeat_interleave(patch, dim=3)
