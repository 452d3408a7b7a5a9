"""A module imports only from its own layer or a lower one, and what answers at once imports no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("benchmark", "datasets", "baselines", "reports")
LAYERS = {
    "benchmark.metrics": 1, "benchmark.surfaces": 1, "benchmark.crosswalk": 1, "benchmark.scoring": 1,
    "benchmark.leaks": 1, "benchmark.splits": 1, "benchmark.audit": 3, "benchmark.segmentation": 2, "benchmark.sampling": 3,
    "benchmark.objective": 3, "benchmark.stages": 3,
    "benchmark.plan": 4, "benchmark.stage_keys": 4, "benchmark.request": 4, "benchmark.suite": 4,
    "benchmark.assembly": 4, "benchmark.forecast": 4, "benchmark.time_left": 4, "benchmark.settling": 4,
    "benchmark.pretrained": 4, "benchmark.gallery": 4, "benchmark.engines": 4, "benchmark.console": 5, "benchmark.live": 5,
    "benchmark.commands": 5, "benchmark.data_commands": 5, "benchmark.store_commands": 5,
    "benchmark.leaderboard_commands": 5, "benchmark.verify_report": 5, "benchmark.repeats": 5, "cli": 5,
    "datasets": 1, "baselines": 2, "reports": 4, "benchmark": 0,
}  # fmt: skip
MODULES = sorted(path for top in OURS for path in (ROOT / top).rglob("*.py")) + [ROOT / "cli.py"]


def layer(module: str) -> int:
    parts = module.split(".")
    while parts:
        if ".".join(parts) in LAYERS:
            return LAYERS[".".join(parts)]
        parts.pop()
    raise KeyError(module)


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """All modules of ours that the file imports anywhere, functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        found |= {name for name in names if name.split(".")[0] in OURS}
    return found


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_only_from_its_own_layer_or_lower(path):
    above = {name for name in imports(path) if layer(name) > layer(dotted(path))}
    assert not above, f"{dotted(path)} (layer {layer(dotted(path))}) imports {sorted(above)}"


def test_reports_know_records_alone():
    for path in (ROOT / "reports").rglob("*.py"):
        outside = {name for name in imports(path) if layer(name) > 1 and not name.startswith("reports")}
        assert not outside, f"{path.name} imports {sorted(outside)}"


@pytest.mark.parametrize(
    "modules",
    ["cli", "benchmark.commands", "benchmark.suite", "benchmark.plan", "datasets.source", "datasets.preparation",
     "benchmark.forecast", "benchmark.record"],
)  # fmt: skip
def test_planning_imports_no_torch(modules):
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or f"{modules} imports torch"


def test_reports_import_no_torch():
    names = ", ".join(dotted(path) for path in (ROOT / "reports").rglob("*.py"))
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "reports/ imports torch"
