"""Segmentation networks: shapes, weights that follow from a seed, published settings, and refusals
in one sentence."""

import random

import numpy as np
import pytest
import torch
from monai.networks.nets import AttentionUnet

from baselines.networks import architectures
from baselines.networks.architectures import ARCHITECTURES, build, check, describe, needs_company
from benchmark.core.errors import InputError

SMP = "smp:unetplusplus:resnet34"


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("name", [*ARCHITECTURES, SMP, "smp:fpn:mit_b0"])
def test_output_has_two_channels_at_the_input_size(name, size):
    network = build(name, size)
    assert network.training and all(p.device.type == "cpu" for p in network.parameters())
    with torch.no_grad():
        logits = network(torch.rand(2, 1, size, size, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 2, size, size) and logits.isfinite().all()


@pytest.mark.parametrize("name", [*ARCHITECTURES, SMP])
def test_weights_follow_from_the_seed_alone(name):
    torch.manual_seed(123)
    state, python_state, numpy_state = (
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state()[1].copy(),
    )
    first = build(name, 64, seed=4).state_dict()
    assert torch.equal(torch.get_rng_state(), state) and random.getstate() == python_state
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    torch.rand(17)
    again, other = build(name, 64, seed=4).state_dict(), build(name, 64, seed=5).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_every_parameter_gets_a_gradient():
    network = build("attention-unet", 64)
    network(
        torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    ).square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_the_papers_settings():
    """Q20: levels of 16-32-64-128-128-256 channels; the residual UNet differs from the UNet;
    MONAI's AttentionUnet."""
    widths = {m.out_channels for m in build("unet", 64).modules() if isinstance(m, torch.nn.Conv2d)}
    assert widths == {16, 32, 64, 128, 256}
    assert isinstance(build("attention-unet", 64), AttentionUnet)
    assert describe("resunet", 64)["parameters"] > describe("unet", 64)["parameters"]


@pytest.mark.parametrize("name", ["unet", "attention-unet", "unetr", SMP])
def test_describe_counts_the_network(name):
    described = describe(name, 64)
    assert described["parameters"] == sum(p.numel() for p in build(name, 64).parameters())
    assert isinstance(described["parameters"], int) and described["gflops"] > 0


def test_gflops_of_a_known_network(monkeypatch):
    """One 3x3 convolution to 2 channels at 64 px: 2 x 9 x 2 x 64 x 64 operations."""
    one = (lambda size: torch.nn.Conv2d(1, 2, 3, padding=1), 32)
    monkeypatch.setitem(architectures.ARCHITECTURES, "one", one)
    assert describe("one", 64) == {
        "parameters": 20,
        "gflops": pytest.approx(2 * 9 * 2 * 64 * 64 / 1e9),
    }
    assert describe("one", 128)["gflops"] == pytest.approx(4 * describe("one", 64)["gflops"])


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("atention-unet", 64, "did you mean 'attention-unet'"),
        ("unet", 100, "multiple of 32.*use 96 or 128"),
        ("unet", 32, "at least 64.*use 64 or 96"),
        ("unet", 0, "at least 64"),
        ("unetr", 72, "multiple of 16.*use 64 or 80"),
        ("smp:unet", 64, "smp:<decoder>:<encoder>"),
        ("smp:unet:", 64, "smp:<decoder>:<encoder>"),
        ("smp:unetpluplus:resnet34", 64, "unknown smp decoder.*did you mean 'unetplusplus'"),
        ("smp:unet:resnet35", 64, "unknown smp encoder.*did you mean 'resnet"),
        ("smp:unet:tu-resnet10tt", 64, "timm has no model.*did you mean 'tu-resnet"),
        ("smp:unet:resnet34", 80, "multiple of 32"),
        ("smp:unetplusplus:mit_b0", 64, "does not work at 64 px"),
        ("smp:deeplabv3:densenet121", 64, "does not work at 64 px"),
        ("smp:pan:resnet34", 64, "does not work at 64 px"),
    ],
)
def test_refusals_are_one_sentence(name, size, message):
    for call in (check, build, describe):
        with pytest.raises(InputError, match=message) as caught:
            call(name, size)
        text = str(caught.value)
        assert "\n" not in text and text.endswith(".")


def test_check_accepts_what_build_builds():
    for name in (*ARCHITECTURES, "smp:pan:resnet34", "smp:unet:tu-resnet10t"):
        check(name, 128)
    check("unetr", 80)


@pytest.mark.parametrize(
    ("name", "company"),
    [
        ("unet", False),
        ("resnet50-unet", False),
        ("smp:unet:resnet18", False),
        ("smp:deeplabv3plus:resnet18", True),
        ("smp:upernet:resnet18", True),
    ],
)
def test_which_networks_cannot_train_on_one_slice(name, company):
    assert needs_company(name, 64) is company
