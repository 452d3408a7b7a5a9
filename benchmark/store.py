"""Where results live: one folder per stage key, written once and whole.

Layout of a store:
    stages/<stage>/<key>/    artefacts + manifest.json (spec, inputs, versions, cost, sha256 of every file)
    plan/<key>.json          how to compute a stage: name, spec, inputs, data root
    runs/<run key>.json      a run that was asked for: its spec and its stages
    records/<run key>.json   its result
    failures/<key>.json      why a stage failed the last time
    locks/ tmp/ logs/

A stage is computed in tmp/, flushed to disk and renamed into place, so that a folder under stages/ is complete by
being there. The lock of a key is held by the operating system and vanishes with its owner. Only npy, JSON, CSV, PNG,
NIfTI and safetensors are written; nothing is ever unpickled. Callers: stages, engines, cli.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmark.errors import InputError
from benchmark.record import Record, load_record

MANIFEST = "manifest.json"


class Store:
    """A store in `root`, made if absent. Raises InputError where it cannot be written."""

    def __init__(self, root: Path):
        self.root = Path(root)
        try:
            for name in ("stages", "plan", "runs", "records", "failures", "locks", "tmp", "logs"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / "tmp"):
                pass
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise InputError(f"the store {self.root} cannot be written ({reason}); give a writable folder by --store.") from error

    # Stages

    def folder(self, stage: str, key: str) -> Path:
        """Where the artefacts of a stage lie, computed or not."""
        return self.root / "stages" / stage / key

    def has(self, stage: str, key: str) -> bool:
        return (self.folder(stage, key) / MANIFEST).is_file()

    def manifest(self, stage: str, key: str) -> dict[str, Any]:
        """What the stage wrote about itself. Raises FileNotFoundError if it is not there."""
        return read_json(self.folder(stage, key) / MANIFEST)

    def is_locked(self, key: str) -> bool:
        """Whether some process is computing this key right now."""
        lock = self._lock(key)
        try:
            with lock.acquire(timeout=0):
                return False
        except Timeout:
            return True

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Holds the key's lock; waits for another owner. A dead owner holds nothing."""
        with self._lock(key):
            yield

    def compute(self, stage: str, key: str, work: Callable[[Path], dict[str, Any]]) -> None:
        """Calls work(folder) in a temporary folder and moves it into place; work returns the manifest's own fields.

        The caller holds the key's lock. Whatever `work` raises is passed on after the temporary folder is removed.
        """
        target = self.folder(stage, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (self.root / "tmp").glob(f"{stage}-{key}-*"):  # of an owner that died: the lock is ours now
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{stage}-{key}-", dir=self.root / "tmp"))
        try:
            fields = work(folder)
            files = {str(p.relative_to(folder)): _file_entry(p) for p in sorted(folder.rglob("*")) if p.is_file()}
            write_json(folder / MANIFEST, {"stage": stage, "key": key, **fields, "files": files})
            _flush(folder)
            if target.exists():  # left by --force, or by a damaged manifest
                shutil.rmtree(target)
            folder.rename(target)
            _flush_folder(target.parent)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise InputError(
                    f"no space left for stage {stage} in the store {self.root}; free some and run the same command"
                    " again: finished stages are kept."
                ) from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.clear_failure(key)

    def remove(self, stage: str, key: str) -> None:
        """Forgets a stage, so that it is computed again."""
        shutil.rmtree(self.folder(stage, key), ignore_errors=True)

    def damage(self, stage: str, key: str) -> list[str]:
        """Files of a stage that are missing or differ from the manifest; [] if it is sound."""
        folder = self.folder(stage, key)
        found = []
        for name, entry in self.manifest(stage, key)["files"].items():
            path = folder / name
            if not path.is_file():
                found.append(f"{name}: missing")
            elif _file_entry(path) != entry:
                found.append(f"{name}: content differs from the manifest")
        return found

    def all_stages(self) -> Iterator[tuple[str, str]]:
        """(stage, key) of everything computed."""
        for manifest in sorted((self.root / "stages").glob(f"*/*/{MANIFEST}")):
            yield manifest.parent.parent.name, manifest.parent.name

    # Plans, runs, failures, records

    def write_plan(self, key: str, node: dict[str, Any]) -> None:
        path = self.root / "plan" / f"{key}.json"
        if not path.exists() or read_json(path) != node:
            write_json(path, node)

    def find_plan(self, prefix: str) -> dict[str, Any]:
        """The plan of the one stage whose key starts with `prefix`. Raises InputError for none or several."""
        found = sorted((self.root / "plan").glob(f"{_plain(prefix)}*.json"))
        if len(found) != 1:
            what = "no stage" if not found else f"{len(found)} stages"
            raise InputError(f"{what} in the store {self.root} with a key like '{prefix}'; `status` lists the keys.")
        return read_json(found[0])

    def write_run(self, key: str, run: dict[str, Any]) -> None:
        write_json(self.root / "runs" / f"{key}.json", run)

    def runs(self) -> list[dict[str, Any]]:
        return [read_json(path) for path in sorted((self.root / "runs").glob("*.json"))]

    def write_failure(self, key: str, stage: str, error: str) -> None:
        write_json(self.root / "failures" / f"{key}.json", {"key": key, "stage": stage, "error": error})

    def failure(self, key: str) -> dict[str, Any] | None:
        path = self.root / "failures" / f"{key}.json"
        return read_json(path) if path.exists() else None

    def clear_failure(self, key: str) -> None:
        (self.root / "failures" / f"{key}.json").unlink(missing_ok=True)

    def record_path(self, key: str) -> Path:
        return self.root / "records" / f"{key}.json"

    def write_record(self, record: Record) -> None:
        write_json(self.record_path(record.key), record.model_dump(mode="json"))

    def record(self, key: str) -> Record | None:
        path = self.record_path(key)
        return load_record(path) if path.exists() else None

    def _lock(self, key: str) -> FileLock:
        return FileLock(self.root / "locks" / f"{_plain(key)}.lock")


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a reader sees the old file or the new one, never a part."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _plain(key: str) -> str:
    """A key that is safe in a file name: hexadecimal only."""
    if not key or any(letter not in "0123456789abcdef" for letter in key):
        raise InputError(f"'{key}' is not a key; keys are hexadecimal, `status` lists them.")
    return key


def _file_entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
