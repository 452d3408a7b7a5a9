"""Pre-trained weights by name: a folder in the layout of diffusers or a hub id; what they are, and
getting them.

Not here: whether a folder can work (model_folder.py), the modules themselves (parts.py). No torch
here.
"""

import re
import textwrap
from pathlib import Path

from baselines.stable.model_folder import (
    CONTROLNET,
    MODEL_FILE,
    PARTS,
    TOKENIZER_FILES,
    check_base,
    check_controlnet,
    deciding_files,
    existing_folder,
)
from benchmark.core.errors import InputError
from datasets.files.fingerprint import folder_fingerprint

SHA256 = "sha256:"
STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"
CONTROLNET_HED = "lllyasviel/sd-controlnet-hed"
# Commits that stand for the ids where no version is given, so that a plan needs no network.
KNOWN_COMMITS = {
    STABLE_DIFFUSION: "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    CONTROLNET_HED: "04473d9334ab44908daa66107bbfb6f710aa056d",
}
HUB_PATTERNS = {
    "base": [
        "model_index.json",
        *(f"tokenizer/{name}" for name in TOKENIZER_FILES),
        *(
            f"{part}/{name}"
            for part, (config, _, file) in PARTS.items()
            for name in (config, file)
            if name
        ),
    ],
    "controlnet": ["config.json", MODEL_FILE],
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
            check_controlnet(existing_folder("controlnet", controlnet), None)
        return _STABLE_DIFFUSION_UNIT
    folder = existing_folder("base", base)
    unit = check_base(folder)
    if controlnet and is_folder(controlnet):
        check_controlnet(existing_folder("controlnet", controlnet), folder)
    return unit


def knows_hed(controlnet: str) -> bool:
    """Whether a ControlNet, a hub id or a folder, is by its name one that was trained on HED
    edges."""
    return "hed" in re.split(r"[^a-z0-9]", controlnet.lower())


def identified(role: str, name: str, version: str, cache: Path | None) -> tuple[str, str]:
    """(version, place) of weights: sha256 and folder, or commit and "hub:ID@COMMIT". `role` is base
    or controlnet.

    Raises InputError where `version` is given and the files are others, and for a commit that
    cannot be found out.
    """
    if not is_folder(name):
        commit = version or KNOWN_COMMITS.get(name) or _ask_hub(role, name, None)
        return commit, f"hub:{name}@{commit}"
    folder = existing_folder(role, name)
    files = {str(path.relative_to(folder)): path for path in deciding_files(role, folder)}
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
        return existing_folder(role, place)
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
    parts = {"": CONTROLNET} if role == "controlnet" else PARTS
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
