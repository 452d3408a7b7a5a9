"""The Ray engine: stages as tasks on this machine, or on a cluster by `--address`.

One stage is one task, and one task is one process `python cli.py stage KEY` with its share of a GPU, so that a stage
leaves nothing behind in a worker. The store is all that the tasks share: on a cluster it lies, like this checkout,
under the same path on every machine. Ray itself runs a task again whose machine went away; a stage whose process died
is tried again by the agenda. Usage statistics, dashboard and metrics are off. Callers: commands.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmark.engines.agenda import Agenda, Failure, StageFailed, Watch
from benchmark.engines.attempt import Outcome
from benchmark.engines.options import EngineOptions
from benchmark.engines.processes import describe_death
from benchmark.errors import InputError
from benchmark.plan import Node
from benchmark.progress import Report
from benchmark.store import Store

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "cli.py", "stage"]
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # Ray's name for it; "0" keeps it off the network on every system
PROGRESS_SECONDS = 1.0  # between two looks at how far the running stages are
NICENESS = "RAY_worker_niceness"  # 15 if not set: a stage would take longer than by the other engines, and its cost say so
LOST_MACHINES = 5  # how often a task is run again because its machine went away


def run(nodes: Iterable[Node], store: Store, device: str, watch: Watch, options: EngineOptions) -> dict[str, Failure]:
    """Computes `nodes`, whose plans the store holds; returns the failures by key. Device "auto": cuda where the cluster has it.

    Raises InputError where there is no cluster.
    """
    agenda = Agenda(nodes, store, options.on_done, options.max_failures, options.retry)
    with _cluster(options) as ray:
        resources = ray.cluster_resources()
        if device == "auto":
            device = "cuda" if resources.get("GPU", 0) >= 1 else "cpu"
        compute, slots = _task(ray, resources, device, options.workers)
        arguments = ["--store", str(store.root.absolute()), *options.execution(device).words(), "--json"]
        running: dict[Any, tuple[Node, contextlib.ExitStack, Report]] = {}
        try:
            while True:
                while len(running) < slots and (taken := agenda.take(block=False)):
                    node, wait = taken
                    shown = contextlib.ExitStack()
                    report = shown.enter_context(watch(node))
                    words = [*COMMAND, node.key, *arguments, *([] if wait else ["--no-wait"])]
                    running[compute.remote(words, str(ROOT))] = node, shown, report
                if not running:
                    return agenda.failures
                ended, _ = ray.wait(list(running), timeout=PROGRESS_SECONDS)
                for task in ended:
                    node, shown, _ = running.pop(task)
                    with contextlib.suppress(StageFailed), shown:
                        if not agenda.settle(node, _outcome(ray, task)):
                            raise StageFailed
                _show_progress(store, running.values())
        finally:
            for task in running:
                ray.cancel(task, force=True)


@contextlib.contextmanager
def _cluster(options: EngineOptions):
    """The ray module, connected to the cluster of the options; a local one is started and ended here."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault(NICENESS, "0")
    if not options.address or options.address.startswith(("127.", "localhost")):
        os.environ[LOOPBACK] = "0"  # read when ray is imported: stay on this machine's loopback
    try:
        import ray
    except ImportError as error:
        raise InputError(f"--engine ray needs the package ray ({error}); use --engine processes, or install it.") from error
    settings = {"include_dashboard": False, "num_cpus": options.workers}
    if options.address:
        settings = {"address": options.address}
    try:
        ray.init(**settings, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at {options.address}" if options.address else "on this machine"
        reason = str(error).splitlines()[0]
        raise InputError(f"no Ray cluster {where} ({reason}); see `ray status`, or leave --address out.") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _show_progress(store: Store, running: Iterable[tuple[Node, Any, Report]]) -> None:
    """Passes on how far the running stages are; wherever they run, the store is all that is shared with them."""
    for node, _, report in running:
        if found := store.progress(node.key):
            report(found["done"], found["total"], **found["numbers"])


def _task(ray, resources: dict[str, float], device: str, workers: int | None) -> tuple[Any, int]:
    """The remote function with its share of the cluster, and how many of it run at once."""
    unit, name = ("GPU", "num_gpus") if device.startswith("cuda") else ("CPU", "num_cpus")
    there = resources.get(unit, 0)
    if there < 1:
        raise InputError(f"the Ray cluster has no {unit}; start its machines with one, or give another --device.")
    slots = workers or int(there)
    share = {"num_cpus": 0, name: min(1.0, there / slots)}
    return ray.remote(max_retries=LOST_MACHINES, **share)(_plain_task()), slots


def _plain_task() -> Callable[[list[str], str], tuple[int, str, str]]:
    """The task's function. It is made here so that Ray ships it by value: a machine needs this checkout for the stage alone."""

    def compute(words: list[str], root: str) -> tuple[int, str, str]:
        import subprocess

        done = subprocess.run(words, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr[-4000:]

    return compute


def _outcome(ray, task) -> Outcome:
    """What the stage's process said with its last line; `died` where it said nothing."""
    try:
        code, said, complaint = ray.get(task)
    except ray.exceptions.RayError as error:
        return Outcome("died", f"Ray lost its task: {str(error).splitlines()[0]}")
    for line in reversed(said.splitlines()):
        if line.startswith('{"outcome"'):
            return Outcome.from_dict(json.loads(line)["outcome"])
    last = complaint.strip().splitlines()[-1:] or [""]
    if code == 2 and last[0].startswith("error: "):
        return Outcome("failed", last[0].removeprefix("error: "), complaint, by_input=True)
    return Outcome("died", " ".join([describe_death(code), *last]).strip())
