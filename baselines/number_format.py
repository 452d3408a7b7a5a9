"""The number format that a generator's network computes in while it is sampled.

Callers: diffusion.py, stable/generator.py, unconditional.py, emitdiff.py. Training decides for itself.
"""

import torch


def sampling_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device has instructions for it, else float32.

    A sample moves by a third of a grey level, at most by a few (tests/baselines/test_number_format.py), and takes half
    the time on a CPU with AVX512-BF16. channels_last was tried beside it there and dropped: 0.6 to 1.1 times the speed.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported()
    else:  # emulated elsewhere, more slowly than float32; torch has no public question for it
        native = device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
    return torch.bfloat16 if native else torch.float32


def format_name(dtype: torch.dtype) -> str:
    """"bfloat16" or "float32"."""
    return str(dtype).removeprefix("torch.")
