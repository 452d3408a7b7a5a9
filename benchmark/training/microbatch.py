"""Out of memory in a training step: the step is made again in smaller parts, and its batch stays
what it was.

`MicroBatches.run(step)` calls `step` - loss and backward of one whole batch - and, if memory runs
out, undoes it, halves the part that goes through the network at once, and calls it again. Order,
random draws, merging and the loss are those of the whole batch, because only the network's forward
pass is cut: each part keeps nothing but its output and is computed once more when its gradient is
due (torch.utils.checkpoint). The gradient is that of the undisturbed step to rounding, at the price
of a second forward pass.

What changes: a layer with batch statistics (BatchNorm) sees one part at a time, as it would with
any accumulation of gradients, and never a single item, which has no statistics; its running mean
is kept that of the whole batch, its running variance lacks the variance between parts. Dropout
draws other masks. The record says what was lowered (assembly.py).
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from benchmark.core.texts import first_line

SHORTAGE_FILE = "shortage.json"
SHORTAGE = "memory was too small for whole batches"  # why a step is not recorded (graphs.py)
_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU, or the memory of the machine, was too small. torch says it in several ways."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def halving(size: int, work: Callable[[int], Result]) -> Result:
    """work(size), with half the size again and again while memory runs out. Raises the error of
    size 1."""
    while True:
        try:
            return work(size)
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        # Outside the handler: the traceback holds what filled the memory.
        size = -(-size // 2)
        _release()


class MicroBatches:
    """The steps of one training of `network` with `batch` items each; `generators` are what its
    steps draw from.

    state: {} while whole batches go through the network; after a shortage the items that go through
    it at once ("size") and the step of the first shortage ("since_step"). It may be saved and set
    again.
    """

    def __init__(self, network: nn.Module, generators: Sequence[torch.Generator], batch: int):
        self.network, self.batch, self._generators = network, batch, generators
        self.state: dict[str, int] = {}
        self._norms = [
            layer
            for layer in network.modules()
            if isinstance(layer, _BatchNorm) and layer.track_running_stats
        ]
        # batch statistics of a single item are its own, and of one pixel there are none
        self._least = 2 if any(isinstance(layer, _BatchNorm) for layer in network.modules()) else 1
        self._buffers = list(network.buffers())
        self._kept = [buffer.detach().clone() for buffer in self._buffers]

    def run(self, step: Callable[[], Result], number: int = 0) -> Result:
        """What `step` returns. `number`: which step it is, counted from 0, for the record.

        `step` clears the gradients first, and changes nothing but gradients, generators and buffers
        of the network. Raises RuntimeError in one sentence where the smallest part is too much: a
        single item, or two where the network has batch statistics.
        """
        states = [generator.get_state() for generator in self._generators]
        _copy(self._buffers, self._kept)
        while True:
            try:
                with self._cut():
                    return step()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = first_line(error)
            self._lower(number, reason)
            for parameter in self.network.parameters():
                parameter.grad = None
            for generator, state in zip(self._generators, states, strict=True):
                generator.set_state(state)
            _copy(self._kept, self._buffers)
            _release()

    @property
    def shortage(self) -> dict[str, Any]:
        """What the record has to say: {} where memory was enough."""
        if not self.state:
            return {}
        return {
            "micro_batch": {
                **self.state,
                "batch": self.batch,
                "batch_statistics": bool(self._norms),
            }
        }

    def write(self, folder: Path) -> None:
        """Leaves `shortage` in a folder of artefacts, if there was one."""
        if self.shortage:
            (folder / SHORTAGE_FILE).write_text(json.dumps(self.shortage))

    def _lower(self, number: int, reason: str) -> None:
        before = self.state.get("size", self.batch)
        if before <= self._least:
            few = "a single item" if before == 1 else "two items"
            raise RuntimeError(
                f"out of memory with {few} at a time ({reason}); take a smaller network or"
                f" slice size."
            )
        size = max(-(-before // 2), self._least)
        self.state = {"since_step": number} | self.state | {"size": size}

    @contextlib.contextmanager
    def _cut(self) -> Iterator[None]:
        """Inside, a pass of more items than fit through the network is made in parts."""
        if not self.state:
            yield
            return
        whole, own = self.network.forward, vars(self.network).get("forward")
        self.network.forward = partial(self._in_parts, whole, self.state["size"])
        try:
            yield
        finally:
            del self.network.forward  # the class's own is found again
            if own is not None:
                self.network.forward = own

    def _in_parts(
        self, whole: Callable[..., Tensor], size: int, *words: Any, **names: Any
    ) -> Tensor:
        """whole(*words, **names), of at most `size` items at once while gradients are recorded."""
        given = (*words, *names.values())
        items = len(next(value for value in given if isinstance(value, Tensor)))
        if items <= size or not torch.is_grad_enabled():
            return whole(*words, **names)
        out = []
        for rows in self._parts(items, size):
            part, left = (rows.stop - rows.start) / items, (items - rows.stop) / items
            done = checkpoint(
                whole,
                *(_share(value, rows, items) for value in words),
                use_reentrant=False,
                context_fn=partial(self._contexts, part, left),
                **{name: _share(value, rows, items) for name, value in names.items()},
            )
            out.append(done)
        return torch.cat(out)

    def _parts(self, items: int, size: int) -> list[slice]:
        """Which items go through the network together: `size` of them, a last part that is smaller
        than the least with the one before it."""
        ends = [*range(size, items, size), items]
        if len(ends) > 1 and ends[-1] - ends[-2] < self._least:
            del ends[-2]
        return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def _contexts(
        self, part: float, left: float
    ) -> tuple[AbstractContextManager, AbstractContextManager]:
        """Around a part's forward pass, and around its repetition for the gradient."""
        return self._statistics(part, left), self._still()

    @contextlib.contextmanager
    def _statistics(self, part: float, left: float) -> Iterator[None]:
        """Weighs a part's update of the running statistics by its share of the batch.

        After all parts r = (1 - m) r + m * (mean of the parts weighted by their share), if the part
        with `left` of the batch still to come takes the weight m part / (1 - m left).
        """
        momenta = [layer.momentum for layer in self._norms]
        counters = [layer.num_batches_tracked for layer in self._norms]
        for layer, momentum in zip(self._norms, momenta, strict=True):
            if momentum is not None:
                layer.momentum = momentum * part / (1 - momentum * left)
            if left:  # one batch counts once, with its last part
                layer.num_batches_tracked = None
        try:
            yield
        finally:
            for layer, momentum, counter in zip(self._norms, momenta, counters, strict=True):
                layer.momentum, layer.num_batches_tracked = momentum, counter

    @contextlib.contextmanager
    def _still(self) -> Iterator[None]:
        """Leaves the running statistics alone: the part is computed only for its gradient."""
        with contextlib.ExitStack() as stack:
            for layer in self._norms:
                stack.callback(setattr, layer, "momentum", layer.momentum)
                stack.callback(setattr, layer, "num_batches_tracked", layer.num_batches_tracked)
                layer.momentum, layer.num_batches_tracked = 0.0, None
            yield


def read_shortage(folder: Path) -> dict[str, Any]:
    """What `MicroBatches.write` left in a folder; {} if nothing."""
    path = folder / SHORTAGE_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _share(value: Any, rows: slice, items: int) -> Any:
    """Those rows of a tensor of `items` rows; anything else is the same for all items."""
    is_batch = isinstance(value, Tensor) and value.dim() and len(value) == items
    return value[rows] if is_batch else value


def _copy(source: list[Tensor], target: list[Tensor]) -> None:
    if source:
        with torch.no_grad():
            torch._foreach_copy_(target, source)


def _release() -> None:
    """Gives memory that torch keeps for later back to the GPU, in whole pieces."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
