"""Folders are floors: a folder imports from lower floors only, and inside a folder there is no
circle."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("benchmark", "datasets", "baselines", "reports")
MOST_FILES = 18

FLOORS = {
    "benchmark": 0,
    "reports": 0,
    "benchmark/core": 0,
    "reports/statistics": 0,
    "benchmark/spec": 1,
    "benchmark/metrics": 1,
    "benchmark/training": 1,
    "datasets/files": 1,
    "datasets/tasks": 1,
    "datasets/phantoms": 1,
    "baselines/networks": 1,
    "datasets": 1,
    "benchmark/record": 2,
    "datasets/sources": 2,
    "baselines/generators": 2,
    "baselines/objectives": 2,
    "benchmark/store": 3,
    "datasets/slices": 3,
    "datasets/copies": 3,
    "baselines/scratch": 3,
    "baselines/transforms": 3,
    "reports/records": 3,
    "baselines/transforms/single": 4,
    "baselines": 4,  # method.py, the names for users' files
    "baselines/pix2pix": 4,
    "baselines/seg_guided": 4,
    "baselines/stable": 4,
    "benchmark/stages": 4,
    "datasets/fetching": 4,
    "reports/comparison": 4,
    "reports/board": 5,
    "baselines/transforms/nnunet": 5,
    "baselines/transforms/mixing": 5,
    "baselines/transforms/stacks": 6,
    "benchmark/planning": 5,
    "reports/claims": 5,
    "reports/deviations": 5,
    "reports/figures": 6,
    "benchmark/engines": 6,
    "benchmark/terminal": 6,
    "reports/tables": 6,
    "reports/submission": 6,
    "benchmark/results": 7,
    "reports/pages": 7,
    "reports/formats": 7,
    "benchmark/commands": 8,
    "": 9,  # cli.py
}
# Of the rest of the program, reports/ may know only these.
KNOWN_TO_REPORTS = (
    "benchmark/core",
    "benchmark/spec",
    "benchmark/record",
    "benchmark/store",
    "benchmark/metrics",
    "datasets",
    "reports",
)
MAY_IMPORT_TORCH = (
    "benchmark/training",
    "benchmark/stages",
    "baselines/generators",
    "baselines/scratch",
    "baselines/pix2pix",
    "baselines/seg_guided",
    "baselines/stable",
    "baselines/transforms",
    "baselines/transforms/single",
    "baselines/transforms/nnunet",
    "baselines/transforms/mixing",
    "baselines/transforms/stacks",
    "baselines/networks",
    "baselines/objectives",
    "datasets/slices",
)
MAY_PRINT = ("benchmark/terminal", "benchmark/commands", "")
FILES = sorted(path for top in OURS for path in (ROOT / top).rglob("*.py")) + [ROOT / "cli.py"]


def name_of(path: Path) -> str:
    """'benchmark/core/errors.py' -> 'benchmark.core.errors'; a folder's __init__.py is the
    folder."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def folder_of(module: str) -> str:
    folder = MODULES[module].parent.relative_to(ROOT).as_posix()
    return "" if folder == "." else folder


def imports(module: str) -> set[str]:
    """All modules of ours that a module imports anywhere, functions included."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= names or {node.module}
    return (found & MODULES.keys()) - {module}


def circle(start: str, inside: str) -> list[str]:
    """A way from a module back to itself that does not leave the folder; empty if there is none."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for other in imports(way[-1]):
            if other == start:
                return [*way, start]
            if folder_of(other) == inside and other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def test_every_folder_has_a_floor():
    assert {folder_of(module) for module in MODULES} <= FLOORS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_folder_or_a_lower_floor(module):
    own = folder_of(module)
    above = {
        other
        for other in imports(module)
        if folder_of(other) != own
        and FLOORS[folder_of(other)] >= FLOORS[own]
        and MODULES[other].name != "__init__.py"
    }
    assert not above, f"{module} (floor {FLOORS[own]}) imports {sorted(above)}"


@pytest.mark.parametrize("module", MODULES)
def test_no_circle_inside_a_folder(module):
    assert not circle(module, folder_of(module))


def test_no_folder_is_crowded():
    files = Counter(folder_of(module) for module in MODULES)
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("reports")])
def test_reports_know_records_alone(module):
    outside = {
        other for other in imports(module) if not folder_of(other).startswith(KNOWN_TO_REPORTS)
    }
    assert not outside, f"{module} imports {sorted(outside)}"


@pytest.mark.parametrize("module", MODULES)
def test_only_torch_rooms_import_torch_at_once(module):
    named = set()
    for node in TREES[module].body:
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add((node.module or "").partition(".")[0])
    assert "torch" not in named or folder_of(module) in MAY_IMPORT_TORCH


@pytest.mark.parametrize("module", MODULES)
def test_only_the_terminal_and_commands_print(module):
    prints = [
        node.lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not prints or folder_of(module) in MAY_PRINT, f"{module} prints on lines {prints}"


@pytest.mark.parametrize(
    "modules",
    [
        "cli",
        "benchmark.commands.run",
        "benchmark.planning.suite",
        "benchmark.planning.plan",
        "datasets.sources.open",
        "datasets.slices.preparation",
        "benchmark.planning.forecast",
        "benchmark.record.record",
        "baselines.method",
        "baselines.scratch.emitdiff",
        "baselines.scratch.unconditional",
        "baselines.pix2pix.generator",
        "baselines.seg_guided.generator",
        "baselines.stable.generator",
        "benchmark.stages.execute",
    ],
)
def test_planning_imports_no_torch(modules):
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or f"{modules} imports torch"


def test_reports_import_no_torch():
    names = ", ".join(module for module in MODULES if module.startswith("reports"))
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "reports/ imports torch"
