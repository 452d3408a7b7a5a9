"""Stable Diffusion models with random weights, on disk in the layout of diffusers: what a sample
costs depends on the shapes alone. "full" has the shapes of Stable Diffusion 1.5, "small" its
blocks at a fifth of their width, "tiny" is the model of the tests."""

from pathlib import Path

import torch
import transformers
from diffusers import AutoencoderKL, ControlNetModel, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from baselines.generators.places import Places
from baselines.stable.settings import StableSettings
from tests.support.tiny_stable import LIMIT, save_base, save_controlnet, save_tokenizer

# channels of the UNet, of the VAE, of the text, text layers, text heads
SIZES = {
    "small": ((64, 128, 256, 256), (32, 64, 128, 128), 96, 4, 4),
    "full": ((320, 640, 1280, 1280), (128, 256, 512, 512), 768, 12, 12),
}


def save_model(name: str, folder: Path) -> tuple[StableSettings, Places]:
    """Settings of the model, which is written into `folder`, and where it lies."""
    transformers.utils.logging.disable_progress_bar()
    if name == "tiny":
        save_base(folder / "base")
        save_controlnet(folder / "control")
    else:
        _save(folder, *SIZES[name])
    return StableSettings(base=str(folder / "base"), controlnet=str(folder / "control")).pinned(
        None
    )


def _save(
    folder: Path, unet_widths, vae_widths, text_width: int, text_layers: int, text_heads: int
) -> None:
    torch.manual_seed(0)
    base = folder / "base"
    save_tokenizer(base / "tokenizer")
    CLIPTextModel(
        CLIPTextConfig(
            hidden_size=text_width,
            intermediate_size=4 * text_width,
            num_hidden_layers=text_layers,
            num_attention_heads=text_heads,
            max_position_embeddings=LIMIT,
        )
    ).save_pretrained(base / "text_encoder")
    AutoencoderKL(
        block_out_channels=vae_widths,
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(base / "vae")
    unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=unet_widths,
        layers_per_block=2,
        cross_attention_dim=text_width,
        attention_head_dim=8,
    )
    unet.save_pretrained(base / "unet")
    PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
    ).save_pretrained(base / "scheduler")
    control = ControlNetModel.from_unet(unet, conditioning_channels=3)
    for layer in (*control.controlnet_down_blocks, control.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight, std=0.01)  # not silent, as a trained one
    control.save_pretrained(folder / "control")
