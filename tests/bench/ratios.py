"""What the programs of this folder share: a flat JSON of ratios, and the gate that compares them with the last ones.

A ratio says how many times something of ours is as fast as what it stands beside, measured in turns in one run, so that
another machine or a busy one changes it far less than seconds. Still, the scheduler of a shared machine can halve a
single one; therefore the gate asks for a CLEAR fall (below FLOOR of the last value), measures again what fell, up to
ROUNDS times in all, and keeps the best value of each: noise would have to strike every time, a real loss is there
every time. `--json FILE` of a program writes its ratios; the committed ones are baseline.json.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")
FLOOR = 0.7
ROUNDS = 3
Ratios = dict[str, float]


def add_options(parser: argparse.ArgumentParser) -> None:
    """--json and --compare."""
    parser.add_argument("--json", type=Path, help="write the ratios here")
    parser.add_argument("--compare", type=Path, help=f"exit 1 if a ratio fell below {FLOOR} of its value in this file")


def finish(measure: Callable[[], Ratios], options: argparse.Namespace) -> None:
    """Measures, writes and compares as the options say; ends the program with exit code 1 where a ratio fell."""
    found = measure()
    last = json.loads(options.compare.read_text()) if options.compare else {}
    for _ in range(ROUNDS - 1):
        if not fallen(found, last):
            break
        print("a ratio fell; measuring again\n", flush=True)
        again = measure()
        found = {name: max(value, again.get(name, value)) for name, value in found.items()}
    if options.json:
        options.json.write_text(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1) + "\n")
    if options.compare:
        sys.exit(verdict(found, last))


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
