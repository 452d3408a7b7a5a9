"""The smallest real runs: 64 px phantoms, two epochs, a generator of a few steps. Shared by several
tests."""

from pathlib import Path

from benchmark.commands.run import Call, run_requests
from benchmark.core.errors import ExitCode
from benchmark.planning.options import Actions, Request
from benchmark.record.record import Record
from benchmark.stages.execution import Execution
from benchmark.store.store import Store

TINY = (
    "phantom_cases=4",
    "n_folds=2",
    "epochs=2",
    "validation_share=0.4",
    "generator.steps=4",
    "generator.channels=[8,16]",
    "generator.batch=4",
    "generator.sampling.steps=2",
)


def tiny(method: str, *sets: str, **options) -> Request:
    values = {
        "dataset": "prostate",
        "source": "phantom",
        "architecture": "unet",
        "folds": (0,),
    } | options
    return Request(method=method, sets=TINY + sets, **values)


def compute(store: Path, *requests: Request, actions: dict | None = None, **how) -> ExitCode:
    """Computes the requests on the CPU; failed stages are tried again and no curves are written,
    unless `how`, fields of Execution, says so. actions: fields of Actions."""
    execution = Execution(**{"device": "cpu", "logger": "none", "retry_failed": True} | how)
    return run_requests(Call(requests, Actions(store=store, **actions or {}), execution))


def run(store: Path, *requests: Request, force: tuple[str, ...] = ()) -> tuple[int, list[Record]]:
    """Exit code and the records of the store after the call, in the order of their keys."""
    code = compute(store, *requests, actions={"force": force})
    found = Store(store)
    return code, [
        found.notes.record(path.stem) for path in sorted((store / "records").glob("*.json"))
    ]


def scores(record: Record) -> list[dict]:
    """The case rows, as plain data."""
    return [row.model_dump() for row in record.cases]
