"""A new built-in transform is one file: put into the folder, it is planned, run and reported."""

import shutil
import sys
from pathlib import Path

import pytest

from baselines.transforms import single
from benchmark.record.record import load_record
from tests.support.runs import TINY

FILE = Path(__file__).parent / "support" / "added" / "sharpen.py"
SETS = [word for text in TINY if not text.startswith("generator.") for word in ("--set", text)]
RUN = ("run", "--dataset", "prostate", "--source", "phantom", "--architecture", "unet")
RUN += ("--preset", "smoke", "--device", "cpu", "--fold", "0", "--store", "s", *SETS)
SHARPEN = ("--method", "classic", "--transform", "sharpen")


@pytest.fixture
def added(monkeypatch, tmp_path):
    """The file stands in a folder that is scanned together with single/."""
    folder = tmp_path / "more"
    folder.mkdir()
    shutil.copy(FILE, folder)
    monkeypatch.setattr(single, "__path__", [*single.__path__, str(folder)])
    yield
    sys.modules.pop("baselines.transforms.single.sharpen", None)


@pytest.mark.slow
def test_a_transform_in_one_file_is_planned_run_and_reported(call, added, tmp_path):
    code, out, err = call(*RUN, *SHARPEN, "--dry-run")
    assert code == 0 and "0 of them done" in out, err
    assert not list((tmp_path / "s").glob("stages/*/*"))

    assert call(*RUN, "--method", "none")[0] == 0
    code, out, err = call(*RUN, *SHARPEN)
    assert code == 0 and "classic sharpen" in out, err
    found = [load_record(path) for path in (tmp_path / "s" / "records").glob("*.json")]
    by_label = {record.spec.method.label: record for record in found}
    assert by_label["classic sharpen"].cases != by_label["none"].cases
    assert by_label["classic sharpen"].budget == by_label["none"].budget

    code, _, err = call("report", "--store", "s", "--out", "page")
    assert code == 0, err
    assert "classic sharpen" in (tmp_path / "page" / "index.html").read_text()


def test_without_its_file_the_transform_is_unknown(call):
    code, _, err = call(*RUN, *SHARPEN)
    assert code == 2 and "unknown transform 'sharpen'" in err and "scale" in err
