"""How near to a device's limit a piece of work comes: its floating-point operations and bytes,
counted as it runs, and what the device can do, measured beside it.

The limit of a piece of work is the longer of two times: its operations at the rate of a large
matrix product of the same number format, and its bytes at the rate of a large copy. Bytes are
those that every single operation reads and writes (nothing is taken to stay in a cache or to be
fused), so that a share above 1 of a memory-bound piece of work says that caches or fusion did
better.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from tests.bench.ratios import now


@dataclass(frozen=True)
class Work:
    """Operations (a multiply-add is two; convolutions and matrix products) and bytes of one
    call."""

    flop: int
    bytes: int

    def limit_s(self, rates: "Rates") -> float:
        """The shortest time that the device's measured rates allow."""
        return max(self.flop / rates.flop_per_s, self.bytes / rates.bytes_per_s)

    def bound(self, rates: "Rates") -> str:
        """What the limit comes from."""
        return (
            "compute" if self.flop / rates.flop_per_s > self.bytes / rates.bytes_per_s else "memory"
        )


@dataclass(frozen=True)
class Rates:
    """Measured on the device: a matrix product and a copy."""

    flop_per_s: float
    bytes_per_s: float


class _Bytes(TorchDispatchMode):
    """Adds up the bytes of the tensors that operations read and write; views move nothing."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            leaves = tree_leaves((args, kwargs, result))
            self.total += sum(leaf.nbytes for leaf in leaves if isinstance(leaf, torch.Tensor))
        return result


def count(work: Callable[[], object]) -> Work:
    """Runs `work` once and counts."""
    flops, moved = FlopCounterMode(display=False), _Bytes()
    with flops, moved:
        work()
    return Work(flops.get_total_flops(), moved.total)


def seconds(
    work: Callable[[], object], device: str, cpu_time: bool = False, repeats: int = 5
) -> float:
    """The best of several calls after one untimed: what the machine does when nothing else disturbs
    it."""
    work()
    taken = []
    for _ in range(repeats):
        start = now(device, cpu_time)
        work()
        taken.append(now(device, cpu_time) - start)
    return min(taken)


def rates(device: str, dtype: torch.dtype, cpu_time: bool = False) -> Rates:
    """A square matrix product in `dtype` (TF32 off) and a copy that no cache holds."""
    side = 8192 if device != "cpu" else 1024
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product = seconds(lambda: left @ right, device, cpu_time, 20)
    source = torch.zeros(2**28 if device != "cpu" else 2**26, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy = seconds(lambda: target.copy_(source), device, cpu_time, 20)
    return Rates(2 * side**3 / product, 2 * source.nbytes / copy)
