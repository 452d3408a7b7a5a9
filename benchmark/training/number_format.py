"""The number format that a generator's network computes in while it is trained and sampled:
bfloat16 where the device has instructions for it, else float32.

Weights, optimisers, losses and solvers stay in float32. Records name the format of each stage.
Segmenters follow it on a GPU alone (segmenter.py).
"""

import logging
from collections.abc import Callable
from typing import Literal

import torch

_Precision = Literal["32-true", "bf16-mixed"]
_PRECISION: dict[torch.dtype, _Precision] = {
    torch.float32: "32-true",
    torch.bfloat16: "bf16-mixed",
}


def native_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it natively, else float32: emulated, it is slower than
    float32. Its gain, and how far it moves a sample: docs/measurements.md."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:  # torch has no public question for it
        native = device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
    return torch.bfloat16 if native else torch.float32


def autocast(device: torch.device) -> torch.autocast:
    """The context in which a network computes in the native format of `device`."""
    dtype = native_dtype(device)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def native(
    network: Callable[..., torch.Tensor], device: torch.device
) -> Callable[..., torch.Tensor]:
    """`network`, computing in the native format of `device`."""

    def computed(*given: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        with autocast(device):
            return network(*given, **named)

    return computed


def format_name(dtype: torch.dtype) -> str:
    """ "bfloat16" or "float32"."""
    return str(dtype).removeprefix("torch.")


def fabric_precision(dtype: torch.dtype) -> _Precision:
    """What Lightning Fabric calls this number format; and Fabric no longer announces it on the
    terminal each time."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return _PRECISION[dtype]


def native_format(device: torch.device) -> str:
    """Name of the native format of `device`, for the record."""
    return format_name(native_dtype(device))
