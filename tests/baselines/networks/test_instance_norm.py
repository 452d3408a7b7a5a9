"""Instance norm in bfloat16 on a CPU: statistics of float32, gradients too, and torch's own layer
otherwise."""

import pytest
import torch
from torch import nn

from baselines.networks.architectures import build
from baselines.networks.instance_norm import InstanceNorm2d, with_float32_statistics


def images(dtype: torch.dtype) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return (1 + 0.1 * torch.randn(2, 8, 32, 32, generator=rng)).bfloat16().to(dtype)


def test_in_bfloat16_a_channel_ends_with_mean_zero():
    wanted = nn.InstanceNorm2d(8)(images(torch.float64))
    found = InstanceNorm2d(8)(images(torch.bfloat16))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), wanted, rtol=2**-8, atol=1e-5)
    assert found.double().mean((2, 3)).abs().max() < 1e-3
    assert nn.InstanceNorm2d(8)(images(torch.bfloat16)).double().mean((2, 3)).abs().max() > 1e-2, (
        "torch no longer rounds"
    )


def test_its_gradient_is_that_of_float32():
    gradients = []
    for layer, dtype in (
        (nn.InstanceNorm2d(8), torch.float64),
        (InstanceNorm2d(8), torch.bfloat16),
    ):
        given = images(dtype).requires_grad_()
        layer(given).double().pow(3).sum().backward()
        gradients.append(given.grad.double())
    error = (gradients[1] - gradients[0]).norm() / gradients[0].norm()
    assert error < 0.01


def test_in_float32_it_is_torchs_bit_for_bit():
    assert torch.equal(
        InstanceNorm2d(8)(images(torch.float32)), nn.InstanceNorm2d(8)(images(torch.float32))
    )


def test_the_unet_has_it_and_layers_with_weights_stay():
    kinds = {type(module) for module in build("unet", 64).modules()}
    assert InstanceNorm2d in kinds and nn.InstanceNorm2d not in kinds
    kept = with_float32_statistics(
        nn.Sequential(nn.InstanceNorm2d(8, affine=True), nn.InstanceNorm2d(8, eps=0.1))
    )
    assert type(kept[0]) is nn.InstanceNorm2d
    assert kept[1].eps == pytest.approx(0.1)
