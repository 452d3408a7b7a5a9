"""One training step of a segmenter on buffers that stay where they are, so that it can be recorded
(graphs.py). A CPU runs the very same function. Not here: the loop (segmenter.py)."""

from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

Presented = dict[str, int]  # images that a step showed: {"real": 8, "synthetic": 8}


class StaticStep:
    """Gathers, merges, augments, goes forward and back, and moves the weights.

    items: int64 (batch,), the row numbers that the next call shows; filled in by the caller.
    loss: float32 (), of the last call. total: float32 (), to which each call adds its loss.
    presented: what a call shows; it depends on the size of the batch alone.
    """

    def __init__(
        self,
        objective: Callable[[nn.Module, Tensor, torch.Generator], tuple[Tensor, Presented]],
        network: nn.Module,
        optimiser: Any,
        fabric: Fabric,
        rng: torch.Generator,
        total: Tensor,
        batch: int,
    ):
        self._objective, self._network, self._optimiser = objective, network, optimiser
        self._fabric, self._rng, self.total = fabric, rng, total
        self.items = torch.zeros(batch, dtype=torch.int64, device=fabric.device)
        self.loss = torch.zeros((), device=fabric.device)
        self.presented: Presented = {}

    def __call__(self) -> None:
        self.gradients()
        self.update()

    def gradients(self) -> None:
        """The part that needs memory. It changes nothing but gradients, the loss, generators and
        buffers of the network, so that it can be made again in smaller parts (microbatch.py)."""
        self._optimiser.zero_grad(set_to_none=True)
        loss, self.presented = self._objective(self._network, self.items, self._rng)
        self._fabric.backward(loss)
        self.loss.copy_(loss.detach())

    def update(self) -> None:
        self._optimiser.step()
        self.total += self.loss
