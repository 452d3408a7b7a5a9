"""The slices of the coming steps of a fine-tuning: threads draw them, and the VAE encodes many at
once before they are used, on a stream of its own.

Slices that are moved at random must be encoded as they are moved, which is anew in each step. In
micro-batches of a few slices that would leave a GPU half idle; in blocks that reach over the steps
to come it does not, and what is encoded is the same. Not here: what is drawn for a slice
(batches.py), the loss (loss.py).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from baselines.stable.batches import Drawer, DrawnSlice
from benchmark.training.microbatch import halving
from benchmark.training.to_device import beside

_READERS = 8  # threads that draw
_PIXELS_ON_GPU = 2**22  # 28 slices of 384 px are encoded at once
Share = Sequence[tuple[int, int]]  # (place in the batch, number of the slice)


@dataclass(frozen=True)
class Drawn:
    """B slices of a step. On the CPU: `edges` float32 (B,1,S,S) in [0,1]; `noise` and `posterior`,
    standard normal (B,4,H,W), of the diffusion and of the VAE; `timesteps` and `text` int64 (B,).
    On the device: `moments` float32 (B,2,4,H,W), mean and deviation of the VAE's posterior."""

    edges: Tensor
    noise: Tensor
    posterior: Tensor
    timesteps: Tensor
    text: Tensor
    moments: Tensor

    def __len__(self) -> int:
        return len(self.text)


def encoded_at_once(device: torch.device, size: int) -> int:
    """Slices of `size` pixels that the VAE encodes at once; on a CPU 1: those of the micro-batch
    that is due, for which nothing is gained by more."""
    return 1 if device.type == "cpu" else max(1, _PIXELS_ON_GPU // size**2)


class Ahead:
    """Slices in the order in which the steps use them. A context: its threads end with it."""

    def __init__(
        self,
        drawer: Drawer,
        shares: Callable[[int], Share],
        steps: int,
        encode: Callable[[Tensor, Sequence[int]], Tensor],
        device: torch.device,
        at_once: int,
    ):
        """shares: what this process computes of a step; steps: of the training; encode: images
        float32 (B,1,S,S) in [0,1] on the CPU and their numbers -> moments; at_once: slices that are
        encoded together."""
        self._drawer, self._shares, self._steps = drawer, shares, steps
        self._encode, self._device, self._at_once = encode, device, at_once
        self._fits: int | None = None  # fewer at once, after a shortage of memory
        self._pool = ThreadPoolExecutor(_READERS)
        self._next: int | None = 0  # the step that may follow without beginning anew
        self._coming = self._from(0)
        self._waiting: deque[Future[DrawnSlice]] = deque()  # with the threads
        self._drawn: deque[DrawnSlice] = deque()  # and these are their moments, one each
        self._encoded: deque[Callable[[], Tensor]] = deque()

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def of_step(self, step: int, size: int) -> Iterator[Drawn]:
        """The slices of a step in micro-batches of `size`. A step may begin anew."""
        if step != self._next:
            self._begin(step)
        self._next = None
        left = len(self._shares(step))
        while left:
            yield self._take(min(size, left))
            left -= min(size, left)
        self._next = step + 1

    def _from(self, step: int) -> Iterator[tuple[int, int, int]]:
        """(number, step, place) of every slice from a step on."""
        for later in range(step, self._steps):
            yield from ((number, later, place) for place, number in self._shares(later))

    def _begin(self, step: int) -> None:
        for one in self._waiting:
            one.cancel()
        self._coming = self._from(step)
        for queue in (self._waiting, self._drawn, self._encoded):
            queue.clear()

    def _take(self, count: int) -> Drawn:
        self._order(2 * max(count, self._at_once))
        while len(self._drawn) < count:
            self._encode_next(max(self._at_once, count - len(self._drawn)))
        taken = [self._drawn.popleft() for _ in range(count)]
        moments = [self._encoded.popleft()() for _ in range(count)]
        self._order(2 * max(count, self._at_once))
        following = list(self._waiting)[: self._at_once]
        if self._at_once > 1 and len(self._drawn) < count and all(map(Future.done, following)):
            self._encode_next(self._at_once)  # beside the micro-batch that is taken
        planes = torch.stack([one.planes for one in taken])
        return Drawn(
            planes[:, 1:],
            torch.stack([one.noise for one in taken]),
            torch.stack([one.posterior for one in taken]),
            torch.tensor([one.timestep for one in taken]),
            torch.tensor([one.text for one in taken]),
            torch.stack(moments),
        )

    def _order(self, count: int) -> None:
        """Has threads draw until so many slices wait."""
        while len(self._waiting) < count and (one := next(self._coming, None)) is not None:
            self._waiting.append(self._pool.submit(self._drawer.one, *one))

    def _encode_next(self, count: int) -> None:
        """Encodes the next `count` slices, or those that are left."""
        count = min(count, len(self._waiting))
        drawn = [self._waiting.popleft().result() for _ in range(count)]
        if not drawn:
            return
        images = torch.stack([one.planes[:1] for one in drawn])
        numbers = [one.number for one in drawn]

        def encode(at_once: int) -> Tensor:
            self._fits = at_once if at_once < count else self._fits
            parts = [slice(first, first + at_once) for first in range(0, count, at_once)]
            return torch.cat([self._encode(images[part], numbers[part]) for part in parts])

        moments = beside(lambda: halving(min(self._fits or count, count), encode), self._device)
        self._drawn += drawn
        self._encoded += [partial(_row, moments, row) for row in range(count)]


def _row(moments: Callable[[], Tensor], row: int) -> Tensor:
    return moments()[row]
