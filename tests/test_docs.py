"""What documents and module heads name is there: links, files, folders with their floors."""

import ast
import re
from pathlib import Path

import pytest

from tests.test_layers import FLOORS, MODULES, ROOT, TREES, folder_of

PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith((".", "store", "site")) for part in path.relative_to(ROOT).parts)
)
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
FILE = re.compile(r"(?<![\w/])([a-z_0-9]+/)*[a-z_0-9]+\.py\b")
OF_A_USER = {"mine.py", "file.py", "my_mix.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page):
    broken = [to for to in LINK.findall(page.read_text("utf-8")) if not (page.parent / to).exists()]
    assert not broken


@pytest.mark.parametrize("module", MODULES)
def test_files_that_a_docstring_names_are_there(module):
    known = {path.name for path in ROOT.rglob("*.py") if ".venv" not in path.parts} | OF_A_USER
    named = {Path(found.group()).name for found in FILE.finditer(_docstrings(module))}
    assert named <= known


def test_the_page_of_the_architecture_has_every_folder_on_its_floor():
    rows = {}
    for line in (ROOT / "docs" / "architecture.md").read_text("utf-8").splitlines():
        if found := re.match(r"\| (\d) \|(.*)\|$", line):
            rows[int(found[1])] = [cell.strip() for cell in found[2].split("|")]
    tops = ("benchmark", "datasets", "baselines", "reports")
    for folder in {folder_of(module) for module in MODULES} - {"", *tops}:
        top, _, name = folder.partition("/")
        if "/" in name:  # a folder inside a room has that room's floor
            continue
        assert name in re.split(r", ?", rows[FLOORS[folder]][tops.index(top)]), folder


def _docstrings(module: str) -> str:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    found = [ast.get_docstring(node) for node in ast.walk(TREES[module]) if isinstance(node, kinds)]
    return "\n".join(text for text in found if text)
