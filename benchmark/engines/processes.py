"""The processes engine: several stages at once on this machine, one worker process per GPU (or
`--workers`).

A worker is a process of its own that computes stages as the inline engine does (worker.py), so
that one that is killed takes its stage with it and nothing else: a new worker takes over, and the
stage is tried again. Worker i sees GPU i mod n alone, through CUDA_VISIBLE_DEVICES. The number of
threads of a stage is that of the inline engine, whatever the number of workers, because it can
change the last digits of a sum; with many workers on a CPU, set OMP_NUM_THREADS=1.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from benchmark.core.progress import Report
from benchmark.engines.attempt import Outcome
from benchmark.engines.scheduler import Agenda, Failure, OnDone, Watch
from benchmark.stages.catalogue import Node
from benchmark.stages.execution import Execution
from benchmark.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "benchmark.engines.worker"]


def run(
    nodes: Iterable[Node], store: Store, how: Execution, watch: Watch, on_done: OnDone
) -> dict[str, Failure]:
    """Computes `nodes`, whose plans the store holds; returns the failures by key."""
    gpus = _visible_gpus() if how.device == "cuda" else []
    count = how.workers or max(1, len(gpus))
    agenda = Agenda(nodes, store, on_done, how.max_failures, how.retry_failed)
    workers = [
        _Worker(store, how, gpus[number % len(gpus)] if gpus else None) for number in range(count)
    ]
    with ThreadPoolExecutor(count) as threads:
        try:
            for finished in [
                threads.submit(agenda.serve, watch, worker.attempt) for worker in workers
            ]:
                finished.result()
        finally:
            agenda.halt()
            for worker in workers:
                worker.stop()
    return agenda.failures


class _Worker:
    """A worker process, started when it is first needed and again after it died. `gpu`: its
    CUDA_VISIBLE_DEVICES."""

    def __init__(self, store: Store, how: Execution, gpu: str | None):
        self._arguments = [str(store.root.absolute()), json.dumps(asdict(how))]
        self._gpu, self._stopped = gpu, False
        self._process: subprocess.Popen[str] | None = None

    def attempt(self, node: Node, wait: bool, report: Report) -> Outcome:
        """Has the worker try a stage; a worker that goes away makes the outcome `died`."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None, "both are pipes"
        task = {"stage": node.stage, "key": node.key, "wait": wait}
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                message = json.loads(line)
                if "outcome" in message:
                    return Outcome.from_dict(message["outcome"])
                done, total, numbers = message["report"]
                report(done, total, **numbers)
        except (BrokenPipeError, json.JSONDecodeError):
            process.kill()  # what it wrote last was cut off by its death
        self._process = None
        return Outcome("died", describe_death(process.wait()))

    def stop(self) -> None:
        """Ends the worker, wherever it is in its stage."""
        self._stopped = True
        process = self._process  # its thread may forget it meanwhile
        if process is not None:
            process.kill()
            process.wait()

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            environment = os.environ | (
                {"CUDA_VISIBLE_DEVICES": self._gpu} if self._gpu is not None else {}
            )
            self._process = subprocess.Popen(
                [*COMMAND, *self._arguments],
                cwd=ROOT,
                env=environment,
                text=True,
                start_new_session=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            if self._stopped:
                self._process.kill()
        return self._process


def describe_death(code: int) -> str:
    """One sentence about a process that ended without an outcome."""
    if code >= 0:
        return (
            f"its process ended with exit code {code} and no result; the log of the stage may say"
            f" more."
        )
    known = -code in set(signal.Signals)
    name = signal.Signals(-code).name if known else f"signal {-code}"
    hint = "; the system kills what takes too much memory" if name == "SIGKILL" else ""
    return f"its process was killed ({name}){hint}."


def _visible_gpus() -> list[str]:
    """The GPUs that this program may use, as CUDA_VISIBLE_DEVICES names them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen:
        return [name.strip() for name in chosen.split(",")]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]
