"""A store in which nothing went wrong, and others to harm."""

import shutil
import subprocess

import pytest

from tests.benchmark.engines.two_runs import SUITE, run


@pytest.fixture(scope="package")
def whole(tmp_path_factory):
    """A store in which nothing went wrong."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder) == 0
    return folder


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "tiny.yaml").write_text(SUITE)
    return tmp_path / "tiny.yaml"


@pytest.fixture
def half(whole, tmp_path):
    """A copy of it from which the records and the last two stages of every run are gone."""
    folder = tmp_path / "half"
    shutil.copytree(whole, folder)
    for name in ("records", "stages/score", "stages/predict"):
        shutil.rmtree(folder / name)
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MB in memory; skips where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True
    )
    if done.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
