"""Replacing layers of a network, wherever they are in it. Not here: which layers, and by what."""

from collections.abc import Callable

from torch import nn


def replace_layers(
    network: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]
) -> nn.Module:
    """The network with every layer below it replaced for which `replacement(layer)` is not None."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if (new := replacement(child)) is not None:
                setattr(module, name, new)
    return network
