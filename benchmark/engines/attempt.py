"""One try at one stage, its log, and how it ended - as data, so that it can cross a pipe or a
network.

Every engine computes stages through `attempt`, in its own process or in another one. What a stage
says goes to logs/<stage>-<key>.log. Not here: what to do about an outcome (scheduler.py).
"""

import contextlib
import errno
import os
import platform
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from benchmark.core.errors import InputError
from benchmark.core.progress import Report
from benchmark.core.texts import first_line, one_line
from benchmark.stages.execute import execute
from benchmark.stages.execution import StageExecution
from benchmark.store.notes import StoreUnusable, explained
from benchmark.store.store import DamagedStage, StageBusy, Store

LOG_SECONDS = 30.0  # between two lines of progress in a log
PROGRESS_SECONDS = 1.0  # between two notes of progress in the store
ERROR_LETTERS = 200


@dataclass(frozen=True)
class Outcome:
    """How a try ended.

    computed, present   the stage is in the store, made now or found there
    busy                another process computes it
    damaged             the input stage `damaged` (name, key) was changed on disk and was removed
    failed              an exception; `by_input` says that the user can mend it
    died                the process went away without a word
    unusable            the store's disk is full or read-only: no stage can go on
    """

    kind: Literal["computed", "present", "busy", "damaged", "failed", "died", "unusable"]
    error: str = ""
    trace: str = ""
    by_input: bool = False
    damaged: tuple[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Outcome":
        """The Outcome that as_dict made, after a journey as JSON."""
        return cls(**data | {"damaged": tuple(data["damaged"]) if data["damaged"] else None})


def attempt(
    store: Store, stage: str, key: str, how: StageExecution, report: Report, wait: bool = True
) -> Outcome:
    """Tries to compute a stage whose plan the store holds; never raises for what the stage does."""
    try:
        with _log(store, stage, key, how.device) as log:
            noted = _noted(report, log, store, key)
            outcome = _attempt(
                store, stage, key, log, lambda: execute(store, key, how, noted, wait)
            )
    except StoreUnusable as error:
        outcome = Outcome("unusable", str(error), by_input=True)
    if outcome.kind not in ("busy", "present"):  # then the note is another process's
        store.notes.clear_progress(key)
    return outcome


def _attempt(store: Store, stage: str, key: str, log: TextIO, work: Callable[[], bool]) -> Outcome:
    start = time.perf_counter()
    try:
        computed = work()
    except StageBusy:
        return Outcome("busy")
    except DamagedStage as error:
        log.write(f"{error}\n")
        store.requeue(error)
        return Outcome("damaged", str(error), damaged=(error.stage, error.key))
    except StoreUnusable:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a failed stage is a result to report, sys.exit() in it too
        by_input = isinstance(error, InputError)
        message = str(error) if by_input else _reason(error)
        trace = traceback.format_exc()
        log.write(trace)
        again = by_input or short_of_memory(error)
        store.notes.write_failure(key, stage, message, final=not again)
        return Outcome("failed", message, trace, by_input)
    log.write(
        f"done in {time.perf_counter() - start:.2f} s\n" if computed else "already in the store\n"
    )
    return Outcome("computed" if computed else "present")


@contextlib.contextmanager
def _log(store: Store, stage: str, key: str, device: str) -> Iterator[TextIO]:
    """The stage's log, opened at its end; one line says when, where and by whom it is written."""
    with explained(store.root, "for a log"), _open(store.notes.log_path(stage, key)) as file:
        file.write(
            f"{time.strftime('%Y-%m-%d %H:%M:%S')} {stage} {key} on {platform.node()} {device},"
            f" process {os.getpid()}\n"
        )
        yield file


def short_of_memory(error: BaseException | None) -> bool:
    """Whether the machine had too little memory at that time, in the words of Python, of the system
    or of torch."""
    from benchmark.training.microbatch import is_out_of_memory

    while error is not None:
        if is_out_of_memory(error) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        error = error.__cause__
    return False


def _reason(error: BaseException) -> str:
    """'RuntimeError: what happened', short enough for a table; the log holds the rest."""
    line = one_line(f"{type(error).__name__}: {first_line(error)}").rstrip(": ")
    return line if len(line) <= ERROR_LETTERS else f"{line[:ERROR_LETTERS]} ..."


def _open(path: Path) -> TextIO:
    return path.open("a", encoding="utf-8", buffering=1)


def _noted(report: Report, log: TextIO, store: Store, key: str) -> Report:
    """A Report that now and then also notes the progress in the store, and writes a line to the
    log."""
    logged = noted = time.monotonic()

    def all_three(done: int, total: int, **fields: float) -> None:
        nonlocal logged, noted
        report(done, total, **fields)
        now = time.monotonic()
        if now - noted >= PROGRESS_SECONDS:
            noted = now
            store.notes.write_progress(key, done, total, fields)
        if now - logged >= LOG_SECONDS:
            logged = now
            numbers = "  ".join(f"{name} {value:.4g}" for name, value in fields.items())
            log.write(f"{done}/{total}  {numbers}\n")

    return all_three
