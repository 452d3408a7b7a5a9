"""Pre-trained weights: a folder in the layout of diffusers or a hub id; what they are, and whether
they can work.

A folder is checked before anything is computed: its parts, their classes, the widths that must
agree, whole safetensors files. Pickled weights (.bin, .ckpt) are never read. Not here: the modules
themselves. No torch here.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError
from datasets.files.fingerprint import folder_fingerprint

SHA256 = "sha256:"
# Commits that stand for the ids where no version is given, so that a plan needs no network.
KNOWN_COMMITS = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    "lllyasviel/sd-controlnet-hed": "04473d9334ab44908daa66107bbfb6f710aa056d",
}
_MODEL_FILE = "diffusion_pytorch_model.safetensors"
# Part of a base -> (configuration, class it must be, weights)
_PARTS = {
    "text_encoder": ("config.json", "CLIPTextModel", "model.safetensors"),
    "vae": ("config.json", "AutoencoderKL", _MODEL_FILE),
    "unet": ("config.json", "UNet2DConditionModel", _MODEL_FILE),
    "scheduler": ("scheduler_config.json", None, None),
    "tokenizer": ("tokenizer_config.json", None, None),
}
_TOKENIZER_FILES = (
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_CONTROLNET = ("config.json", "ControlNetModel", _MODEL_FILE)
HUB_PATTERNS = {
    "base": [
        "model_index.json",
        *(f"tokenizer/{name}" for name in _TOKENIZER_FILES),
        *(
            f"{part}/{name}"
            for part, (config, _, file) in _PARTS.items()
            for name in (config, file)
            if name
        ),
    ],
    "controlnet": ["config.json", _MODEL_FILE],
}
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_STABLE_DIFFUSION_UNIT = 64  # 8 of the VAE times 8 of the UNet


def is_folder(name: str) -> bool:
    """Whether `name` means a folder (or a file in place of one) of this machine rather than a hub
    id."""
    return Path(name).expanduser().exists() or not _HUB_ID.fullmatch(name)


def checked_unit(base: str, controlnet: str) -> int:
    """What the side of a slice must be a multiple of, in pixels; weights that lie on this machine
    are checked.

    Raises InputError for folders that are incomplete, damaged, of another architecture or do not
    fit each other.
    """
    if not is_folder(base):
        if controlnet and is_folder(controlnet):
            check_controlnet(_folder("controlnet", controlnet), None)
        return _STABLE_DIFFUSION_UNIT
    folder = _folder("base", base)
    unit = check_base(folder)
    if controlnet and is_folder(controlnet):
        check_controlnet(_folder("controlnet", controlnet), folder)
    return unit


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
    configs = {part: _config(folder / part, "base", *what) for part, what in _PARTS.items()}
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
    control = _config(folder, "controlnet", *_CONTROLNET)
    if control.get("conditioning_channels", 3) != 3:
        channels = control["conditioning_channels"]
        raise InputError(
            f"generator.controlnet: {folder} reads {channels} channels, not the 3 of an edge map."
        )
    if base is None:
        return
    unet = _config(base / "unet", "base", *_PARTS["unet"])
    for name in ("cross_attention_dim", "block_out_channels", "layers_per_block", "in_channels"):
        if control.get(name) != unet.get(name):
            raise InputError(
                f"generator.controlnet: {folder} has {name} {control.get(name)}, the UNet of the"
                f" base {unet.get(name)};"
                " give a ControlNet of the same Stable Diffusion version."
            )


def identified(role: str, name: str, version: str, cache: Path | None) -> tuple[str, str]:
    """(version, place) of weights: sha256 and folder, or commit and "hub:ID@COMMIT". `role` is base
    or controlnet.

    Raises InputError where `version` is given and the files are others, and for a commit that
    cannot be found out.
    """
    if not is_folder(name):
        commit = version or KNOWN_COMMITS.get(name) or _ask_hub(role, name, None)
        return commit, f"hub:{name}@{commit}"
    folder = _folder(role, name)
    files = {str(path.relative_to(folder)): path for path in _files(role, folder)}
    found = SHA256 + folder_fingerprint(files, {}, cache)
    if version and version != found:
        raise InputError(
            f"generator.{role}: the files in {folder} have {found}, not {version}; they are other"
            f" weights."
        )
    return found, str(folder)


def fetched(role: str, place: str) -> Path:
    """The folder of weights at a `place` that `identified` gave; a hub id comes from the hub's
    cache or is downloaded.

    Raises InputError naming the id and the option for a folder when the hub does not give it.
    """
    if not place.startswith("hub:"):
        return _folder(role, place)
    if cached := _cached(role, place):
        return cached
    from huggingface_hub import snapshot_download

    name, commit = place.removeprefix("hub:").rsplit("@", 1)
    _ask_hub(role, name, commit)
    try:
        return Path(snapshot_download(name, revision=commit, allow_patterns=HUB_PATTERNS[role]))
    # of the hub's client, its HTTP library or the file system: all mean "not there"
    except Exception as error:
        raise _unreachable(role, name, commit, error) from error


def is_cached(role: str, place: str) -> bool:
    """Whether `fetched` needs no network."""
    return not place.startswith("hub:") or _cached(role, place) is not None


def _cached(role: str, place: str) -> Path | None:
    """The snapshot in the hub's cache, if all files are there."""
    from huggingface_hub import snapshot_download

    name, commit = place.removeprefix("hub:").rsplit("@", 1)
    try:
        folder = snapshot_download(
            name, revision=commit, allow_patterns=HUB_PATTERNS[role], local_files_only=True
        )
    except Exception:  # what the client raises depends on its version; there is no such snapshot
        return None
    parts = {"": _CONTROLNET} if role == "controlnet" else _PARTS
    needed = [
        Path(folder) / part / file
        for part, (config, _, weight) in parts.items()
        for file in (config, weight)
        if file
    ]
    return Path(folder) if all(path.is_file() for path in needed) else None


def _ask_hub(role: str, name: str, commit: str | None) -> str:
    """The full commit. Asked before a download, which would try again for half a minute. Raises
    InputError."""
    from huggingface_hub import HfApi

    try:
        return HfApi().model_info(name, revision=commit, timeout=20).sha or ""
    except Exception as error:  # as in `fetched`
        raise _unreachable(role, name, commit or "main", error) from error


def _unreachable(role: str, name: str, commit: str, error: Exception) -> InputError:
    reason = textwrap.shorten(str(error).split(". ")[0], 120, placeholder=" ...")
    start = ", or leave it empty to start from the UNet" if role == "controlnet" else ""
    return InputError(
        f"the hub does not give {name} (commit {commit[:12]}: {type(error).__name__}: {reason});"
        f" connect to it once, or"
        f" give a folder with these weights by --set generator.{role}=FOLDER{start}."
    )


def _folder(role: str, name: str) -> Path:
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


def _files(role: str, folder: Path) -> Iterator[Path]:
    """The files that decide what the weights are."""
    if role == "controlnet":
        yield from (folder / name for name in (_CONTROLNET[0], _MODEL_FILE))
        return
    for part, (config, _, file) in _PARTS.items():
        yield from (folder / part / name for name in (config, file) if name and part != "tokenizer")
    yield from (
        folder / "tokenizer" / name
        for name in _TOKENIZER_FILES
        if (folder / "tokenizer" / name).is_file()
    )
