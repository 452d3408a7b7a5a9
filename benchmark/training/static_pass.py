"""A function of tensors over buffers that stay where they are, so that it can be recorded as one
CUDA graph (graphs.py): a sampler's is the way of a whole batch from noise to sample, with all its
denoising steps; a fine-tuning's is a micro-batch. Where nothing is recorded, on a CPU above all,
the same function is called as it is. Not here: whole training steps (static_step.py)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.training.graphs import WARM_UP_STEPS, Graphs

# Passes of a network in one recording. Each costs its few thousand kernels once more in memory (of
# the host and of the GPU) and in the time of the recording.
MOST_PASSES = 100
_SHORTAGE = "memory was too small for whole batches"
Shapes = tuple[tuple[str, torch.Size, torch.dtype], ...]


class StaticPasses:
    """`compute(**inputs)`, a tensor, over one set of buffers for each set of shapes.

    passes: of the network in one call. A call of many is run plainly once and then recorded; a call
    of more than MOST_PASSES is never recorded.
    """

    def __init__(self, compute: Callable[..., Tensor], graphs: Graphs, passes: int = 1):
        self._compute, self._graphs = compute, graphs
        self._plain_calls = -(-WARM_UP_STEPS // passes)
        self._obstacle = f"{passes} denoising steps are too many for one graph"
        if passes <= MOST_PASSES:
            self._obstacle = ""
        self._buffers: dict[Shapes, _Pass] = {}

    def __call__(self, **inputs: Tensor) -> Tensor:
        if self._obstacle:
            self._graphs.stop(self._obstacle)
        if self._graphs.backend is None:
            return self._compute(**inputs)
        one = self._of(inputs)
        for name, value in inputs.items():
            one.inputs[name].copy_(value)
        try:
            one.step()
        except (RuntimeError, MemoryError):
            # After a shortage other shapes follow, which need what the recordings hold.
            self._buffers.clear()
            self._graphs.stop(_SHORTAGE)
            raise
        assert one.out is not None
        return one.out.clone()  # the next replay writes into the same place

    def _of(self, inputs: dict[str, Tensor]) -> "_Pass":
        shapes = tuple((name, value.shape, value.dtype) for name, value in inputs.items())
        if shapes not in self._buffers:
            one = _Pass({name: torch.empty_like(value) for name, value in inputs.items()})
            work = one.computing(self._compute)
            one.step = self._graphs.step(work, plain_calls=self._plain_calls)
            self._buffers[shapes] = one
        return self._buffers[shapes]


@dataclass(eq=False)
class _Pass:
    """Buffers of one set of shapes, and the result of the last call over them."""

    inputs: dict[str, Tensor]
    step: Callable[[], None] = lambda: None
    out: Tensor | None = None

    def computing(self, work: Callable[..., Tensor]) -> Callable[[], None]:
        def compute() -> None:
            self.out = work(**self.inputs)

        return compute
