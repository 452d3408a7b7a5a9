"""Mutation testing of the core: changes one operator, number or branch of a module at a time, and
runs the module's own tests; a change that they do not notice is a survivor.

    make mutants                                    # a sample of every group
    python -m tests.mutants.run --tool cosmic-ray --count 60 --group folds

Works on a copy of the checkout, with cosmic-ray of a virtual environment of its own. Each group has
its files and the tests that must notice; the sample is drawn with a fixed seed from all changes of
its files. Left out: changes of `|` in type hints, which no test can notice. Prints one row per
group, then every survivor as a diff.
"""

import argparse
import json
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNSEEN = ("BitOr", "RemoveDecorator")  # type hints; a lost cache or dataclass fails at once
SECONDS = 120.0  # of one change; one that takes longer counts as noticed


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
            "tests/benchmark/metrics/test_surfaces.py",
            "tests/benchmark/metrics/test_overlap.py",
        ),
    ),
    "merging": Group(
        ("baselines/objectives/merging.py",), ("tests/baselines/objectives/test_merging.py",)
    ),
    "objectives": Group(
        ("baselines/objectives/objectives.py", "baselines/objectives/variants.py"),
        ("tests/baselines/objectives",),
    ),
    "folds": Group(
        ("datasets/folds.py", "benchmark/record/splits.py"),
        ("tests/datasets/test_folds.py", "tests/benchmark/record"),
    ),
    "protocol": Group(
        ("benchmark/spec/protocol.py",), ("tests/benchmark/spec", "tests/benchmark/planning")
    ),
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


def sampled(session: Path, count: int) -> int:
    """Leaves `count` changes of a session, drawn with a fixed seed; returns how many there were."""
    with sqlite3.connect(session) as found:
        rows = found.execute("select job_id, operator_name from mutation_specs").fetchall()
        order = (
            "module_path, start_pos_row, start_pos_col, operator_name, operator_args, occurrence"
        )
        jobs = [
            job
            for job, name in found.execute(
                f"select job_id, operator_name from mutation_specs order by {order}"
            )
            if not any(word in name for word in UNSEEN)
        ]
        kept = set(random.Random(0).sample(jobs, min(count, len(jobs))))
        for job, _ in rows:
            if job not in kept:
                found.execute("delete from mutation_specs where job_id = ?", (job,))
                found.execute("delete from work_items where job_id = ?", (job,))
    return len(jobs)


def run_group(group: Group, tree: Path, tool: str, count: int) -> tuple[int, int, list[str]]:
    """(changes in all, changes tried, the survivors' diffs)."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *group.tests]
    settings = {
        "module-path": list(group.files),
        "timeout": SECONDS,
        "excluded-modules": [],
        "test-command": shlex.join(words),
    }
    # JSON's lists, texts and numbers are TOML too
    lines = ["[cosmic-ray]", *(f"{name} = {json.dumps(it)}" for name, it in settings.items())]
    (tree / "mutants.toml").write_text(
        "\n".join([*lines, "[cosmic-ray.distributor]", 'name = "local"', ""])
    )
    session = tree / "mutants.sqlite"
    session.unlink(missing_ok=True)
    subprocess.run([tool, "init", "mutants.toml", session.name], cwd=tree, check=True)
    total = sampled(session, count)
    subprocess.run(words, cwd=tree, check=True, stdout=subprocess.DEVNULL)  # all pass unchanged
    subprocess.run([tool, "exec", "mutants.toml", session.name], cwd=tree, check=True)
    with sqlite3.connect(session) as found:
        results = found.execute("select test_outcome, diff from work_results").fetchall()
    return total, len(results), [diff for outcome, diff in results if outcome == "SURVIVED"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default="cosmic-ray", help="the program cosmic-ray")
    parser.add_argument("--count", type=int, default=25, help="changes of each group")
    parser.add_argument("--group", choices=GROUPS, action="append", help="only this group")
    given = parser.parse_args()
    survived: list[tuple[str, str]] = []
    print("| group | changes | tried | noticed |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        tree = copied(Path(place))
        for name in given.group or GROUPS:
            total, tried, diffs = run_group(GROUPS[name], tree, given.tool, given.count)
            survived += [(name, diff) for diff in diffs]
            print(*diffs, sep="\n", file=sys.stderr, flush=True)
            share = 100 * (tried - len(diffs)) / max(tried, 1)
            print(
                f"| {name} | {total} | {tried} | {tried - len(diffs)} ({share:.0f} %) |", flush=True
            )
    for name, diff in survived:
        print(f"\n{name}:\n{diff}")


if __name__ == "__main__":
    main()
