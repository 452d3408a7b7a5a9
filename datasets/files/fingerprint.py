"""The sha256 of a source's files, independent of where the folder lies, with a cache keyed by size
and time. Reading 40 volumes takes seconds, so a JSON cache remembers the digest of a file as long
as its path, size and modification time (ns) stay the same. Not here: what belongs to a source."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmark.core.errors import InputError


def file_digest(path: Path) -> str:
    """sha256 hex of a file's bytes. Raises InputError where the file cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; check the file and its permissions."
        ) from error


def file_digests(files: Mapping[str, Path], cache: Path | None) -> dict[str, str]:
    """The sha256 hex of each file by its name. cache: a JSON file to keep digests in, or None."""
    known = _read_cache(cache)
    digests: dict[str, str] = {}
    fresh: dict[str, list] = {}
    for name, path in sorted(files.items()):
        key, stamp = str(path.resolve()), _stamp(path)
        entry = known.get(key)
        if not entry or entry[:2] != stamp:
            entry = fresh[key] = [*stamp, file_digest(path)]
        digests[name] = entry[2]
    if cache is not None and fresh:
        # Read again: another process may have added its files meanwhile.
        _write_cache(cache, _read_cache(cache) | fresh)
    return digests


def fingerprint_of(digests: Mapping[str, str], settings: Mapping[str, object]) -> str:
    """sha256 hex over (name, sha256) of files in name order, and over `settings` (JSON values that
    change the cases).

    digests: name relative to the source's folder -> sha256 hex.
    """
    text = json.dumps(
        {"files": dict(digests), "settings": dict(settings)}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def folder_fingerprint(
    files: Mapping[str, Path], settings: Mapping[str, object], cache: Path | None
) -> str:
    """`fingerprint_of` files: name relative to the source's folder -> path."""
    return fingerprint_of(file_digests(files, cache), settings)


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; check the file and its permissions."
        ) from error
    return [status.st_size, status.st_mtime_ns]


def _read_cache(cache: Path | None) -> dict[str, list]:
    """The cached entries path -> [size, mtime_ns, sha256]; a cache that is absent or damaged is an
    empty one."""
    if cache is None or not cache.is_file():
        return {}
    try:
        entries = json.loads(cache.read_text())
    except ValueError:
        return {}
    if not isinstance(entries, dict):
        return {}
    return {
        key: entry for key, entry in entries.items() if isinstance(entry, list) and len(entry) == 3
    }


def _write_cache(cache: Path, entries: dict[str, list]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=cache.parent, prefix=cache.name, suffix=".part")
    try:
        with os.fdopen(handle, "w") as stream:
            json.dump(entries, stream)
        os.replace(temporary, cache)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
