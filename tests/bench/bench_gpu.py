"""All that is to be known of a GPU in one table and one JSON: `make bench-gpu`, under 5 minutes on
an H100.

    python -m tests.bench.bench_gpu [--device cuda] [--quick] [--json gpu.json] [--limit 290]
        [--parts segmenter-128,generator,...]

Training steps of the segmenter (none, deepstack, emitdiff; 128 and 384 px), of the generator from
scratch (batch 4 to 64) and of Stable Diffusion (random weights of the size of 1.5), samples of
both, and 1, 2 and 4 trainings at once; each as CUDA graphs and, beside it, plainly. `share` is that
of the roofline (roofline.py), of the segmenter's step. Last, the segmenter's step with
torch.compile below the graph. Losses of the first 50 steps of both ways stand in the JSON. Every
part runs in a process of its own and has its time limit; one that fails is a row with its error.
--device cpu --quick: tiny sizes, which shows that all of it runs.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = f"{'what':58}{'':9}{'value':>10}{'plain':>10}{'gain':>7}{'share':>7}  how"
SLOWER_ON_CPU = 10  # times a part's limit


def run_part(name: str, limit: float, words: list[str]) -> list[dict[str, Any]]:
    """The rows of a part, from a process of its own; its error as a row."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "tests.bench.bench_gpu", "--part", name]
        try:
            done = subprocess.run(
                [*command, "--out", str(out), *words],
                cwd=ROOT,
                stderr=subprocess.PIPE,
                text=True,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return [{"what": name, "error": f"not done in {limit:.0f} s"}]
        if done.returncode or not out.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return [{"what": name, "error": last[:300]}]
        return json.loads(out.read_text())


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    if row.get("error"):
        return f"{row['what']:58}{row['error']}"
    value, plain = row["value"], row["plain"]
    gain = (plain / value if row["unit"] == "ms" else value / plain) if plain else float("nan")
    share = "" if row["limit_share"] is None else f"{row['limit_share']:.0%}"
    numbers = f"{value:10.2f}{plain:10.2f}{gain:6.2f}x{share:>7}"
    return f"{row['what']:58}{row['unit']:9}{numbers}  {row['how']}"


def machine(device: str) -> dict[str, str]:
    """What was measured."""
    import torch

    from benchmark.core.provenance import git_state, machine_name

    return {
        "device": machine_name(device),
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "commit": str(git_state()["commit"]),
        "python": platform.python_version(),
    }


def all_parts(options: argparse.Namespace) -> None:
    """Runs every part, as long as there is time, and writes table and JSON."""
    from tests.bench.gpu_parts import Sizes, parts

    sizes = Sizes.quick(options.device) if options.quick else Sizes(device=options.device)
    wanted = options.parts.split(",") if options.parts else list(parts(sizes))
    words = ["--device", options.device, *(["--quick"] if options.quick else [])]
    start, rows = time.perf_counter(), []
    slower = SLOWER_ON_CPU if options.device == "cpu" else 1
    about = machine(options.device)
    print("; ".join(f"{name} {value}" for name, value in about.items()), f"\n\n{COLUMNS}")
    for name, (limit, _) in parts(sizes).items():
        if name not in wanted:
            continue
        left = options.limit * slower - (time.perf_counter() - start)
        began = time.perf_counter()
        found = (
            run_part(name, min(limit * slower, left), words)
            if left > 5
            else [{"what": name, "error": "no time left"}]
        )
        for row in found:
            row["part"], row["part_seconds"] = name, round(time.perf_counter() - began, 1)
            print(line(row), flush=True)
        rows += found
    seconds = round(time.perf_counter() - start, 1)
    print(f"\n{seconds} s in all")
    options.json.write_text(
        json.dumps({"machine": about, "seconds": seconds, "rows": rows}, indent=1)
    )


def one_part(options: argparse.Namespace) -> None:
    """A single part, in this process; its rows go into --out."""
    from tests.bench.gpu_parts import Sizes, one_of_several, parts

    sizes = Sizes.quick(options.device) if options.quick else Sizes(device=options.device)
    if options.part == "one-of-several":
        one_of_several(sizes, options.out, options.barrier)
        return
    _, measure = parts(sizes)[options.part]
    options.out.write_text(json.dumps([row.as_json() for row in measure()]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"))
    parser.add_argument("--limit", type=float, default=290, help="seconds, of all parts together")
    parser.add_argument("--parts", help="those alone [default: all]")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--barrier", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    one_part(options) if options.part else all_parts(options)


if __name__ == "__main__":
    main()
