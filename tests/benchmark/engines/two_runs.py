"""Two tiny runs, computed in this process or by the program, and what a store holds of them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from benchmark.store.store import Store
from tests.support.runs import TINY, compute, tiny

ROOT = Path(__file__).resolve().parents[3]
AUDITED = "audit=true"  # so that every stage is there; method none has no samples to audit
REQUESTS = (tiny("none"), tiny("emitdiff", AUDITED))
SUITE = f"""
runs:
  - dataset: prostate
    method: [none, emitdiff]
    source: phantom
    architecture: unet
    folds: 0
    sets: {json.dumps([*TINY, AUDITED])}
"""
COSTS = ("seconds", "peak_memory_mb", "gpu_memory_mb", "machine")


def run(store: Path, engine: str = "inline", **options) -> int:
    return compute(store, *REQUESTS, engine=engine, **options)


def content(store: Path) -> dict[str, bytes]:
    """Every record without its costs and provenance, as bytes."""
    found = {}
    for path in sorted((store / "records").glob("*.json")):
        record = json.loads(path.read_bytes())
        del record["provenance"]
        record["stages"] = [
            {k: v for k, v in stage.items() if k not in COSTS} for stage in record["stages"]
        ]
        found[path.name] = json.dumps(record, indent=1).encode()
    return found


def computed(store: Path) -> dict[str, tuple[int, int]]:
    """When each stage was put in place: stage and key -> what a second computation would change."""
    found = {}
    for stage, key in Store(store).all_stages():
        status = Store(store).folder(stage, key).stat()
        # a freed inode number may come back at once
        found[f"{stage} {key}"] = (status.st_ino, status.st_ctime_ns)
    return found


def program(
    store: Path, suite: Path, *options: str, start: tuple[str, ...] = ("cli.py",)
) -> subprocess.Popen:
    """The suite as a program of its own, or with a part of it that fails."""
    words = [
        "suite",
        str(suite),
        "--preset",
        "smoke",
        "--store",
        str(store),
        "--device",
        "cpu",
        *options,
    ]
    start = [sys.executable, *start, *words]
    return subprocess.Popen(
        start,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_hear_interrupts,
    )


def _hear_interrupts() -> None:
    """Tests that run in the background of a shell ignore them, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _times_computed(store: Path) -> dict[str, int]:
    return {
        path.stem: path.read_text().count("\ndone in ") for path in (store / "logs").glob("*.log")
    }
