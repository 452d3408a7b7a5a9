"""The segmentation networks: six by name (Q20), one whose encoder knows ImageNet, and any
segmentation-models-pytorch (smp) pair of decoder and encoder.

All take one grey channel and return two logits per pixel (background, foreground) at the input's
size. Every network starts from random numbers but `efficientnet-unet`, whose encoder starts from
fetched weights (efficientnet.py); its name in specs and keys carries their sha256, as in
`efficientnet-unet:579344248a93`. Not here: training.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmark.core.errors import InputError
from benchmark.core.published_weights import EFFICIENTNET_LITE0, PublishedWeights, needed
from benchmark.core.registry import check_name
from benchmark.core.texts import did_you_mean, first_line

if TYPE_CHECKING:
    from torch import nn

IN_CHANNELS = 1
OUT_CHANNELS = 2

# Below 64 pixels the deepest feature map of most of them is one pixel, which instance and batch
# norm cannot train on.
SMALLEST_SIZE_PX = 64

SMP_PREFIX = "smp:"
_SMP_FORM = "'smp:<decoder>:<encoder>', for example 'smp:unetplusplus:resnet34'"

# Q20. Six levels joined by five strides of 2.
_UNET = {
    "spatial_dims": 2,
    "in_channels": IN_CHANNELS,
    "out_channels": OUT_CHANNELS,
    "channels": (16, 32, 64, 128, 128, 256),
    "strides": (2, 2, 2, 2, 2),
}


def _unet(size: int) -> "nn.Module":
    from monai.networks.nets import UNet

    return UNet(**_UNET)


def _residual_unet(size: int) -> "nn.Module":
    from monai.networks.nets import UNet

    return UNet(**_UNET, num_res_units=1)


def _attention_unet(size: int) -> "nn.Module":
    from monai.networks.nets import AttentionUnet

    return AttentionUnet(**_UNET)


def _resnet50_unet(size: int) -> "nn.Module":
    return _smp("unet", "resnet50")


def _swin_unetr(size: int) -> "nn.Module":
    from monai.networks.nets import SwinUNETR

    return SwinUNETR(in_channels=IN_CHANNELS, out_channels=OUT_CHANNELS, spatial_dims=2)


def _unetr(size: int) -> "nn.Module":
    from monai.networks.nets import UNETR

    return UNETR(in_channels=IN_CHANNELS, out_channels=OUT_CHANNELS, img_size=size, spatial_dims=2)


def _smp(decoder: str, encoder: str) -> "nn.Module":
    import segmentation_models_pytorch as smp

    return smp.create_model(
        decoder, encoder, encoder_weights=None, in_channels=IN_CHANNELS, classes=OUT_CHANNELS
    )


def _efficientnet_unet(size: int) -> "nn.Module":
    from baselines.networks.efficientnet import EfficientNetUNet

    return EfficientNetUNet(IN_CHANNELS, OUT_CHANNELS)


# name -> how it is built, and the number of pixels its input side must be a multiple of.
ARCHITECTURES: dict[str, tuple[Callable[[int], "nn.Module"], int]] = {
    "unet": (_unet, 32),
    "resunet": (_residual_unet, 32),
    "resnet50-unet": (_resnet50_unet, 32),
    "attention-unet": (_attention_unet, 32),
    "swin-unetr": (_swin_unetr, 32),
    "unetr": (_unetr, 16),
    "efficientnet-unet": (_efficientnet_unet, 32),
}
# name -> the weights that its encoder starts from
PRETRAINED: dict[str, PublishedWeights] = {"efficientnet-unet": EFFICIENTNET_LITE0}
_SMP_MULTIPLE = 32


def resolved(name: str) -> str:
    """The name as specs have it: with the sha256 of its weights, where it starts from any."""
    bare = _bare(name)
    return f"{bare}:{PRETRAINED[bare].short}" if bare in PRETRAINED else name


def check_weights(name: str) -> None:
    """Raises InputError, naming what to fetch, where the network starts from weights that are not
    here."""
    if (bare := _bare(name)) in PRETRAINED:
        needed(PRETRAINED[bare], f"architecture {bare}")


def load_pretrained(name: str, network: "nn.Module") -> None:
    """Puts the fetched weights into a network that `build` made; nothing for one that starts from
    random numbers. Raises InputError where they are not here."""
    from baselines.networks.efficientnet import EfficientNetUNet

    if (bare := _bare(name)) in PRETRAINED:
        assert isinstance(network, EfficientNetUNet)
        network.load_encoder(needed(PRETRAINED[bare], f"architecture {bare}"))


def _bare(name: str) -> str:
    """The name without the sha256 of its weights. Raises InputError for that of other weights."""
    bare, colon, digest = name.partition(":")
    if bare in PRETRAINED and colon and digest != PRETRAINED[bare].short:
        raise InputError(
            f"architecture {bare} starts from weights {PRETRAINED[bare].short} here, not {digest};"
            f" give --architecture {bare}."
        )
    return bare if bare in PRETRAINED else name


def check(name: str, size: int) -> None:
    """Raises InputError, in one sentence, unless `build(name, size)` gives a network that takes
    size x size slices.

    The named ones are checked from a table; an smp pair is built once and shown a batch without
    data, since which pairs fit is known to smp alone.
    """
    if name.startswith(SMP_PREFIX):
        decoder, encoder = _smp_names(name)
        _check_size(name, size, _SMP_MULTIPLE)
        _check_smp_pair(decoder, encoder, size)
    elif _bare(name) in ARCHITECTURES:
        _check_size(name, size, ARCHITECTURES[_bare(name)][1])
    else:
        known = ", ".join(ARCHITECTURES)
        raise InputError(
            f"unknown architecture '{name}'{did_you_mean(name, ARCHITECTURES)}; known: {known}, or"
            f" {_SMP_FORM}."
        )


@functools.lru_cache
def needs_company(name: str, size: int) -> bool:
    """Whether the network cannot train on one slice alone: batch normalisation over maps of one
    pixel has nothing to compare then."""
    if not name.startswith(SMP_PREFIX):
        return False
    import torch

    network = _build(name, size, seed=0).to("meta").train()
    try:
        network(torch.empty(1, IN_CHANNELS, size, size, device="meta"))
    except ValueError as error:
        return "more than 1 value per channel" in str(error)
    return False


def build(name: str, size: int, *, seed: int = 0) -> "nn.Module":
    """The network called `name` for size x size slices, on the CPU, in training mode, with random
    numbers.

    Its weights follow from `seed` alone, and torch's global random state is left as it was. Input
    float (B, 1, size, size), output logits (B, 2, size, size). Raises InputError as `check` does.
    """
    check(name, size)
    return _build(name, size, seed)


def describe(name: str, size: int) -> dict[str, float]:
    """{"parameters": int, "gflops": float}: trainable numbers, and 1e9 floating-point operations of
    one slice's forward pass (a multiply-add is two; convolutions and matrix products only), counted
    on the network itself. Raises InputError as `check` does.
    """
    from torch.utils.flop_counter import FlopCounterMode

    check(name, size)
    network = _build(name, size, seed=0)
    counter = FlopCounterMode(display=False)
    with counter:
        _run_without_data(network, size)
    parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return {"parameters": parameters, "gflops": counter.get_total_flops() / 1e9}


def _build(name: str, size: int, seed: int) -> "nn.Module":
    import torch

    from baselines.networks.instance_norm import with_float32_statistics
    from baselines.networks.prelu import with_fast_prelu

    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # Not torch.manual_seed, which would also set the GPUs' generators.
        torch.default_generator.manual_seed(seed)
        if name.startswith(SMP_PREFIX):
            return _smp(*_smp_names(name))
        return with_float32_statistics(with_fast_prelu(ARCHITECTURES[_bare(name)][0](size)))


def _run_without_data(network: "nn.Module", size: int):
    """Output of the network, in evaluation mode, for one slice on torch's meta device: shapes
    without numbers."""
    import torch

    with torch.no_grad():
        return network.to("meta").eval()(torch.empty(1, IN_CHANNELS, size, size, device="meta"))


def _check_size(name: str, size: int, multiple: int) -> None:
    if size % multiple or size < SMALLEST_SIZE_PX:
        below = max(SMALLEST_SIZE_PX, size // multiple * multiple)
        raise InputError(
            f"architecture '{name}' cannot take slices of {size} px: the side must be a multiple"
            f" of {multiple} and at"
            f" least {SMALLEST_SIZE_PX}; use {below} or {below + multiple}."
        )


def _smp_names(name: str) -> tuple[str, str]:
    """('unetplusplus', 'resnet34') of 'smp:unetplusplus:resnet34'. Raises InputError for a name smp
    does not know."""
    parts = name.removeprefix(SMP_PREFIX).split(":")
    if len(parts) != 2 or not all(parts):
        raise InputError(f"architecture '{name}' is not of the form {_SMP_FORM}.")
    import segmentation_models_pytorch as smp
    import timm

    decoder, encoder = parts
    check_name("smp decoder", decoder, smp.MODEL_ARCHITECTURES_MAPPING)
    if encoder.startswith("tu-"):
        known = [f"tu-{model}" for model in timm.list_models()]
        if encoder not in known:
            raise InputError(
                f"timm has no model for the smp encoder '{encoder}'{did_you_mean(encoder, known)}."
            )
    else:
        check_name("smp encoder", encoder, smp.encoders.get_encoder_names())
    return decoder, encoder


@functools.lru_cache
def _check_smp_pair(decoder: str, encoder: str, size: int) -> None:
    """Raises InputError if smp refuses the pair, or the pair refuses slices of this size."""
    name = f"{SMP_PREFIX}{decoder}:{encoder}"
    try:
        shape = tuple(_run_without_data(_build(name, size, seed=0), size).shape)
    except (
        ValueError,
        RuntimeError,
        AssertionError,
        NotImplementedError,
        KeyError,
        TypeError,
    ) as error:
        reason = first_line(error)
        raise InputError(f"architecture '{name}' does not work at {size} px: {reason}.") from error
    if shape != (1, OUT_CHANNELS, size, size):
        raise InputError(
            f"architecture '{name}' gives an output of shape {shape} for slices of {size} px;"
            f" choose another."
        )
