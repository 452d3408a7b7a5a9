"""EfficientNet-Lite0 with its ImageNet weights: the encoder of a U-Net, and standard features of
images.

The weights are fetched by `python cli.py data fetch efficientnet-lite0`: 296 tensors in the order
of timm's `tf_efficientnet_lite0` (core/published_weights.py). The network was trained on colours
as (x - 127) / 128, x in 0-255. A grey image stands for three equal channels. The encoder is timm's
own (smp calls it `tu-tf_efficientnet_lite0`): smp's `timm-tf_efficientnet_lite0` pads otherwise
than the trained network and has another epsilon in its batch normalisation. Not here: other
networks (architectures.py), distances between features (benchmark/stages/memorisation.py).
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.core.errors import InputError

MEAN, SCALE = 127.0, 128.0
FEATURE_PX = 224  # side at which the network was trained, and at which features are taken
_TIMM, _STEM = "tf_efficientnet_lite0", "conv_stem.weight"
_BATCH = 32


class EfficientNetUNet(nn.Module):
    """U-Net of segmentation-models-pytorch with this encoder: float (B, 1, S, S) in [-1, 1] ->
    logits (B, C, S, S). Its weights are random until `load_encoder`."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        import segmentation_models_pytorch as smp

        self.unet: Any = smp.create_model(
            "unet",
            "tu-tf_efficientnet_lite0",
            encoder_weights=None,
            in_channels=channels,
            classes=classes,
        )

    def forward(self, images: Tensor) -> Tensor:
        # from [-1, 1], the range of every network here, to what the encoder was trained on
        return self.unet(images * (127.5 / SCALE) + (127.5 - MEAN) / SCALE)

    def load_encoder(self, weights: Path) -> None:
        """Puts the ImageNet weights into the encoder; its first layer sums those of red, green and
        blue, which is the answer to three equal channels. Raises InputError for other weights."""
        whole = read_weights(weights)
        whole[_STEM] = whole[_STEM].sum(1, keepdim=True)
        encoder = self.unet.encoder.model
        encoder.load_state_dict({name: whole[name] for name in encoder.state_dict()})


class ImageFeatures:
    """The network's 1,280 pooled features, which its classifier reads: images uint8 (N, S, S) ->
    float32 (N, 1280)."""

    def __init__(self, weights: Path, device: str = "cpu"):
        import timm

        network: Any = timm.create_model(_TIMM, pretrained=False)
        network.load_state_dict(read_weights(weights))
        network.reset_classifier(0)
        self._network, self._device = network.to(device).eval(), device

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        found = []
        for first in range(0, len(images), _BATCH):
            part = np.array(images[first : first + _BATCH], np.float32)[:, None]
            batch = F.interpolate(
                torch.from_numpy(part).to(self._device),
                (FEATURE_PX, FEATURE_PX),
                mode="bilinear",
                align_corners=False,
                antialias=True,
            )
            batch = ((batch - MEAN) / SCALE).expand(-1, 3, -1, -1)
            found.append(self._network(batch).cpu().numpy())
        return np.concatenate(found) if found else np.empty((0, 1280), np.float32)


def read_weights(weights: Path) -> dict[str, Tensor]:
    """The tensors of the file by timm's names. Raises InputError for another file."""
    import timm

    try:
        tensors = [*torch.load(weights, map_location="cpu", weights_only=True).values()]
        shapes = [tuple(tensor.shape) for tensor in tensors]
    # a broken file makes torch, zipfile or pickle raise errors of their own
    except Exception as error:
        raise InputError(f"{weights} is no readable weights file; fetch it again.") from error
    with torch.device("meta"):
        expected = timm.create_model(_TIMM, pretrained=False).state_dict()
    if shapes != [tuple(tensor.shape) for tensor in expected.values()]:
        raise InputError(
            f"{weights} does not hold the weights of EfficientNet-Lite0 as timm lays them out;"
            f" install the versions that requirements.lock pins."
        )
    return dict(zip(expected, tensors, strict=True))
