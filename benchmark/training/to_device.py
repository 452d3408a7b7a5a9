"""What one step of a training or a sampler sends to its device, without waiting there for the work
that is queued.

An ordinary copy to a GPU, and torch.tensor(..., device=...) with it, returns when everything
queued before it is done; then the device idles until the next kernels arrive.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

_STAGED_BYTES = 2**16  # up to here CUDA takes a copy of its own at once, and the caller may go on


def sent(values: Tensor, device: torch.device) -> Tensor:
    """The same tensor on `device`; to a GPU the copy is queued, of many bytes from memory that the
    GPU reads itself."""
    if device.type == "cuda" and values.device.type == "cpu" and values.nbytes > _STAGED_BYTES:
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


def fetched(
    values: Tensor, make: Callable[[Tensor], Tensor] = lambda values: values
) -> Callable[[], np.ndarray]:
    """Starts `make(values)` and its way to the host; what it returns waits for its end there.

    On a GPU both go on a stream of their own, the way into memory that the GPU writes itself: what
    is queued after this call need not wait, nor the host.
    """
    if values.device.type != "cuda":
        array = make(values).numpy()
        return lambda: array
    stream = _own_stream(values.device)
    stream.wait_stream(torch.cuda.current_stream(values.device))
    with torch.cuda.stream(stream):
        values.record_stream(stream)
        made = make(values)
        host = torch.empty(made.shape, dtype=made.dtype, pin_memory=True)
        host.copy_(made, non_blocking=True)
        done = stream.record_event()

    def wait() -> np.ndarray:
        done.synchronize()
        return host.numpy()

    return wait


def beside(work: Callable[[], Tensor], device: torch.device) -> Callable[[], Tensor]:
    """Starts `work()`, whose inputs come from the host; what it returns gives the result. On a GPU
    the work goes on a stream of its own, and the stream on which the result is asked for waits."""
    if device.type != "cuda":
        made = work()
        return lambda: made
    stream = _own_stream(device)
    with torch.cuda.stream(stream):
        found = work()
        done = stream.record_event()

    def result() -> Tensor:
        here = torch.cuda.current_stream(device)
        here.wait_event(done)
        found.record_stream(here)
        return found

    return result


@functools.cache
def _own_stream(device: torch.device) -> "torch.cuda.Stream":
    return torch.cuda.Stream(device)


def on_device(network: Network, device: torch.device, dtype: torch.dtype | None = None) -> Network:
    """The network itself, moved to `device`; on a GPU channels last, which convolutions there are
    faster in."""
    layout = {"memory_format": torch.channels_last} if device.type == "cuda" else {}
    move: Any = nn.Module.to  # torch's types do not know memory_format
    return move(network, device, dtype, **layout)


def written(like: Tensor, *numbers: float) -> Tensor:
    """The numbers (len,), dtype and device those of `like`, where kernels write them: nothing is
    copied."""
    return torch.stack([like.new_full((), number) for number in numbers])
