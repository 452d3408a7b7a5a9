"""A Stable Diffusion model of a few thousand weights, of the very classes of the real one, in the
layout of diffusers."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.tokenization_clip import CLIPTokenizer as _Tokenizer

SIZE = 32  # pixels; the VAE makes 4 x 4 latents of them, and the UNet halves those once
WIDTH = 16
LIMIT = 77  # tokens, as of the real one


def save_tokenizer(folder: Path) -> None:
    """CLIP's byte-pair tokenizer with single letters and no merges: a token per letter."""
    folder.mkdir(parents=True)
    letters = [chr(code) for code in range(33, 127)]
    tokens = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        "mr",
        "mri</w>",
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    (folder / "vocab.json").write_text(
        json.dumps({token: number for number, token in enumerate(tokens)})
    )
    (folder / "merges.txt").write_text("#version: 0.2\nm r\nmr i</w>\n")
    CLIPTokenizer.from_pretrained(folder, model_max_length=LIMIT).save_pretrained(folder)


def save_base(folder: Path, cross_attention: int = WIDTH, seed: int = 0) -> Path:
    """tokenizer, text_encoder, vae, unet, scheduler."""
    torch.manual_seed(seed)
    save_tokenizer(folder / "tokenizer")
    tokenizer = _Tokenizer.from_pretrained(folder / "tokenizer")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=LIMIT,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).save_pretrained(folder / "text_encoder")
    AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=SIZE,
    ).save_pretrained(folder / "vae")
    save_unet(folder / "unet", cross_attention)
    PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    return folder


def make_unet(cross_attention: int = WIDTH) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIZE // 8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=cross_attention,
        attention_head_dim=2,
        norm_num_groups=4,
    )


def save_unet(folder: Path, cross_attention: int = WIDTH) -> None:
    make_unet(cross_attention).save_pretrained(folder)


def save_controlnet(folder: Path, cross_attention: int = WIDTH) -> Path:
    """A ControlNet that does not start silent, as a trained one."""
    torch.manual_seed(1)
    control = ControlNetModel.from_unet(make_unet(cross_attention), conditioning_channels=3)
    for layer in (*control.controlnet_down_blocks, control.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight, std=0.1)
    control.save_pretrained(folder)
    return folder
