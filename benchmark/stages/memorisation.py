"""Whether synthetic images keep their label, repeat the training set, and look like real ones to a
segmenter.

All three use one segmenter, trained on real images alone by method `none` of the same fold and
seed, or no network at all. Not here: likeness to the source image (fidelity.py), files and cases
(audit.py).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.training.prediction import to_network

COMPARED_PX = 32  # side at which images are compared for memorisation
_BATCH = 32


def compared(images: np.ndarray) -> np.ndarray:
    """uint8 (M, S, S) -> float32 (M, D): images reduced to 32 px, mean 0 and length 1; brightness
    and contrast are gone, so that a darkened copy is still a copy. A flat image becomes 0."""
    grids = torch.from_numpy(np.array(images, np.float32))[:, None]
    if images.shape[-1] > COMPARED_PX:
        grids = F.adaptive_avg_pool2d(grids, COMPARED_PX)
    flat = grids.flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    return (flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-6)).numpy()


def paired_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Distance of each row of `one` to the same row of `other`, float64 (M,): sqrt(2 - 2 r), r the
    correlation; 0 for a copy, 1.41 for images that have nothing in common."""
    return np.sqrt(np.maximum(2 - 2 * np.einsum("nd,nd->n", one, other, dtype=np.float64), 0))


def nearest_distances(
    vectors: np.ndarray,
    training: np.ndarray,
    owners: np.ndarray | None = None,
    training_owners: np.ndarray | None = None,
) -> np.ndarray:
    """Distance of each of `vectors` (M, D) to the nearest of `training` (N, D), float64 (M,).

    With owners (M,) and training_owners (N,) a vector is not compared to the training slices of its
    own case; inf where no other is left.
    """
    found = np.empty(len(vectors))
    for first in range(0, len(vectors), 256):
        rows = slice(first, first + 256)
        squares = 2 - 2 * (vectors[rows] @ training.T).astype(np.float64)
        if owners is not None and training_owners is not None:
            squares[owners[rows, None] == training_owners[None]] = np.inf
        found[rows] = squares.min(1)
    return np.sqrt(np.maximum(found, 0))


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Frechet distance between the normal distributions fitted to two sets of features, (N, D) and
    (M, D).

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), as in Heusel et al. 2017. The features here are
    those of a segmenter
    that we train, so the number is no FID and compares only within one segmenter. Few images
    inflate it.
    """
    means = one.mean(0) - other.mean(0)
    covariances = [
        np.atleast_2d(np.cov(features.astype(np.float64), rowvar=False))
        for features in (one, other)
    ]
    root = _root(covariances[0])
    cross = np.linalg.eigvalsh(root @ covariances[1] @ root)
    trace = (
        np.trace(covariances[0])
        + np.trace(covariances[1])
        - 2 * np.sqrt(np.maximum(cross, 0)).sum()
    )
    return float(max(means.astype(np.float64) @ means + trace, 0.0))


def kernel_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Squared maximum mean discrepancy between two sets of features, (N, D) and (M, D), at least
    two rows each.

    Kernel (x.y / D + 1)^3, without the pairs of an image with itself: the unbiased estimate of
    Binkowski et al. 2018, of all images at once. Unlike Frechet's distance few images do not
    inflate it; it is 0 on average for two sets of one distribution, so single values may be
    negative.
    """
    one, other = one.astype(np.float64), other.astype(np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(features: np.ndarray) -> float:
        values, count = kernel(features, features), len(features)
        return (values.sum() - np.trace(values)) / (count * (count - 1))

    return float(within(one) + within(other) - 2 * kernel(one, other).mean())


def _root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric square root of a covariance matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


@torch.inference_mode()
def deepest_features(
    model: nn.Module, images: np.ndarray, device: torch.device
) -> np.ndarray | None:
    """Mean over space of the network's coarsest feature map: images uint8 (N, S, S) -> float32 (N,
    C).

    The layer is the last one to give a map of the smallest area above one pixel, which is the
    bottleneck of every network here. None for a network without such a map, or for no image.
    """
    seen: dict[nn.Module, tuple[int, torch.Tensor]] = {}

    def note(layer: nn.Module, _, output: object) -> None:
        if (
            isinstance(output, torch.Tensor)
            and output.ndim == 4
            and output.shape[-1] * output.shape[-2] > 1
        ):
            seen.pop(layer, None)  # to the end: the order is that of computation
            seen[layer] = (output.shape[-1] * output.shape[-2], output.float().mean((2, 3)))

    hooks = [
        layer.register_forward_hook(note) for layer in model.modules() if not any(layer.children())
    ]
    model.eval()
    found, chosen = [], None
    try:
        for first in range(0, len(images), _BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(images[first : first + _BATCH])).to(
                device
            )
            seen.clear()
            model(to_network(batch[:, None]))
            if chosen is None and seen:
                smallest = min(area for area, _ in seen.values())
                chosen = [layer for layer, (area, _) in seen.items() if area == smallest][-1]
            if chosen is None:
                return None
            found.append(seen[chosen][1].cpu().numpy())
    finally:
        for hook in hooks:
            hook.remove()
    return np.concatenate(found) if found else None
