"""Where results live: one folder per stage key, written once and whole.

Layout of a store:
    stages/<stage>/<key>/    artefacts + manifest.json (spec, inputs, cost, sha256 of every file)
    tensorboard/ csv/        curves of trainings, by stage
    locks/ tmp/
    and what `Store.notes` keeps

A stage is computed in tmp/, flushed to disk and renamed into place, so that a folder under stages/
is complete by being there. The lock of a key is held by the operating system and vanishes with its
owner. Only npy, JSON, CSV, PNG, NIfTI and safetensors are written; nothing is ever unpickled.
Nothing depends on the clock. Not here: notes on plans, runs, failures and records (notes.py).
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmark.core.files import file_entry, flush, flush_folder, read_json, write_json
from benchmark.core.identity import digest
from benchmark.store.notes import Notes, StoreUnusable, checked_key, explained, is_key

MANIFEST = "manifest.json"
FOLDERS = ("stages", "plan", "runs", "records", "failures", "locks", "tmp", "logs", "progress")


class StageBusy(Exception):
    """Another process is computing the stage right now."""


class DamagedStage(Exception):
    """Files of a stored stage are missing or changed. `stage`, `key`; the text lists the files."""

    def __init__(self, stage: str, key: str, found: list[str]):
        super().__init__(f"{stage} {key[:12]} is damaged: {'; '.join(found)}")
        self.stage, self.key, self.found = stage, key, found


class Store:
    """A store in `root`. With `write` it is made if absent; without, nothing in it is touched and
    it may be read-only. `notes` holds what is written down beside the stages.

    Raises InputError where it should be written and cannot be.
    """

    def __init__(self, root: Path, write: bool = True):
        self.root = Path(root)
        self.notes = Notes(self.root)
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
        except (ValueError, RecursionError, IsADirectoryError) as error:
            raise DamagedStage(stage, key, [f"{MANIFEST}: not readable"]) from error
        if not isinstance(manifest, dict):
            raise DamagedStage(stage, key, [f"{MANIFEST}: not readable"])
        seal = manifest.pop("seal", None)
        if seal != digest(manifest):
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
        with explained(self.root, "for a lock"):
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
        purpose = f"for stage {stage}"
        with explained(self.root, purpose):
            target.parent.mkdir(parents=True, exist_ok=True)
            folder = self._temporary(stage, key)
        try:
            # inside `try`: whether the disk is full shows while the half-written files are there
            with explained(self.root, purpose):
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
        self.notes.clear_failure(key)

    def remove(self, stage: str, key: str) -> None:
        """Forgets a stage at one stroke, so that it is computed again."""
        self._sound.discard(key)
        if self.folder(stage, key).exists():
            with explained(self.root, f"to remove stage {stage}"):
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
        except FileNotFoundError:
            return [f"{MANIFEST}: missing"]
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
                self.notes.write_failure(
                    damaged.key, damaged.stage, str(damaged), final=False, requeued=True
                )

    def all_stages(self) -> Iterator[tuple[str, str]]:
        """(stage, key) of everything computed."""
        for manifest in sorted((self.root / "stages").glob(f"*/*/{MANIFEST}")):
            yield manifest.parent.parent.name, manifest.parent.name

    def without_manifest(self) -> Iterator[tuple[str, str]]:
        """(stage, key) of folders that hold what was a stage once: they came whole, with a
        manifest."""
        for folder in sorted((self.root / "stages").glob("*/*/")):
            stage, key = folder.parent.name, folder.name
            if is_key(key) and not self.has(stage, key):
                yield stage, key

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Held while runs are noted and while what no run needs is removed, so that neither sees
        half of the other."""
        with explained(self.root, "for a lock"), FileLock(self.root / "locks" / "noting.lock"):
            yield

    def _temporary(self, stage: str, key: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{stage}-{key}-", dir=self.root / "tmp"))

    def _lock(self, key: str) -> FileLock:
        return FileLock(self.root / "locks" / f"{checked_key(key)}.lock")
