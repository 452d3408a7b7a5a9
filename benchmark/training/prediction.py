"""What a segmenter predicts, in large batches; a GPU is waited for once, at the end. Not here: its
training (segmenter.py), native geometry, metrics of record."""

from collections.abc import Callable

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from benchmark.training.microbatch import halving
from benchmark.training.to_device import sent

_SLICES_ON_CPU = 32
_PIXELS_ON_GPU = 2**22  # 256 slices of 128 px


def foreground_probability(
    model: nn.Module, images: np.ndarray, fabric: Fabric, batch_size: int | None = None
) -> np.ndarray:
    """Probability of the foreground: images uint8 (N, S, S) -> float32 (N, S, S) in [0, 1].

    `batch_size` at once, if it is given, and fewer where memory runs out.
    """
    out = torch.empty(images.shape, device=fabric.device)

    def shown(part: slice) -> Tensor:
        return sent(torch.from_numpy(np.ascontiguousarray(images[part])), fabric.device)

    _predict(model, fabric, shown, out, lambda found, part: found, batch_size)
    return out.cpu().numpy()


def foreground_counts(
    model: nn.Module, images: Tensor, masks: Tensor, fabric: Fabric
) -> np.ndarray:
    """Pixels of each slice that are predicted as foreground, that are foreground, and that are
    both: images uint8 (N, S, S) and masks {0, 1} of the same shape, on the device of `fabric` ->
    int64 (N, 3). So little leaves a GPU that a checkpoint is chosen almost without waiting."""
    out = torch.empty(len(images), 3, dtype=torch.int64, device=fabric.device)

    def counted(probability: Tensor, part: slice) -> Tensor:
        found, truth = probability > 0.5, masks[part].bool()
        counts = [stack.sum((1, 2)) for stack in (found, truth, found & truth)]
        return torch.stack(counts, dim=1)

    _predict(model, fabric, lambda part: images[part], out, counted)
    return out.cpu().numpy()


@torch.inference_mode()
def _predict(
    model: nn.Module,
    fabric: Fabric,
    shown: Callable[[slice], Tensor],
    out: Tensor,
    result: Callable[[Tensor, slice], Tensor],
    batch_size: int | None = None,
) -> None:
    """Fills `out`, which has one row for each slice, with `result` of the probabilities float32
    (B, S, S) of the slices `shown` uint8 (B, S, S)."""
    model.eval()
    if not len(out):
        return

    def fill(at_once: int) -> None:
        for start in range(0, len(out), at_once):
            part = slice(start, start + at_once)
            batch = shown(part)
            with fabric.autocast():
                logits = model(to_network(batch[:, None]))
            out[part] = result(logits.float().softmax(1)[:, 1], part)

    size = shown(slice(0, 1)).shape[-1]
    halving(batch_size or _slices_at_once(fabric.device, size), fill)


def _slices_at_once(device: torch.device, size: int) -> int:
    """Slices of `size` pixels in one pass."""
    if device.type == "cpu":
        return _SLICES_ON_CPU
    return max(_SLICES_ON_CPU, _PIXELS_ON_GPU // size**2)


def to_network(images: Tensor) -> Tensor:
    """uint8 in 0..255 -> float32 in [-1, 1], the range of every network here (Q17)."""
    return images.float().div_(127.5).sub_(1)
