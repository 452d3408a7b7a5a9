"""The pieces that trainings of generators share: seeded weights, the finished folder read back."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def seeded(build: Callable[[], Network], seed: int) -> Network:
    """A network with initial weights drawn from `seed`; layers draw from the global generator,
    which is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def restore(network: Network, folder: Path, device: torch.device) -> Network:
    """`network` with the weights of the fit in `folder`, on `device`, in eval mode."""
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    network.to(device).eval()
    return network.to(memory_format=torch.channels_last) if device.type == "cuda" else network
