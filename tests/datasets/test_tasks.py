"""One data set is one file: found by itself, light to import, and named nowhere else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.tasks.catalogue import TASKS

ROOT = Path(__file__).resolve().parents[2]
MAY_NAME_THEM = ("datasets/tasks", "datasets/phantoms")
FILES = [
    path
    for folder in ("benchmark", "datasets", "baselines", "reports")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.relative_to(ROOT).as_posix().startswith(MAY_NAME_THEM)
]
NAMES = {
    name
    for task in TASKS.values()
    for name in (task.name, task.title, *task.words, task.published.folder, task.published.title)
} - {"CT"}


def test_the_order_is_that_of_the_paper_and_files_are_named_as_tasks():
    assert list(TASKS) == ["prostate", "spleen", "breast"]
    for name, task in TASKS.items():
        assert task.name == name
        assert (ROOT / "datasets" / "tasks" / f"{name}.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_file_names_a_data_set(path):
    strings = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not strings & NAMES


def test_tasks_are_light_to_import():
    code = (
        "import sys; from datasets.tasks.catalogue import TASKS; list(TASKS);"
        " sys.exit(bool({'numpy', 'pydantic', 'datasets.phantoms'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_results_of_an_unknown_name_have_a_task_too():
    task = TASKS.of_results("liver-tumour")
    assert (task.title, task.release, task.paper, task.phantom) == (
        "liver-tumour",
        None,
        None,
        None,
    )
    assert task.prompt() == "medical image, liver tumour, region"
