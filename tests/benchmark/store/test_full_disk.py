"""A disk that fills up while runs write to it loses nothing: the call says so, and goes on once
there is room. On a real file system of a few megabytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.core.errors import ExitCode
from tests.test_layers import ROOT

pytestmark = pytest.mark.slow
WORDS = """run --dataset breast --source phantom --method none --architecture unet --preset smoke
    --set phantom_cases=6 --set n_folds=2 --set epochs=1 --device cpu --logger none"""


@pytest.fixture
def small(tmp_path):
    """small(megabytes) mounts or resizes a file system in memory; the folder it lies at."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*words: str) -> bool:
        done = subprocess.run(["mount", *words, str(place)], capture_output=True, check=False)
        return done.returncode == 0

    if not mount("-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        pytest.skip("no file system can be mounted here")

    def resize(megabytes: float) -> Path:
        assert mount("-o", f"remount,size={int(megabytes * 1024)}k")
        return place

    yield resize
    subprocess.run(["umount", str(place)], check=True)


def called(store: Path) -> tuple[int, str]:
    words = [sys.executable, str(ROOT / "cli.py"), *WORDS.split(), "--store", str(store)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def results(store: Path) -> dict[str, list]:
    """Key -> case rows of the records."""
    records = [json.loads(path.read_text("utf-8")) for path in (store / "records").glob("*.json")]
    return {record["key"]: record["cases"] for record in records}


@pytest.mark.timeout(600)
def test_a_full_disk_loses_nothing(small, tmp_path):
    assert called(tmp_path / "whole")[0] == ExitCode.DONE
    whole = results(tmp_path / "whole")
    for megabytes in (2, 6):  # before the first weights, and after some
        code, told = called(small(megabytes) / "store")
        assert code == ExitCode.BAD_INPUT and "Traceback" not in told, told
        assert "space" in told or "full" in told, told
    code, told = called(small(256) / "store")
    assert code == ExitCode.DONE, told
    assert results(small(256) / "store") == whole
    assert not list((small(256) / "store" / "tmp").iterdir())
