"""What lies in a store and is needed by no run: stages of older versions or of runs that were
removed, and leftovers.

A stage is needed if a record lists it, or a run that was asked for. Where both files of a run are
damaged, nobody knows what it needs: nothing is removed then.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.files import folder_bytes
from benchmark.store.notes import is_key
from benchmark.store.store import StageBusy, Store
from benchmark.training.curve_loggers import KEY_LETTERS, LOGGERS

BOOKKEEPING = ("plan", "failures")  # not locks/: removing a lock that is held would let two in


@dataclass(frozen=True)
class Unneeded:
    """A stage (`key` is set) or another file or folder of a store, and its bytes."""

    what: str
    path: Path
    bytes: int
    key: str | None = None


def unneeded(store: Store) -> list[Unneeded]:
    """Everything that no run needs: stages, temporary folders of processes that are gone, and notes
    about such stages."""
    needed = _needed(store)
    found = [
        Unneeded(stage, store.folder(stage, key), folder_bytes(store.folder(stage, key)), key)
        for stage, key in store.all_stages()
        if key not in needed
    ]
    for path in sorted((store.root / "tmp").glob("*")):
        owner = path.name.rsplit("-", 2)[-2] if path.name.count("-") >= 2 else ""
        if path.is_dir() and is_key(owner) and not store.is_locked(owner):
            found.append(Unneeded("leftover of a stage", path, folder_bytes(path)))
    for path in sorted((store.root / "partial").glob("*")):
        key = path.name
        if is_key(key) and key not in needed and not store.is_locked(key):
            found.append(Unneeded("state of an interrupted training", path, folder_bytes(path)))
    for path in sorted((store.root / "progress").glob("*.json")):
        if is_key(path.stem) and not store.is_locked(path.stem):
            found.append(Unneeded("progress of a stage that was killed", path, path.stat().st_size))
    short = {key[:KEY_LETTERS] for key in needed}
    for path in sorted(path for logger in LOGGERS for path in (store.root / logger).glob("*/*")):
        if path.name.rpartition("-")[2] not in short:
            found.append(Unneeded("curves of a training", path, folder_bytes(path)))
    for name in BOOKKEEPING:
        for path in sorted((store.root / name).glob("*")):
            if path.name.partition(".")[0] not in needed:
                found.append(Unneeded(f"file in {name}/", path, path.stat().st_size))
    return found


def remove(store: Store, items: list[Unneeded]) -> tuple[int, int]:
    """Removes what is not in use; returns how many items and bytes are gone."""
    count = size = 0
    for item in items:
        if item.key is not None:
            try:
                with store.locked(item.key, wait=False):
                    store.remove(item.what, item.key)
            except StageBusy:
                continue
        elif item.path.is_dir():
            shutil.rmtree(item.path)
        else:
            item.path.unlink(missing_ok=True)
        count, size = count + 1, size + item.bytes
    return count, size


def unknown(store: Store) -> list[Path]:
    """Damaged files of runs and records whose needs no other file tells."""
    notes = store.notes
    told = {run["key"] for run in (*notes.runs(), *notes.recorded()) if run["stages"]}
    return [path for path in notes.damaged() if path.stem not in told]


def _needed(store: Store) -> set[str]:
    runs = (*store.notes.runs(), *store.notes.recorded())
    return {stage["key"] for run in runs for stage in run["stages"]}
