"""The network whose encoder knows ImageNet: what its weights become, what it sees, what it is
called."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch

from baselines.networks import architectures
from baselines.networks.architectures import (
    build,
    check,
    check_weights,
    load_pretrained,
    resolved,
)
from baselines.networks.efficientnet import EfficientNetUNet, ImageFeatures
from benchmark.core import published_weights
from benchmark.core.errors import InputError
from benchmark.core.published_weights import EFFICIENTNET_LITE0

NAME = "efficientnet-unet"


@pytest.fixture(scope="module")
def network():
    """timm's own network with drawn weights."""
    torch.manual_seed(3)
    made = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    for name, tensor in made.state_dict().items():
        if name.endswith("running_mean"):
            tensor.uniform_(-0.1, 0.1)
    return made.eval()


@pytest.fixture
def weights(network, weights_here, monkeypatch):
    """The file as the package has it: the same tensors in the same order under other names."""
    weights_here.mkdir()
    path = weights_here / EFFICIENTNET_LITE0.file
    tensors = enumerate(network.state_dict().values())
    torch.save({f"_tensor_{number}": tensor for number, tensor in tensors}, path)
    digest = published_weights._digest(str(path), 0, 0)
    made = replace(EFFICIENTNET_LITE0, sha256=digest)
    monkeypatch.setitem(architectures.PRETRAINED, NAME, made)
    return path


def test_the_encoder_sees_what_timms_network_sees_of_a_grey_image(network, weights):
    unet = build(NAME, 64)
    load_pretrained(NAME, unet)
    grey = torch.randint(0, 256, (2, 1, 64, 64), generator=torch.Generator().manual_seed(0))
    colours = ((grey.float() - 127) / 128).expand(-1, 3, -1, -1)
    with torch.no_grad():
        wanted = network.forward_intermediates(colours, intermediates_only=True)
        seen = unet.eval().unet.encoder((grey.float() / 127.5 - 1) * (127.5 / 128) + 0.5 / 128)
    for ours, theirs in zip(seen[1:], wanted, strict=True):
        assert ours.shape == theirs.shape and torch.allclose(ours, theirs, atol=1e-4)
    with torch.no_grad():
        logits = unet(grey.float() / 127.5 - 1)
    assert logits.shape == (2, 2, 64, 64) and logits.isfinite().all()


def test_the_decoder_follows_from_the_seed_and_the_encoder_from_the_weights(weights):
    first, other = (build(NAME, 64, seed=seed) for seed in (1, 2))
    for one in (first, other):
        load_pretrained(NAME, one)
    mine, theirs = first.state_dict(), other.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine if ".encoder." in key)
    assert any(not torch.equal(mine[key], theirs[key]) for key in mine if ".decoder." in key)
    plain = build("unet", 64)
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    load_pretrained("unet", plain)
    assert all(torch.equal(before[key], value) for key, value in plain.state_dict().items())


def test_the_name_in_specs_holds_the_checksum(weights_here):
    assert resolved(NAME) == resolved(resolved(NAME)) == f"{NAME}:579344248a93"
    assert resolved("unet") == "unet" and resolved("smp:unet:resnet18") == "smp:unet:resnet18"
    check(f"{NAME}:579344248a93", 64)
    assert isinstance(build(f"{NAME}:579344248a93", 64), EfficientNetUNet)
    with pytest.raises(InputError, match="starts from weights 579344248a93 here, not 0123"):
        check(f"{NAME}:0123", 64)
    with pytest.raises(InputError, match="must be a multiple of 32"):
        check(NAME, 72)


def test_missing_and_other_weights_are_one_sentence(weights_here, tmp_path):
    check_weights("unet")
    with pytest.raises(InputError, match="architecture efficientnet-unet needs the weights of"):
        check_weights(NAME)
    other = tmp_path / "other.pth"
    torch.save({"a": torch.zeros(3)}, other)
    with pytest.raises(InputError, match="does not hold the weights of EfficientNet-Lite0"):
        build(NAME, 64).load_encoder(other)
    other.write_bytes(b"none")
    with pytest.raises(InputError, match="no readable weights file"):
        ImageFeatures(other)


def test_features_are_those_of_timms_network(network, weights):
    images = np.random.default_rng(0).integers(0, 256, (3, 224, 224), dtype=np.uint8)
    found = ImageFeatures(weights)(images)
    colours = (torch.from_numpy(images).float()[:, None] - 127) / 128
    with torch.no_grad():
        maps = network.forward_features(colours.expand(-1, 3, -1, -1))
        wanted = network.forward_head(maps, pre_logits=True)
    assert found.shape == (3, 1280) and found.dtype == np.float32
    assert np.allclose(found, wanted.numpy(), atol=1e-5)
    assert ImageFeatures(weights)(images[:, :64, :64]).shape == (3, 1280), "any size of image"
