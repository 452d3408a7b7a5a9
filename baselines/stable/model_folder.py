"""A folder of weights in the layout of diffusers: whether it is whole and can work.

Checked before anything is computed: its parts, their classes, the widths that must agree, whole
safetensors files. Pickled weights (.bin, .ckpt) are never read. Not here: hub ids (weights.py); the
modules themselves (parts.py). No torch here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError

MODEL_FILE = "diffusion_pytorch_model.safetensors"
# Part of a base -> (configuration, class it must be, weights)
PARTS = {
    "text_encoder": ("config.json", "CLIPTextModel", "model.safetensors"),
    "vae": ("config.json", "AutoencoderKL", MODEL_FILE),
    "unet": ("config.json", "UNet2DConditionModel", MODEL_FILE),
    "scheduler": ("scheduler_config.json", None, None),
    "tokenizer": ("tokenizer_config.json", None, None),
}
TOKENIZER_FILES = (
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
CONTROLNET = ("config.json", "ControlNetModel", MODEL_FILE)


def check_size(size: int, unit: int) -> None:
    """Raises InputError when slices of `size` pixels do not divide into the latent grid of the
    UNet."""
    if size % unit:
        below, above = size // unit * unit, (size // unit + 1) * unit
        near = " or ".join(str(side) for side in (below, above) if side)
        raise InputError(
            f"slices of {size} pixels do not fit these weights: VAE and UNet need a multiple of"
            f" {unit}; set size={near}."
        )


def check_base(folder: Path) -> int:
    """Checks the folder of a base and returns its unit (see `checked_unit`). Raises InputError."""
    if (folder / "text_encoder_2").is_dir():
        raise InputError(
            f"generator.base: {folder} holds Stable Diffusion XL (it has a text_encoder_2); give a"
            f" version 1.x."
        )
    configs = {part: _config(folder / part, "base", *what) for part, what in PARTS.items()}
    if not any(
        (folder / "tokenizer" / name).is_file() for name in ("vocab.json", "tokenizer.json")
    ):
        raise InputError(
            f"generator.base: {folder / 'tokenizer'} has no vocab.json; the folder is incomplete,"
            f" copy it again."
        )
    unet, vae, text = configs["unet"], configs["vae"], configs["text_encoder"]
    if unet.get("addition_embed_type"):
        raise InputError(
            f"generator.base: the UNet of {folder} is that of Stable Diffusion XL; give a version"
            f" 1.x."
        )
    if unet.get("in_channels") != vae.get("latent_channels"):
        raise InputError(
            f"generator.base: the UNet of {folder} reads {unet.get('in_channels')} channels and"
            f" its VAE makes"
            f" {vae.get('latent_channels')}; give a plain text-to-image model, not one for"
            f" inpainting or upscaling."
        )
    if unet.get("cross_attention_dim") != text.get("hidden_size"):
        raise InputError(
            f"generator.base: the UNet of {folder} expects text of width"
            f" {unet.get('cross_attention_dim')} and its text"
            f" encoder gives {text.get('hidden_size')}; its parts belong to different models."
        )
    return 2 ** (len(vae["block_out_channels"]) - 1) * 2 ** (len(unet["block_out_channels"]) - 1)


def check_controlnet(folder: Path, base: Path | None) -> None:
    """Checks the folder of a ControlNet, and that it fits the UNet of `base` where that is known.
    Raises InputError."""
    control = _config(folder, "controlnet", *CONTROLNET)
    if control.get("conditioning_channels", 3) != 3:
        channels = control["conditioning_channels"]
        raise InputError(
            f"generator.controlnet: {folder} reads {channels} channels, not the 3 of an edge map."
        )
    if base is None:
        return
    unet = _config(base / "unet", "base", *PARTS["unet"])
    for name in ("cross_attention_dim", "block_out_channels", "layers_per_block", "in_channels"):
        if control.get(name) != unet.get(name):
            raise InputError(
                f"generator.controlnet: {folder} has {name} {control.get(name)}, the UNet of the"
                f" base {unet.get(name)};"
                " give a ControlNet of the same Stable Diffusion version."
            )


def existing_folder(role: str, name: str) -> Path:
    folder = Path(name).expanduser().absolute()
    if folder.is_file():
        raise InputError(
            f"generator.{role}={name} is a single file; give a folder in the layout of diffusers."
        )
    if not folder.is_dir():
        raise InputError(
            f"generator.{role}={name}: there is no such folder, and a hub id has the form"
            f" OWNER/NAME."
        )
    return folder


def deciding_files(role: str, folder: Path) -> Iterator[Path]:
    """The files that decide what the weights are."""
    if role == "controlnet":
        yield from (folder / name for name in (CONTROLNET[0], MODEL_FILE))
        return
    for part, (config, _, file) in PARTS.items():
        yield from (folder / part / name for name in (config, file) if name and part != "tokenizer")
    yield from (
        folder / "tokenizer" / name
        for name in TOKENIZER_FILES
        if (folder / "tokenizer" / name).is_file()
    )


def _config(
    folder: Path, role: str, config: str, kind: str | None, file: str | None
) -> dict[str, Any]:
    """The configuration of one part, whose class and weights are checked."""
    where = f"generator.{role}: {folder}"
    path = folder / config
    if not path.is_file():
        raise InputError(
            f"{where} has no {config}; the folder is incomplete, copy it again or give another."
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{where}: {config} is not readable ({error}); copy it again.") from error
    names = [found.get("_class_name"), *(found.get("architectures") or [])]
    if kind and kind not in names:
        shown = ", ".join(str(name) for name in names if name) or "a model of no name"
        raise InputError(
            f"{where} holds {shown}, not {kind}; give weights of Stable Diffusion 1.x."
        )
    if file:
        _check_weights(where, folder, file)
    return found


def _check_weights(where: str, folder: Path, file: str) -> None:
    from safetensors import SafetensorError, safe_open

    if not (folder / file).is_file():
        pickled = sorted(
            path.name
            for path in folder.glob("*")
            if path.suffix in (".bin", ".ckpt", ".pt", ".pth")
        )
        if pickled:
            raise InputError(
                f"{where} has only pickled weights ({pickled[0]}), which are never read; save"
                f" {file} instead."
            )
        raise InputError(
            f"{where} has no {file}; the folder is incomplete, copy it again or give another."
        )
    try:
        with safe_open(folder / file, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise InputError(f"{where}: {file} is damaged ({error}); copy it again.") from error
