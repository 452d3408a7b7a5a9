"""A GPU that is not there: tensors that say they lie on one (torch's fake tensors: shapes and
devices without numbers), and a mode that refuses what a step recorded as one CUDA graph must not
do.

Not shown by it: backward passes, kernels, speed.
"""

from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("cuda", 0)


class Leaves(RuntimeError):
    """A step left the GPU."""


class GpuGenerator(torch.Generator):
    """A CPU generator that says it is a GPU's; fake tensors draw no numbers from it. Its state may
    not be asked for: a graph keeps it on the GPU."""

    device = property(lambda self: GPU)

    def _refused(self, *words: Any) -> Any:
        raise Leaves("the state of a generator is read or set inside a step")

    get_state = set_state = manual_seed = seed = initial_seed = clone_state = _refused


# What a Python number beside a tensor becomes: a kernel takes it as an argument.
_NUMBERS = (
    torch.ops.aten.scalar_tensor.default,
    torch.ops.aten.lift_fresh.default,
    torch.ops.aten.fill_.Tensor,
    torch.ops.prim.device.default,
)


class Recorded(TorchDispatchMode):
    """Inside, an operation that reads, makes or copies a tensor of the CPU raises Leaves, whether
    it waits or not: a graph would repeat that one tensor for ever. Fake tensors themselves raise
    for a number read back and for a shape that depends on values."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        leaves = tree_leaves((args, kwargs, made))
        host = [one for one in leaves if isinstance(one, torch.Tensor) and one.device != GPU]
        number = func in _NUMBERS and not any(one.dim() for one in host)
        if host and not number:
            raise Leaves(f"{func} has a tensor of {host[0].device} of shape {tuple(host[0].shape)}")
        return made


class Waits(TorchDispatchMode):
    """Inside, a blocking copy between devices, for which the host would wait, raises Leaves. (A
    number read back from a fake tensor raises by itself.)"""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        given, result = (
            [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
            for tree in ((args, kwargs), made)
        )
        sources, targets = ({tensor.device for tensor in tensors} for tensors in (given, result))
        copied = given and targets - sources and not (kwargs or {}).get("non_blocking")
        # a number of the host may go along
        if copied or len({tensor.device for tensor in given if tensor.dim()}) > 1:
            raise Leaves(f"{func} waits for the GPU")
        return made


def moved(network: nn.Module) -> nn.Module:
    """The network with fake parameters and buffers on the GPU (fake tensors cannot be swapped in by
    `Module.to`)."""
    for module in network.modules():
        for name, value in [*module._parameters.items()]:
            module._parameters[name] = (
                value if value is None else nn.Parameter(torch.empty(value.shape, device=GPU))
            )
        for name, value in [*module._buffers.items()]:
            module._buffers[name] = (
                value if value is None else torch.empty(value.shape, dtype=value.dtype, device=GPU)
            )
    return network
