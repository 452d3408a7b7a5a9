"""The Ray engine: stages as tasks on this machine, or on a cluster by `--address`.

One stage is one task, and one task is one process `python cli.py stage KEY` with its share of a
GPU, so that it leaves nothing behind in a worker. The store is all that the tasks share: on a
cluster it lies, like this checkout, under the same path on every machine. Ray itself runs a task
again whose machine went away; a stage whose process died is tried again by the scheduler. Usage
statistics, dashboard and metrics are off.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError
from benchmark.core.texts import first_line
from benchmark.engines.attempt import Outcome
from benchmark.engines.processes import describe_death
from benchmark.engines.scheduler import Agenda, Failure, OnDone, StageFailed, Watch
from benchmark.stages.catalogue import Node
from benchmark.stages.execution import Execution
from benchmark.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "cli.py", "stage"]
# Ray's name for it; "0" keeps it off the network on every system
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
PROGRESS_SECONDS = 1.0  # between two looks at how far the running stages are
# 15 if not set: a stage would take longer than by the other engines, and its cost say so
NICENESS = "RAY_worker_niceness"
LOST_MACHINES = 5  # how often a task is run again because its machine went away


def run(
    nodes: Iterable[Node], store: Store, how: Execution, watch: Watch, on_done: OnDone
) -> dict[str, Failure]:
    """Computes `nodes`, whose plans the store holds; returns the failures by key. Device "auto":
    cuda where the cluster has it.

    Raises InputError where there is no cluster.
    """
    with _cluster(how) as ray:
        resources = ray.cluster_resources()
        if how.device == "auto":
            how = replace(how, device="cuda" if resources.get("GPU", 0) >= 1 else "cpu")
        compute, slots = _task(ray, resources, how)
        agenda = Agenda(nodes, store, on_done, how.max_failures, how.retry_failed)
        arguments = ["--store", str(store.root.absolute()), *how.words(), "--json"]
        running: dict[Any, _Running] = {}
        try:
            while True:
                while len(running) < slots and (taken := agenda.take(block=False)):
                    node, wait = taken
                    words = [*COMMAND, node.key, *arguments, *([] if wait else ["--no-wait"])]
                    running[compute.remote(words, str(ROOT))] = _Running(agenda, watch, node)
                if not running:
                    return agenda.failures
                ended, _ = ray.wait(list(running), timeout=PROGRESS_SECONDS)
                for task in ended:
                    running.pop(task).end(_outcome(ray, task))
                for one in running.values():
                    one.look(store)
        finally:
            for task in running:
                ray.cancel(task, force=True)


@contextlib.contextmanager
def _cluster(how: Execution):
    """The ray module, connected to the cluster that `how` names; a local one is started and ended
    here."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault(NICENESS, "0")
    if not how.address or how.address.startswith(("127.", "localhost")):
        os.environ[LOOPBACK] = "0"  # read when ray is imported: stay on this machine's loopback
    try:
        import ray
    except ImportError as error:
        raise InputError(
            f"--engine ray needs the package ray ({error}); use --engine processes, or install it."
        ) from error
    settings: dict[str, Any] = {"include_dashboard": False, "num_cpus": how.workers}
    if how.address:
        settings = {"address": how.address}
    try:
        ray.init(**settings, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at {how.address}" if how.address else "on this machine"
        reason = first_line(error)
        raise InputError(
            f"no Ray cluster {where} ({reason}); see `ray status`, or leave --address out."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


class _Running:
    """The stage of one task, shown until it ends."""

    def __init__(self, agenda: Agenda, watch: Watch, node: Node):
        self._agenda, self._node = agenda, node
        self._shown = contextlib.ExitStack()
        self._report = self._shown.enter_context(watch(node))

    def look(self, store: Store) -> None:
        """Passes on how far the task is; wherever it runs, the store is all that is shared with
        it."""
        if found := store.notes.progress(self._node.key):
            self._report(found["done"], found["total"], **found["numbers"])

    def end(self, outcome: Outcome) -> None:
        """The task is over."""
        with contextlib.suppress(StageFailed), self._shown:
            if not self._agenda.settle(self._node, outcome):
                raise StageFailed


def _task(ray, resources: dict[str, float], how: Execution) -> tuple[Any, int]:
    """The remote function with its share of the cluster, and how many of it run at once."""
    unit, name = ("GPU", "num_gpus") if how.device == "cuda" else ("CPU", "num_cpus")
    there = resources.get(unit, 0)
    if there < 1:
        raise InputError(
            f"the Ray cluster has no {unit}; start its machines with one, or give another --device."
        )
    slots = how.workers or int(there)
    share = {"num_cpus": 0, name: min(1.0, there / slots)}
    return ray.remote(max_retries=LOST_MACHINES, **share)(_plain_task()), slots


def _plain_task() -> Callable[[list[str], str], tuple[int, str, str]]:
    """The task's function. It is made here so that Ray ships it by value: a machine needs this
    checkout for the stage alone."""

    def compute(words: list[str], root: str) -> tuple[int, str, str]:
        import subprocess

        done = subprocess.run(
            words, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        return done.returncode, done.stdout, done.stderr[-4000:]

    return compute


def _outcome(ray, task) -> Outcome:
    """What the process of a task said of its stage; `died`, where it did not say."""
    try:
        code, said, complaint = ray.get(task)
    except ray.exceptions.RayError as error:
        return Outcome("died", f"Ray lost its task: {first_line(error)}")
    for line in said.splitlines():
        if line.startswith('{"outcome"'):
            return Outcome.from_dict(json.loads(line)["outcome"])
    last = complaint.strip().splitlines()[-1:] or [""]
    if code == 2 and last[0].startswith("error: "):
        return Outcome("failed", last[0].removeprefix("error: "), complaint, by_input=True)
    return Outcome("died", " ".join([describe_death(code), *last]).strip())
