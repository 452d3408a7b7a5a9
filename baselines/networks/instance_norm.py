"""Instance norm as MONAI's unet has it, without torch's rounding of its statistics to bfloat16 on a
CPU.

Without weights of its own, torch (2.12) keeps mean and SD of an image in the format of the image.
In bfloat16 on a CPU that is inexact, and slow (docs/measurements.md). In float32 nothing changes.
Batch and group norm keep their statistics in float32, and so do a GPU's kernels.
"""

import torch
from torch import Tensor, nn

from baselines.networks.layers import replace_layers


class InstanceNorm2d(nn.InstanceNorm2d):
    """nn.InstanceNorm2d, without weights and running statistics."""

    def forward(self, images: Tensor) -> Tensor:
        """(B,C,H,W), same shape and format."""
        if images.device.type == "cpu" and images.dtype == torch.bfloat16:
            return super().forward(images.float()).to(images.dtype)
        return super().forward(images)


def with_float32_statistics(network: nn.Module) -> nn.Module:
    """The network with every nn.InstanceNorm2d that has no weights replaced."""

    def exact(layer: nn.Module) -> nn.Module | None:
        if type(layer) is not nn.InstanceNorm2d or layer.affine or layer.track_running_stats:
            return None
        return InstanceNorm2d(layer.num_features, layer.eps)

    return replace_layers(network, exact)
