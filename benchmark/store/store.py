"""Where results live: one folder per stage key, written once and whole.

Layout of a store:
    stages/<stage>/<key>/    artefacts + manifest.json (spec, inputs, cost, sha256 of every file)
    plan/<key>.json          how to compute a stage: name, spec, inputs, data root
    runs/<run key>.json      a run that was asked for: its spec and its stages
    records/<run key>.json   its result
    failures/<key>.json      why a stage failed the last time
    logs/<stage>-<key>.log   what a stage said, with the traceback of its failure
    progress/<key>.json      how far a running stage is, for whoever looks on
    partial/<key>/           the state of a training that was interrupted
    tensorboard/ csv/        curves of trainings, by stage
    locks/ tmp/

A stage is computed in tmp/, flushed to disk and renamed into place, so that a folder under stages/
is complete by being there. The lock of a key is held by the operating system and vanishes with its
owner. Only npy, JSON, CSV, PNG, NIfTI and safetensors are written; nothing is ever unpickled.
Nothing depends on the clock.
"""

import contextlib
import errno
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmark.core.errors import InputError
from benchmark.core.files import file_entry, flush, flush_folder, is_full, read_json, write_json
from benchmark.core.identity import digest
from benchmark.record.record import DamagedRecord, Record, load_record

MANIFEST = "manifest.json"
MANIFEST_FIELDS = {
    "stage",
    "key",
    "version",
    "spec",
    "inputs",
    "results",
    "cost",
    "provenance",
    "files",
}
FOLDERS = ("stages", "plan", "runs", "records", "failures", "locks", "tmp", "logs", "progress")


class StoreUnusable(InputError):
    """The store's disk is full or read-only, so that no stage at all can go on."""


class StageBusy(Exception):
    """Another process is computing the stage right now."""


class DamagedStage(Exception):
    """Files of a stored stage are missing or changed. `stage`, `key`; the text lists the files."""

    def __init__(self, stage: str, key: str, found: list[str]):
        super().__init__(f"{stage} {key[:12]} is damaged: {'; '.join(found)}")
        self.stage, self.key, self.found = stage, key, found


class Store:
    """A store in `root`. With `write` it is made if absent; without, nothing in it is touched and
    it may be read-only.

    Raises InputError where it should be written and cannot be.
    """

    def __init__(self, root: Path, write: bool = True):
        self.root = Path(root)
        self._sound: set[str] = set()
        if not write:
            return
        try:
            for name in FOLDERS:
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / "tmp"):
                pass
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            text = (
                f"the store {self.root} cannot be written ({reason}); give a writable folder by"
                f" --store."
            )
            raise StoreUnusable(text) from error

    # Stages

    def folder(self, stage: str, key: str) -> Path:
        """Where the artefacts of a stage lie, computed or not."""
        return self.root / "stages" / stage / key

    def has(self, stage: str, key: str) -> bool:
        return os.path.isfile(f"{self.root}/stages/{stage}/{key}/{MANIFEST}")

    def manifest(self, stage: str, key: str) -> dict[str, Any]:
        """What the stage wrote about itself. Raises FileNotFoundError if it is not there,
        DamagedStage if it was changed."""
        try:
            manifest = read_json(self.folder(stage, key) / MANIFEST)
        except ValueError as error:
            raise DamagedStage(stage, key, [f"{MANIFEST}: not readable"]) from error
        seal = manifest.pop("seal", None)
        # Manifests of older stores have no seal; one whose seal was renamed by a changed byte has
        # an unknown field.
        if (seal != digest(manifest)) if seal is not None else (manifest.keys() - MANIFEST_FIELDS):
            raise DamagedStage(stage, key, [f"{MANIFEST}: content differs from its own checksum"])
        return manifest

    def is_locked(self, key: str) -> bool:
        """Whether some process is computing this key right now; False where that cannot be asked (a
        read-only store)."""
        lock = self._lock(key)
        if not os.path.exists(lock.lock_file):
            return False
        try:
            with lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False

    @contextlib.contextmanager
    def locked(self, key: str, wait: bool = True) -> Iterator[None]:
        """Holds the key's lock. Another owner is waited for, or, without `wait`, raises StageBusy.
        The dead hold nothing."""
        lock = self._lock(key)
        with self.explained("for a lock"):
            try:
                lock.acquire(timeout=-1 if wait else 0)
            except Timeout:
                raise StageBusy(key) from None
        try:
            yield
        finally:
            lock.release()

    def compute(self, stage: str, key: str, work: Callable[[Path], dict[str, Any]]) -> None:
        """Calls work(folder) in a temporary folder and moves it into place; work returns the
        manifest's own fields.

        The caller holds the key's lock. Whatever `work` raises is passed on after the temporary
        folder is removed; a full disk becomes StoreUnusable.
        """
        target = self.folder(stage, key)
        # of an owner that died: the lock is ours now
        for leftover in (self.root / "tmp").glob(f"{stage}-{key}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with self.explained(f"for stage {stage}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            folder = self._temporary(stage, key)
            try:
                fields = work(folder)
                files = {
                    str(p.relative_to(folder)): file_entry(p)
                    for p in sorted(folder.rglob("*"))
                    if p.is_file()
                }
                manifest = {"stage": stage, "key": key, **fields, "files": files}
                write_json(folder / MANIFEST, {**manifest, "seal": digest(manifest)})
                flush(folder)
                self.remove(stage, key)  # left by a damaged manifest
                folder.rename(target)
                flush_folder(target.parent)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        self.clear_failure(key)

    def remove(self, stage: str, key: str) -> None:
        """Forgets a stage at one stroke, so that it is computed again."""
        self._sound.discard(key)
        if self.folder(stage, key).exists():
            with self.explained(f"to remove stage {stage}"):
                grave = self._temporary(stage, key)
                self.folder(stage, key).rename(grave / "removed")
                shutil.rmtree(grave)

    def damage(self, stage: str, key: str) -> list[str]:
        """Files of a stage that are missing or differ from the manifest; [] if it is sound."""
        folder = self.folder(stage, key)
        try:
            files = self.manifest(stage, key)["files"]
        except DamagedStage as error:
            return error.found
        found = []
        for name, entry in files.items():
            path = folder / name
            if not path.is_file():
                found.append(f"{name}: missing")
            elif file_entry(path) != entry:
                found.append(f"{name}: content differs from the manifest")
        return found

    def check(self, stage: str, key: str) -> None:
        """Raises DamagedStage unless all files of the stage are as written. Each stage is read once
        per Store object."""
        if key in self._sound:
            return
        found = self.damage(stage, key)
        if found:
            raise DamagedStage(stage, key, found)
        self._sound.add(key)

    def requeue(self, damaged: DamagedStage) -> None:
        """Removes a damaged stage unless someone mended it meanwhile; the next run of what needs it
        computes it again."""
        with self.locked(damaged.key):
            if not self.has(damaged.stage, damaged.key) or self.damage(damaged.stage, damaged.key):
                self.remove(damaged.stage, damaged.key)
                self.write_failure(
                    damaged.key, damaged.stage, str(damaged), final=False, requeued=True
                )

    def all_stages(self) -> Iterator[tuple[str, str]]:
        """(stage, key) of everything computed."""
        for manifest in sorted((self.root / "stages").glob(f"*/*/{MANIFEST}")):
            yield manifest.parent.parent.name, manifest.parent.name

    # Plans, runs, failures, records

    def write_plan(self, key: str, node: dict[str, Any]) -> None:
        path = self.root / "plan" / f"{key}.json"
        if _read_or_none(path) != node:
            self._write(path, node)

    def find_plan(self, prefix: str) -> dict[str, Any]:
        """The plan of the one stage whose key starts with `prefix`. Raises InputError for none or
        several."""
        path = self.root / "plan" / f"{_plain(prefix)}.json"
        found = [path] if path.exists() else sorted(path.parent.glob(f"{prefix}*.json"))
        if len(found) != 1:
            what = "no stage" if not found else f"{len(found)} stages"
            raise InputError(
                f"{what} in the store {self.root} with a key like '{prefix}'; `status` lists the"
                f" keys."
            )
        return read_json(found[0])

    def write_run(self, key: str, run: dict[str, Any]) -> None:
        path = self.root / "runs" / f"{key}.json"
        if _read_or_none(path) != run:
            self._write(path, run)

    def runs(self) -> list[dict[str, Any]]:
        """All runs that were asked for; a file that cannot be read is left out and written again by
        the next call."""
        found = [_read_or_none(path) for path in sorted((self.root / "runs").glob("*.json"))]
        return [run for run in found if run is not None]

    def write_failure(
        self, key: str, stage: str, error: str, final: bool, requeued: bool = False
    ) -> None:
        """Notes why a stage failed. final: it is tried again only on demand; requeued: it was
        damaged, and is made again."""
        note = {"key": key, "stage": stage, "error": error, "final": final}
        self._write(
            self.root / "failures" / f"{key}.json", note | ({"requeued": True} if requeued else {})
        )

    def failures(self) -> dict[str, dict[str, Any]]:
        """The last failure of each stage that has not been computed since: key -> {stage, error,
        final}."""
        found = {path.stem: _read_or_none(path) for path in (self.root / "failures").glob("*.json")}
        return {key: failure for key, failure in found.items() if failure is not None}

    def clear_failure(self, key: str) -> None:
        (self.root / "failures" / f"{key}.json").unlink(missing_ok=True)

    def record_path(self, key: str) -> Path:
        return self.root / "records" / f"{key}.json"

    def write_record(self, record: Record) -> None:
        self._write(self.record_path(record.key), record.model_dump(mode="json"))

    def record(self, key: str) -> Record | None:
        """The record of a run; None if there is none, or if its file is damaged: its stages make it
        anew."""
        path = self.record_path(key)
        if not path.exists():
            return None
        try:
            return load_record(path)
        except DamagedRecord:
            return None

    def partial(self, key: str) -> Path:
        """Where an unfinished training keeps its state."""
        return self.root / "partial" / key

    def write_progress(self, key: str, done: int, total: int, numbers: dict[str, float]) -> None:
        """Notes how far a running stage is. It is a view: a disk that is full, or a power cut, may
        lose it."""
        numbers = {name: float(value) for name, value in numbers.items() if math.isfinite(value)}
        with contextlib.suppress(OSError):
            write_json(
                self._progress_path(key),
                {"done": done, "total": total, "numbers": numbers},
                durable=False,
            )

    def progress(self, key: str) -> dict[str, Any] | None:
        """What write_progress noted last; None before, and after the stage ended."""
        return _read_or_none(self._progress_path(key))

    def clear_progress(self, key: str) -> None:
        with contextlib.suppress(OSError):
            self._progress_path(key).unlink(missing_ok=True)

    def log_path(self, stage: str, key: str) -> Path:
        return self.root / "logs" / f"{stage}-{key[:12]}.log"

    @contextlib.contextmanager
    def explained(self, purpose: str) -> Iterator[None]:
        """Turns an error of a full or read-only disk inside the block into StoreUnusable."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EROFS:
                raise StoreUnusable(
                    f"the store {self.root} is read-only; give a writable folder by --store."
                ) from error
            if is_full(error, self.root / "tmp"):
                raise StoreUnusable(
                    f"no space left {purpose} in the store {self.root}; free some and run the same"
                    f" command again:"
                    " finished stages are kept."
                ) from error
            raise

    def _write(self, path: Path, value: Any) -> None:
        with self.explained("to write"):
            write_json(path, value)

    def _progress_path(self, key: str) -> Path:
        return self.root / "progress" / f"{key}.json"

    def _temporary(self, stage: str, key: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{stage}-{key}-", dir=self.root / "tmp"))

    def _lock(self, key: str) -> FileLock:
        return FileLock(self.root / "locks" / f"{_plain(key)}.lock")


def _read_or_none(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path)
    except (FileNotFoundError, ValueError):
        return None


def _plain(key: str) -> str:
    """A key that is safe in a file name: hexadecimal only."""
    if not key or any(letter not in "0123456789abcdef" for letter in key):
        raise InputError(f"'{key}' is not a key; keys are hexadecimal, `status` lists them.")
    return key
