"""Writing files so that a crash, a kill or a power cut leaves the old content or the new, never a
part. Not here: where files lie and what they mean (store.py)."""

import errno
import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError

PROBE_BYTES = 1 << 18
# how safetensors and torch (in Rust and C++) and numpy tell a full disk
_FULL_SIGNS = ("os error 28", "os error 122", "No space left on device", "Disk quota exceeded")
_FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT)


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    """Writes JSON so that a reader sees the old file or the new one, never a part. `durable`: a
    power cut does not lose it."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises OSError as `check_file` does."""
    check_file(path)
    return path.read_bytes()


def check_file(path: Path) -> None:
    """Raises OSError for what is not there, and for a pipe or a device, which might never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is no file", str(path))


def check_replaceable(path: Path, start: bytes, what: str) -> None:
    """Raises InputError where something else than an older `what` stands at `path`, such as a text
    or a device, which would be lost. start: the first bytes of every `what`."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; --out is the file to write, a {what}.")
    if not os.path.lexists(path):
        return
    if not path.is_file() or not _starts_with(path, start):
        raise InputError(f"{path} is there already and is no {what}; give another file by --out.")


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        found = file.read(len(start))
    return found in (b"", start)  # an empty file holds nothing to lose


def made_folder(path: Path, option: str) -> None:
    """Makes a folder that results go to. Raises InputError where there can be none."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} is no folder that can be written ({error.strerror}); give another by {option}."
        ) from error


def file_entry(path: Path) -> dict[str, Any]:
    """Size and sha256 of a file, as manifests list them."""
    with path.open("rb") as file:
        return {
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; 0 if there is none."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def flush(folder: Path) -> None:
    """Forces all files below `folder`, and the folders themselves, to the disk."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def flush_folder(folder: Path) -> None:
    """Forces the names in `folder` to the disk."""
    _sync(folder)


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether `error` came of a full disk under `folder`.

    Libraries tell it in their own ways (numpy: an OSError without a number; safetensors: an error
    of its own). Where the error does not tell, a small write settles the question; the half-written
    files must still be there then, since they are what fills the disk.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL_NUMBERS:
            return True
        if any(sign in str(cause) for sign in _FULL_SIGNS):
            return True
        cause = cause.__cause__
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as probed:
        return probed.errno in _FULL_NUMBERS
    return False


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
