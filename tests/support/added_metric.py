"""A copy of the program with one more metric, added as docs/add-a-metric.md says: a row of
definitions.py and a line of case.py."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("benchmark", "baselines", "datasets", "reports", "cli.py", "CITATION.cff")
ROW = """
    iou: Annotated[
        float, Metric("IoU", "fraction", "|P and T| / |P or T|, in voxels", shown="tables")
    ] = LATER
"""
COMPUTED = """
    "iou": lambda pair: pair.common / (pair.predicted + pair.true - pair.common),
"""


def program_with_iou(folder: Path) -> Path:
    """Copies the program into `folder` and adds the metric; returns its cli.py."""
    folder.mkdir()
    for name in PARTS:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder)
        else:
            left_out = shutil.ignore_patterns("__pycache__", "published")
            shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    metrics = folder / "benchmark" / "metrics"
    _insert(metrics / "definitions.py", ROW, before="\n    truth_voxels: int")
    _insert(metrics / "case.py", COMPUTED, before="\n}\n")
    return folder / "cli.py"


def _insert(path: Path, text: str, before: str) -> None:
    code = path.read_text(encoding="utf-8")
    assert code.count(before) == 1, f"{path.name} has changed; adapt tests/support/added_metric.py"
    path.write_text(code.replace(before, text.rstrip("\n") + before), encoding="utf-8")


def call(program: Path, *words: str) -> tuple[int, str]:
    """(exit code, everything printed) of a command of that program, run beside its folder."""
    done = subprocess.run(
        [sys.executable, str(program), *words],
        cwd=program.parents[1],
        capture_output=True,
        text=True,
        timeout=240,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).replace("│", " ").split())
