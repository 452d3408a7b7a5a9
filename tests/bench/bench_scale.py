"""Time of planning, walking, `status`, forecast, collecting garbage and `report` on 1,000, 3,000
and 10,000 runs.

    python -m tests.bench.bench_scale [RUNS ...]

The runs differ by method, transform, patch size, fold and seed, as suites do; every finished run
has a record of 40 case rows and a training curve, and all its manifests, made by this program
without computing anything. `report` is a process of its own over the records alone (no pictures of
stages), start included. Prints one row per size: seconds, and in brackets those of the processor,
which other programs change little; and the overhead of the harness per stage: empty stages through
the inline engine, with the time that fsync takes of it.
"""

import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from baselines.generators.fit_folder import IDS_FILE
from benchmark.commands import store as store_commands
from benchmark.commands.run import Call, _finished, _planned, run_requests
from benchmark.core.progress import silent
from benchmark.core.provenance import provenance
from benchmark.engines import attempt, inline
from benchmark.metrics.definitions import METRICS
from benchmark.planning.options import Actions, Request
from benchmark.planning.plan import unique_nodes
from benchmark.results.record_writer import Settler
from benchmark.stages.execution import Execution
from benchmark.store.store import Store
from benchmark.terminal import console

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 60
SETS = ("phantom_cases=120",)  # a third of them tests: 40 rows a record
TRANSFORMS = (
    "contrast",
    "gamma",
    "brightness",
    "noise",
    "resolution",
    "mirror",
    "rotate",
    "scale",
    "deepstack",
)

QUIET = Execution("cpu", logger="none")


def requests(runs: int) -> list[Request]:
    """About `runs` runs: classic, unconditional and emitdiff, three folds, as many seeds as it
    takes."""
    base = {"dataset": "prostate", "source": "phantom", "folds": None, "sets": SETS}
    kinds = [Request(method="none", **base)]
    kinds += [Request(method="classic", transform=transform, **base) for transform in TRANSFORMS]
    kinds += [Request(method="unconditional", alpha=alpha / 10, **base) for alpha in range(10)]
    kinds += [
        Request(method="emitdiff", patch_size=patch, **base) for patch in (1, 2, 4, 8, 16, 32, 64)
    ]
    seeds = tuple(range(-(-runs // (3 * len(kinds)))))
    return [Request(**{**vars(kind), "seeds": seeds}) for kind in kinds]


def fill(store: Store, plans: list) -> None:
    """Writes the manifests, plans, runs and records that computing would have left, without waiting
    for the disk."""
    from benchmark.commands.run import _write_plan

    tested = {node.key: node.spec.cases for node in unique_nodes(plans) if node.stage == "predict"}
    told = provenance("cpu")
    results = {
        "fit-segmenter": {"steps": 1, "presented": {"real": 1, "synthetic": 0}},
        "prepare": {"notes": []},
    }

    def work(node):
        def write(folder: Path) -> dict:
            rows = _rows(node.key, tested[node.inputs["predict"]]) if node.stage == "score" else []
            (folder / ("cases.json" if node.stage == "score" else "artefact.json")).write_text(
                json.dumps(rows)
            )
            if node.stage == "synthesize":
                (folder / IDS_FILE).write_text(
                    json.dumps([f"{case}/z000" for case in node.spec.cases])
                )
            if node.stage == "fit-segmenter":
                lines = [
                    f"{epoch},{10 * epoch},{1 / epoch},{1 - 1 / (1 + epoch)}"
                    for epoch in range(1, EPOCHS + 1)
                ]
                (folder / "curve.csv").write_text(
                    "\n".join(["epoch,step,loss,dice", *lines]) + "\n"
                )
            cost = {
                "seconds": 1.0,
                "peak_memory_mb": 500.0,
                "gpu_memory_mb": 0.0,
                "machine": "made",
            }
            told_of = {"cost": cost, "provenance": told, "results": results.get(node.stage, {})}
            return node.as_json() | told_of

        return write

    for plan in plans:
        _write_plan(store, plan)
    for node in unique_nodes(plans):
        store.compute(node.stage, node.key, work(node))
    Settler(plans, store, {plan.run.key: () for plan in plans})


def _rows(key: str, cases: Sequence[str]) -> list[dict]:
    """Case rows that differ from run to run."""
    values = (
        np.random.default_rng(int(key[:8], 16))
        .uniform(0.5, 0.95, (len(cases), len(METRICS)))
        .round(6)
    )
    return [
        {
            "case": case,
            "unit": "mm",
            **dict(zip(METRICS, map(float, values[number]), strict=True)),
            "truth_voxels": 100,
            "prediction_voxels": 90,
            "missed": False,
            "empty_truth": False,
        }
        for number, case in enumerate(cases)
    ]


def report(store: Store, folder: Path) -> str:
    """Seconds, processor seconds and peak GB (of all its processes together) of `cli.py report`
    over a store's records."""
    alone = folder / "records-alone"
    shutil.copytree(store.root / "records", alone / "records")
    words = [
        sys.executable,
        "cli.py",
        "report",
        "--store",
        str(alone),
        "--out",
        str(folder / "page"),
    ]
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process, peak = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL), 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(_own_gb, _tree(process.pid))))
        time.sleep(0.2)
    assert process.returncode == 0, process.returncode
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    shutil.rmtree(alone)
    shutil.rmtree(folder / "page")
    return f"report {seconds:.1f} s (processor {used:.1f} s), {peak:.2f} GB with its children"


def _tree(process: int) -> list[int]:
    """A process and all below it."""
    found = [process]
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += [one for child in path.read_text().split() for one in _tree(int(child))]
    return found


def _own_gb(process: int) -> float:
    """Memory of a process; pages that it shares with others count in part (PSS)."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 2**20
    return 0.0


def timed(work) -> tuple[str, object]:
    """('seconds (of the processor)', what the work returns): on a busy machine the first says more
    of it than of the work."""
    start, used = time.perf_counter(), time.process_time()
    result = work()
    return f"{time.perf_counter() - start:.1f} s ({time.process_time() - used:.1f})", result


def measure(runs: int, folder: Path) -> None:
    """One row: seconds of each command on a store of `runs` runs."""
    store = Store(folder / str(runs))
    asked = requests(runs)
    planning, job = timed(lambda: _planned(asked, store))
    plans = job.plans
    fsync, os.fsync = os.fsync, lambda handle: None
    filling, _ = timed(lambda: fill(store, plans))
    os.fsync = fsync

    def quiet(command) -> str:
        with redirect_stdout(io.StringIO()) as shown:
            console.out.file = shown
            took, code = timed(command)
            console.out.file = sys.__stdout__
        assert code == 0, code
        return took

    reading, records = timed(lambda: _finished(plans, store))
    assert len(records) == len(plans)
    del records
    walk = quiet(lambda: run_requests(Call(asked, Actions(store=store.root), QUIET)))
    dry = quiet(lambda: run_requests(Call(asked, Actions(store=store.root, dry_run=True), QUIET)))
    status = quiet(lambda: store_commands.print_status(store.root))
    garbage = quiet(lambda: store_commands.collect_garbage(store.root, False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    reported = report(store, folder)
    print(
        f"{len(plans):6d} runs  {len(unique_nodes(plans)):6d} stages  plan {planning}  read"
        f" records {reading}"
        f"  walk {walk}  --dry-run {dry}  status {status}  gc {garbage}  (made in {filling})"
        f"  peak {peak:.2f} GB  {reported}  load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    shutil.rmtree(store.root)


def overhead(folder: Path, stages: int = 200) -> None:
    """Milliseconds of the harness per stage: stages that do nothing, through the inline engine."""
    from contextlib import contextmanager

    from benchmark.stages.catalogue import STAGES
    from tests.support.nodes import score_node

    store = Store(folder / "overhead")
    nodes = [score_node(number) for number in range(stages)]
    for node in nodes:
        store.notes.write_plan(node.key, node.as_json() | {"location": {}})
    STAGES["score"] = replace(
        STAGES["score"],
        run=lambda spec, inputs, out, context: (out / "a.json").write_text("{}") and {},
    )
    # imports torch, asks git once
    attempt.attempt(store, nodes[0].stage, nodes[0].key, QUIET, silent)
    waited = [0.0]
    fsync = os.fsync

    def timed_fsync(handle: int) -> None:
        start = time.perf_counter()
        fsync(handle)
        waited[0] += time.perf_counter() - start

    os.fsync = timed_fsync

    @contextmanager
    def watch(node):
        yield silent

    start, used = time.perf_counter(), time.process_time()
    failures = inline.run(nodes, store, QUIET, watch, lambda node: None)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    os.fsync = fsync
    assert not failures
    per_stage = 1000 / (stages - 1)
    print(
        f"harness overhead per inline stage: {seconds * per_stage:.1f} ms, of which fsync"
        f" {waited[0] * per_stage:.1f} ms and"
        f" processor {used * per_stage:.1f} ms; load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [1000, 3000, 10_000]
    with tempfile.TemporaryDirectory() as folder:
        for runs in sizes:
            measure(runs, Path(folder))
        overhead(Path(folder))


if __name__ == "__main__":
    main()
