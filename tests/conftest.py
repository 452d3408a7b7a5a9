"""Fixtures of all tests: the folder of real images where there is one, and a tiny finished store."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with busi/, promise12/ and msd/: the environment's AUGBENCH_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("AUGBENCH_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "promise12").is_dir():
        pytest.skip("the real images are not here; name their folder by AUGBENCH_DATA")
    return folder
