"""Fixtures of all tests: the folder of real images where there is one, and the command line in an
empty folder."""

import os
import sys
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with busi/, promise12/ and msd/: the environment's AUGBENCH_DATA, or shared/data
    beside the checkout."""
    folder = Path(os.environ.get("AUGBENCH_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "promise12").is_dir():
        pytest.skip("the real images are not here; name their folder by AUGBENCH_DATA")
    return folder


@pytest.fixture(autouse=True)
def weights_here(monkeypatch, tmp_path) -> Path:
    """The folder of fetched weights: an empty one, whatever lies in the user's cache."""
    folder = tmp_path / "fetched-weights"
    monkeypatch.setenv("AUGBENCH_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """call(words...) -> (exit code, stdout, stderr), run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cli.py", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return code, " ".join(shown.out.split()), " ".join(shown.err.split())

    return run
