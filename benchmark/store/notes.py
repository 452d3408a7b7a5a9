"""What a store notes beside its stages: plans, runs, failures, records, progress, logs.

    plan/<key>.json          how to compute a stage: name, spec, inputs, places
    runs/<run key>.json      a run that was asked for: its spec and its stages
    records/<run key>.json   its result
    failures/<key>.json      why a stage failed the last time
    progress/<key>.json      how far a running stage is, for whoever looks on
    partial/<key>/           the state of a training that was interrupted
    logs/<stage>-<key>.log   what a stage said, with the traceback of its failure

Not here: the stages themselves, their locks and their damage (store.py).
"""

import contextlib
import errno
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError
from benchmark.core.files import is_full, read_json, write_json
from benchmark.record.record import DamagedRecord, Record, load_record

_LONGEST_KEY = 64


class StoreUnusable(InputError):
    """The store's disk is full or read-only, so that no stage at all can go on."""


class Notes:
    """The notes of the store in `root`; in a read-only store they can be read."""

    def __init__(self, root: Path):
        self.root = root

    def write_plan(self, key: str, plan: dict[str, Any]) -> None:
        """Notes how to compute a stage; an equal note is left as it is."""
        self._write(self.root / "plan" / f"{key}.json", plan)

    def find_plan(self, prefix: str) -> dict[str, Any]:
        """The plan of the one stage whose key starts with `prefix`. Raises InputError for none or
        several."""
        path = self.root / "plan" / f"{checked_key(prefix)}.json"
        found = [path] if path.exists() else sorted(path.parent.glob(f"{prefix}*.json"))
        if len(found) != 1:
            what = "no stage" if not found else f"{len(found)} stages"
            raise InputError(
                f"{what} in the store {self.root} with a key like '{prefix}'; `status` lists the"
                " keys."
            )
        plan = _read_or_none(found[0])
        if plan is None:
            raise InputError(
                f"{found[0]} is damaged; run the same `run` or `suite` again, which writes it anew."
            )
        return plan

    def write_run(self, key: str, run: dict[str, Any]) -> None:
        """Notes a run that was asked for; an equal note is left as it is."""
        self._write(self.root / "runs" / f"{key}.json", run)

    def runs(self) -> list[dict[str, Any]]:
        """All runs that were asked for; a file that cannot be read is left out (see `damaged`) and
        written again by the next call."""
        return list(self._readable("runs").values())

    def recorded(self) -> list[dict[str, Any]]:
        """Key, spec and stages of all records, as plain data; one that cannot be read is left
        out."""
        return list(self._readable("records").values())

    def damaged(self) -> list[Path]:
        """Files of runs and records that cannot be read, or that hold something else."""
        found = []
        for folder in ("runs", "records"):
            sound = self._readable(folder)
            paths = sorted((self.root / folder).glob("*.json"))
            found += [path for path in paths if path.stem not in sound]
        return found

    def _readable(self, folder: str) -> dict[str, dict[str, Any]]:
        """What names a run and its stages, by the name of its file."""
        paths = sorted((self.root / folder).glob("*.json"))
        found = {path.stem: _read_or_none(path) for path in paths}
        return {key: run for key, run in found.items() if run is not None and _is_run(run)}

    def write_failure(
        self, key: str, stage: str, error: str, final: bool, requeued: bool = False
    ) -> None:
        """Notes why a stage failed. final: it is tried again only on demand; requeued: it was
        damaged, and is made again."""
        note = {"key": key, "stage": stage, "error": error, "final": final}
        if requeued:
            note["requeued"] = True
        self._write(self._failure_path(key), note)

    def failures(self) -> dict[str, dict[str, Any]]:
        """The last failure of each stage that has not been computed since: key -> {stage, error,
        final}."""
        found = {path.stem: _read_or_none(path) for path in (self.root / "failures").glob("*.json")}
        return {
            key: failure
            for key, failure in found.items()
            if failure is not None and {"stage", "error"} <= failure.keys()
        }

    def clear_failure(self, key: str) -> None:
        self._failure_path(key).unlink(missing_ok=True)

    def record_path(self, key: str) -> Path:
        return self.root / "records" / f"{key}.json"

    def write_record(self, record: Record) -> None:
        self._write(self.record_path(record.key), record.model_dump(mode="json"))

    def record(self, key: str) -> Record | None:
        """The record of a run; None if there is none, or if its file is damaged: its stages make it
        anew."""
        path = self.record_path(key)
        if not path.is_file():
            return None
        try:
            return load_record(path)
        except DamagedRecord:
            return None

    def plain_record(self, key: str) -> dict[str, Any] | None:
        """The record of a run as plain data, which is quicker; None as above."""
        found = _read_or_none(self.record_path(key))
        return found if found is not None and _is_run(found) else None

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

    def _write(self, path: Path, value: dict[str, Any]) -> None:
        if _read_or_none(path) == value:
            return
        with explained(self.root, "to write"):
            write_json(path, value)

    def _failure_path(self, key: str) -> Path:
        return self.root / "failures" / f"{key}.json"

    def _progress_path(self, key: str) -> Path:
        return self.root / "progress" / f"{key}.json"


@contextlib.contextmanager
def explained(root: Path, purpose: str) -> Iterator[None]:
    """Turns an error of a full or read-only disk inside the block into StoreUnusable."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EROFS:
            raise StoreUnusable(
                f"the store {root} is read-only; give a writable folder by --store."
            ) from error
        if is_full(error, root / "tmp"):
            raise StoreUnusable(
                f"no space left {purpose} in the store {root}; free some and run the same"
                " command again: finished stages are kept."
            ) from error
        raise


def is_key(text: str) -> bool:
    """Whether it is hexadecimal, and so safe in a file name."""
    return 0 < len(text) <= _LONGEST_KEY and all(letter in "0123456789abcdef" for letter in text)


def checked_key(key: str) -> str:
    """Returns `key`. Raises InputError for what is none."""
    if not is_key(key):
        raise InputError(
            f"'{key[:_LONGEST_KEY]}' is not a key; keys are hexadecimal, `status` lists them."
        )
    return key


def _read_or_none(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if the file is absent or damaged."""
    try:
        found = read_json(path)
    except PermissionError:
        raise
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_run(value: dict[str, Any]) -> bool:
    """Whether it names a run and its stages, as runs/ and records/ have them."""
    stages = value.get("stages")
    return (
        _has_key(value)
        and isinstance(stages, list)
        and all(
            isinstance(stage, dict) and _has_key(stage) and isinstance(stage.get("stage"), str)
            for stage in stages
        )
    )


def _has_key(value: dict[str, Any]) -> bool:
    key = value.get("key")
    return isinstance(key, str) and is_key(key)
