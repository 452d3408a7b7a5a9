"""Mutation testing of the core: changes one operator, number or branch of a module at a time, and
runs the module's own tests; a change that they do not notice is a survivor.

    make mutants                                    # a sample of every group
    python -m tests.mutants.run --tool .venv-mutants/bin/python --count 60 --group folds

Works on a copy of the checkout. cosmic-ray, in a virtual environment of its own, makes the changes
(changes.py); a warm process runs the tests on each (warm.py). Each group has its files and the
tests that must notice. Prints one row per group, with the 95 % interval of the share that is
noticed, then every survivor as a diff.
"""

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Group:
    files: tuple[str, ...]
    tests: tuple[str, ...]


GROUPS = {
    "metrics": Group(
        (
            "benchmark/metrics/case.py",
            "benchmark/metrics/surfaces.py",
            "benchmark/metrics/overlap.py",
        ),
        (
            "tests/benchmark/metrics/test_case.py",
            "tests/benchmark/metrics/test_definitions.py",
            "tests/benchmark/metrics/test_overlap.py",
            "tests/benchmark/metrics/test_properties.py",
            "tests/benchmark/metrics/test_surfaces.py",
        ),
    ),
    "merging": Group(
        ("baselines/objectives/merging.py",), ("tests/baselines/objectives/test_merging.py",)
    ),
    "objectives": Group(
        ("baselines/objectives/objectives.py", "baselines/objectives/variants.py"),
        ("tests/baselines/objectives", "tests/benchmark/training/test_segmenter.py"),
    ),
    "folds": Group(
        ("datasets/folds.py", "benchmark/record/splits.py"),
        ("tests/datasets/test_folds.py", "tests/benchmark/record/test_splits.py"),
    ),
    "protocol": Group(("benchmark/spec/protocol.py",), ("tests/benchmark/spec",)),
    "statistics": Group(
        (
            "reports/statistics/case_grid.py",
            "reports/statistics/differences.py",
            "reports/statistics/paired.py",
            "reports/statistics/power.py",
            "reports/statistics/ranks.py",
            "reports/statistics/ties.py",
            "reports/statistics/training_variance.py",
            "reports/statistics/variance.py",
            "reports/statistics/verdicts.py",
        ),
        ("tests/reports/statistics",),
    ),
    "rules": Group(("reports/claims/rules.py",), ("tests/reports/claims/test_rules.py",)),
    "leaks": Group(("benchmark/stages/leaks.py",), ("tests/benchmark/stages/test_leaks.py",)),
}


def copied(folder: Path) -> Path:
    """A copy of the checkout's files, those that git does not know yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def drawn(group: Group, tree: Path, tool: str, count: int, skip: int) -> dict:
    """How many changes there are ("all") and those that are drawn ("drawn"), by changes.py."""
    words = [tool, "tests/mutants/changes.py", "--count", str(count), "--skip", str(skip)]
    made = subprocess.run([*words, *group.files], cwd=tree, check=True, stdout=subprocess.PIPE)
    found = json.loads(made.stdout)
    for change in found["drawn"]:
        change["diff"] = difference(tree, change)
    return found


def started(tree: Path, requests: list[dict]) -> subprocess.Popen[str]:
    """The process that tries the changes."""
    (tree / "mutants.json").write_text(json.dumps(requests))
    settings = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    settings["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # half of the time of a run of pytest
    return subprocess.Popen(
        [sys.executable, "tests/mutants/warm.py", "mutants.json"],
        cwd=tree,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    )


def survivors(changes: list[dict], answers: Iterator[str]) -> list[str]:
    """The diffs of the changes that no test noticed; says on stderr what became of each."""
    found = []
    for change in changes:
        answer = next(answers, None)
        if answer is None:
            raise SystemExit("the process that tries the changes has ended; it says why above")
        killer, diff = json.loads(answer), change["diff"]
        print(f"{killer or 'SURVIVED'}\n{diff}", file=sys.stderr, flush=True)
        found += [] if killer else [diff]
    return found


def difference(tree: Path, change: dict) -> str:
    """A change as a diff of its lines."""
    before = (tree / change["file"]).read_text(encoding="utf-8").splitlines()
    lines = difflib.unified_diff(before, change["text"].splitlines(), n=0, lineterm="")
    return "\n".join([f"{change['file']}:{change['line']}", *list(lines)[3:]])


def interval(noticed: int, tried: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, in per cent."""
    z, share = 1.96, noticed / tried
    middle = share + z * z / (2 * tried)
    reach = z * (share * (1 - share) / tried + z * z / (4 * tried * tried)) ** 0.5
    return tuple(100 * (middle + sign * reach) / (1 + z * z / tried) for sign in (-1, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tool", required=True, type=os.path.abspath, help="the Python that has cosmic-ray"
    )
    parser.add_argument("--count", type=int, default=25, help="changes of each group")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first changes drawn")
    parser.add_argument("--group", choices=GROUPS, action="append", help="only this group")
    given = parser.parse_args()
    survived: list[tuple[str, str]] = []
    print(
        "| group | changes | tried | noticed | 95 % interval |\n|---|---|---|---|---|", flush=True
    )
    with tempfile.TemporaryDirectory() as place:
        tree = copied(Path(place))
        groups = {
            name: drawn(GROUPS[name], tree, given.tool, given.count, given.skip)
            for name in given.group or GROUPS
        }
        running = started(
            tree,
            [{"tests": GROUPS[name].tests, "changes": groups[name]["drawn"]} for name in groups],
        )
        assert running.stdout is not None
        for name, found in groups.items():
            diffs, tried = survivors(found["drawn"], running.stdout), len(found["drawn"])
            survived += [(name, diff) for diff in diffs]
            low, high = interval(tried - len(diffs), tried)
            print(
                f"| {name} | {found['all']} | {tried} | {tried - len(diffs)} |"
                f" {low:.0f}-{high:.0f} % |",
                flush=True,
            )
        if running.wait():
            raise SystemExit(f"the tests ended with {running.returncode}")
    for name, diff in survived:
        print(f"\n{name}: {diff}")


if __name__ == "__main__":
    main()
