"""What the programs of this folder share: a flat JSON of ratios, and the gate that compares them
with the last ones.

A ratio says how many times something of ours is as fast as what it stands beside, measured in turns
in one run, so that another machine or a busy one changes it far less than seconds. Still, the
scheduler of a shared machine can halve a single one, and another kind of CPU moves it by a quarter;
therefore the gate asks for a CLEAR fall (below FLOOR of the last value), measures again what fell,
up to ROUNDS times in all, and keeps the best value of each: noise would have to strike every time,
a real loss is there every time. With `--cpu-time`, and in `--quick` mode, which is the gate's, CPU
seconds are compared instead of the clock's (use one thread): other work hardly changes them.

`--json FILE` of a program puts its ratios into a file, beside those of other programs. The
committed file is baseline.json; `make bench` compares with it. After a change that is meant to cost
or to gain something: `make bench BENCH="--json tests/bench/baseline.json"`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")
FLOOR = 0.6
ROUNDS = 3
Ratios = dict[str, float]


def add_options(parser: argparse.ArgumentParser) -> None:
    """--json, --compare, --cpu-time."""
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="CPU seconds instead of the clock's, on a busy machine",
    )
    parser.add_argument(
        "--json", type=Path, help="put the ratios into this file, beside those that it holds"
    )
    parser.add_argument(
        "--compare",
        type=Path,
        help=f"exit 1 if a ratio fell below {FLOOR} of its value in this file",
    )


def finish(measure: Callable[[], Ratios], options: argparse.Namespace) -> None:
    """Measures, writes and compares as the options say; ends the program with exit code 1 where a
    ratio fell."""
    found = measure()
    last = json.loads(options.compare.read_text()) if options.compare else {}
    for _ in range(ROUNDS - 1):
        if not fallen(found, last):
            break
        print("a ratio fell; measuring again\n", flush=True)
        again = measure()
        found = {name: max(value, again.get(name, value)) for name, value in found.items()}
    if options.json:
        kept = json.loads(options.json.read_text()) if options.json.exists() else {}
        kept |= {name: round(value, 2) for name, value in found.items()}
        options.json.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    if options.compare:
        sys.exit(verdict(found, last))


def now(device: str, cpu_time: bool = False) -> float:
    """Seconds, once the device has done its work: of the clock, or those that this process
    computed."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize()
    return time.process_time() if cpu_time else time.perf_counter()


def fallen(found: Ratios, last: Ratios) -> list[str]:
    """Names whose ratio is clearly below the last one."""
    return [name for name, value in found.items() if name in last and value < FLOOR * last[name]]


def verdict(found: Ratios, last: Ratios) -> int:
    """Prints every ratio beside its last value; 1 if one fell or none could be compared, else 0."""
    bad = fallen(found, last)
    for name, value in found.items():
        before = f"{last[name]:7.2f}" if name in last else "  never"
        print(f"{name:64}{value:7.2f}  last {before}{'  FELL' if name in bad else ''}")
    if not found.keys() & last.keys():
        print("no ratio of this run has a last value; write a new file with --json")
        return 1
    return int(bool(bad))
