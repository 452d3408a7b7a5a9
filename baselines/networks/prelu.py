"""PReLU with one slope, as MONAI's networks have after nearly every convolution, without torch's
slow CPU backward.

torch (2.12) computes the gradients of prelu element by element on a CPU, in three times the time
(docs/measurements.md). In float32, output and input gradient are bit for bit torch's, the slope's
gradient is a sum in another order; under bfloat16 the slope is not rounded. Elsewhere than on a
CPU torch's own kernel runs: reading the slope there would wait for the device.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.layers import replace_layers


class PReLU(nn.PReLU):
    """nn.PReLU(1), same parameters and names."""

    def forward(self, images: Tensor) -> Tensor:
        """Like the input, any shape."""
        if images.device.type != "cpu":
            return super().forward(images)
        return _OneSlope.apply(images, self.weight)


class _OneSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(images, slope)
        return functional.leaky_relu(images, slope.item())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        images, slope = ctx.saved_tensors
        below = (gradient * images.clamp_max(0)).sum(dtype=slope.dtype)
        inputs = torch.ops.aten.leaky_relu_backward(gradient, images, slope.item(), False)
        return inputs, below.reshape(slope.shape)


def with_fast_prelu(network: nn.Module) -> nn.Module:
    """The network with every one-slope nn.PReLU replaced; its weights, and their names, stay."""

    def fast(layer: nn.Module) -> nn.Module | None:
        if type(layer) is not nn.PReLU or layer.num_parameters != 1:
            return None
        new = PReLU().to(layer.weight)
        new.weight = layer.weight
        return new

    return replace_layers(network, fast)
