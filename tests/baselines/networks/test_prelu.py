"""The fast PReLU is torch's: outputs and input gradients bit for bit in float32, the slope's
gradient to rounding."""

import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from baselines.networks.architectures import _UNET, build
from baselines.networks.prelu import PReLU


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_torchs_prelu(dtype):
    rng = torch.Generator().manual_seed(0)
    images, gradient = (torch.randn(3, 4, 9, 9, generator=rng).to(dtype) for _ in range(2))
    found = []
    for layer in (nn.PReLU(init=0.3), PReLU(init=0.3)):
        given = images.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            output = layer(given)
        output.backward(gradient)
        found.append((output, given.grad, layer.weight.grad))
    (output, inputs, slope), (fast_output, fast_inputs, fast_slope) = found
    assert output.dtype == fast_output.dtype == dtype
    # torch rounds the slope
    exact = {"rtol": 0.0, "atol": 0.0} if dtype == torch.float32 else {"rtol": 2**-7, "atol": 0.0}
    torch.testing.assert_close(fast_output, output, **exact)
    torch.testing.assert_close(fast_inputs, inputs, **exact)
    torch.testing.assert_close(
        fast_slope, slope, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-4
    )


def test_a_network_keeps_its_weights_and_their_names():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        plain = UNet(**_UNET)
    ours = build("unet", 64, seed=3)
    assert sum(isinstance(module, PReLU) for module in ours.modules()) == sum(
        isinstance(module, nn.PReLU) for module in plain.modules()
    )
    state = ours.state_dict()
    assert list(state) == list(plain.state_dict())
    assert all(torch.equal(state[name], value) for name, value in plain.state_dict().items())
    image = torch.rand(2, 1, 64, 64)
    assert torch.equal(plain(image), ours(image))
