"""The notebook of examples/ runs, and shows what it gives."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).resolve().parent.parent / "examples"


def shown(notebook) -> list[str]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output["data"]["text/plain"] for cell in cells for output in cell.outputs]


def test_the_notebook_of_the_records_gives_what_it_shows():
    notebook = nbformat.read(FOLDER / "records.ipynb", as_version=4)
    before = shown(notebook)
    resources = {"metadata": {"path": str(FOLDER)}}
    nbclient.NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources=resources
    ).execute()
    assert shown(notebook) == before and len(before) == 4
    assert "better" in before[0]
