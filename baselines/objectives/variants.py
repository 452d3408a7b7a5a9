"""The synthetic variants of a training, where a step can gather them: on the device if they fit,
else mapped from disk.

Both are `Variants`, so that an objective does not know which it has and a run's result does not
depend on it.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from benchmark.training.to_device import sent

# Of the memory that is free when a training starts; the rest is for the network, and for a
# neighbour on the device.
SHARE_OF_FREE = 0.5


class Variants(Protocol):
    """n variants of each of N slices: a tensor uint8 (n, N, S, S), or what can be asked as one."""

    def __len__(self) -> int:
        """n."""

    def __getitem__(self, which: tuple[Tensor, Tensor], /) -> Tensor:
        """(variant int64 (B,), rows int64 (B,)) -> uint8 (B, S, S) on the device."""


class MappedVariants(Variants):
    """Variants uint8 (n, N, S, S) in files of (V, N, S, S) that stay on disk; only what a step
    shows is read.

    On a GPU each step waits for the numbers of its slices, reads them on the host and sends them
    from pinned memory.
    """

    def __init__(self, paths: Sequence[Path], device: torch.device):
        files = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
        self._variants = [variant for file in files for variant in file]
        self._device = device

    def __len__(self) -> int:
        return len(self._variants)

    def __getitem__(self, which: tuple[Tensor, Tensor]) -> Tensor:
        variant, rows = (numbers.tolist() for numbers in which)
        batch = np.stack([self._variants[v][row] for v, row in zip(variant, rows, strict=True)])
        return sent(torch.from_numpy(batch), self._device)


def load_variants(
    paths: Sequence[Path], device: torch.device, limit_bytes: int | None = None
) -> Variants:
    """The variants of all files, uint8 (V, N, S, S) each, one after the other: a tensor uint8
    (n, N, S, S) on `device` up to `limit_bytes`, else `MappedVariants`.

    Without a limit it is SHARE_OF_FREE of the device's free memory.
    """
    files = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
    limit = SHARE_OF_FREE * _free_bytes(device) if limit_bytes is None else limit_bytes
    if sum(file.nbytes for file in files) > limit:
        return MappedVariants(paths, device)
    shape = (sum(map(len, files)), *files[0].shape[1:])
    variants = torch.empty(shape, dtype=torch.uint8, device=device)
    targets = variants.split([len(file) for file in files])
    for target, path in zip(targets, paths, strict=True):
        target.copy_(torch.from_numpy(np.load(path, allow_pickle=False)))
    return variants


def _free_bytes(device: torch.device) -> int:
    """Memory that can still be had on the device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():  # MemFree alone would leave out the file cache, which gives way
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
