"""A pass of a network over buffers that stay where they are, so that it can be recorded as one
CUDA graph (graphs.py): a sampler makes the same pass in every denoising step of every batch, and a
fine-tuning in every micro-batch. Where nothing is recorded, on a CPU above all, the same function
is called as it is. Not here: whole training steps (static_step.py)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.training.graphs import Graphs

_SHORTAGE = "memory was too small for whole batches"
Shapes = tuple[tuple[str, torch.Size, torch.dtype], ...]


class StaticPasses:
    """`compute(**inputs)`, a tensor, over one set of buffers for each set of shapes."""

    def __init__(self, compute: Callable[..., Tensor], graphs: Graphs):
        self._compute, self._graphs = compute, graphs
        self._buffers: dict[Shapes, _Pass] = {}

    def with_inputs(self, **held: Tensor) -> Callable[..., Tensor]:
        """The pass of one batch: `held` are the inputs that its passes share; a call gives the
        others. Only the pass that was made last may be called."""
        filled: list[_Pass] = []

        def call(**others: Tensor) -> Tensor:
            if self._graphs.backend is None:
                return self._compute(**held, **others)
            one = self._of(held | others)
            # of a shape that comes back, the buffers still hold an earlier batch
            one.fill(others if one in filled else held | others)
            filled[:] = [one]
            try:
                one.step()
            except (RuntimeError, MemoryError):
                # After a shortage other shapes follow, which need what the recordings hold.
                self._buffers.clear()
                self._graphs.stop(_SHORTAGE)
                raise
            assert one.out is not None
            return one.out.clone()  # the next replay writes into the same place

        return call

    def _of(self, inputs: dict[str, Tensor]) -> "_Pass":
        shapes = tuple((name, value.shape, value.dtype) for name, value in inputs.items())
        if shapes not in self._buffers:
            buffers = {name: torch.empty_like(value) for name, value in inputs.items()}
            one = _Pass(buffers)
            one.step = self._graphs.step(lambda: one.compute(self._compute))
            self._buffers[shapes] = one
        return self._buffers[shapes]


@dataclass(eq=False)
class _Pass:
    """Buffers of one set of shapes, and the result of the last pass over them."""

    inputs: dict[str, Tensor]
    step: Callable[[], None] = lambda: None
    out: Tensor | None = None

    def fill(self, inputs: dict[str, Tensor]) -> None:
        for name, value in inputs.items():
            self.inputs[name].copy_(value)

    def compute(self, work: Callable[..., Tensor]) -> None:
        self.out = work(**self.inputs)
