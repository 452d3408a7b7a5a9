"""How near synthetic images are to the images they were made from, and how much the variants of one
differ.

The five measures of the paper's Table I, in range 0-1, by torchmetrics; and diversity, which the
paper lacks. All are per image, because that is what the paper's spreads are: its printed RMSE of
0.1441 +- 0.0463 and MSE of 0.0229 agree only as figures over images (0.1441^2 + 0.0463^2 =
0.0229). Not here: labels, memorisation and distribution distance (memorisation.py).
"""

import numpy as np
import torch

FIDELITY = ("mae", "mse", "rmse", "ssim", "ms_ssim")
KERNEL_PX = 11  # of the Gaussian window of SSIM, sigma 1.5 px (Wang et al. 2004)
# Weights of the scales of MS-SSIM, finest first (Wang et al. 2003).
_WANG = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_BATCH = 64


def ms_ssim_betas(size: int) -> tuple[float, ...]:
    """Weights of the scales for images of `size` px: the first ones of Wang et al., scaled to a sum
    of 1.

    Each scale halves the image, and the coarsest must still hold the window of 11 px: five scales
    from 176 px on (the paper's 384 px among them), four at 128 px, three at 64 px, one below 22 px.
    Values of different sizes therefore do not compare; those of one table share their size.
    """
    scales = 1
    while scales < len(_WANG) and size // 2**scales >= KERNEL_PX:
        scales += 1
    return tuple(weight / sum(_WANG[:scales]) for weight in _WANG[:scales])


@torch.inference_mode()
def image_metrics(
    samples: np.ndarray, sources: np.ndarray, device: str = "cpu"
) -> dict[str, np.ndarray]:
    """FIDELITY of each sample against its source: uint8 (M, S, S) both -> float64 (M,) each, grey
    range 0-1."""
    found = {name: np.empty(len(samples)) for name in FIDELITY}
    for first in range(0, len(samples), _BATCH):
        rows = slice(first, first + _BATCH)
        made, real = (_unit(stack[rows], device) for stack in (samples, sources))
        error = (made - real).flatten(1)
        square = error.square().mean(1)
        values = (
            error.abs().mean(1),
            square,
            square.sqrt(),
            _ssim(made, real),
            _ms_ssim(made, real),
        )
        for name, value in zip(FIDELITY, values, strict=True):
            found[name][rows] = value.double().cpu().numpy()
    return found


@torch.inference_mode()
def diversity(variants: np.ndarray, device: str = "cpu") -> dict[str, np.ndarray]:
    """How much the variants of each slice differ: uint8 (v, M, S, S), v at least 2 -> float64 (M,)
    each.

    `diversity`: mean over all pairs of variants of 1 - MS-SSIM; `pixel_sd`: SD over variants (n -
    1), mean over pixels, grey range 0-1. Both are 0 where all variants are alike.
    """
    count, slices = variants.shape[:2]
    pairs = [(one, other) for one in range(count) for other in range(one)]
    unlike, spread = np.zeros(slices), np.empty(slices)
    for first in range(0, slices, _BATCH):
        rows = slice(first, first + _BATCH)
        made = [_unit(variants[number, rows], device) for number in range(count)]
        for one, other in pairs:
            unlike[rows] += (1 - _ms_ssim(made[one], made[other])).double().cpu().numpy() / len(
                pairs
            )
        spread[rows] = torch.stack(made).std(0).flatten(1).mean(1).double().cpu().numpy()
    return {"diversity": unlike, "pixel_sd": spread}


def _unit(stack: np.ndarray, device: str) -> torch.Tensor:
    """uint8 (B, S, S) -> float32 (B, 1, S, S) in [0, 1]."""
    return torch.from_numpy(np.array(stack, np.float32)).to(device)[:, None] / 255


def _ssim(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    from torchmetrics.functional.image import structural_similarity_index_measure

    return structural_similarity_index_measure(
        made, real, data_range=1.0, reduction="none"
    ).reshape(-1)


def _ms_ssim(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    betas = ms_ssim_betas(made.shape[-1])
    if len(betas) == 1:
        return _ssim(made, real)
    found = multiscale_structural_similarity_index_measure(
        made, real, data_range=1.0, reduction="none", betas=betas
    )
    return found.reshape(-1)
