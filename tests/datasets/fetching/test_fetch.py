"""Fetching over a real HTTP server: resumed, checked, safely unpacked, and nothing half-done left
in place."""

import importlib.util
import shutil
import tarfile
from pathlib import Path

import pytest

from benchmark.core.errors import InputError
from datasets.fetching.catalogue import catalogue
from datasets.fetching.fetch import fetch
from datasets.sources.base import SourceOptions
from datasets.sources.open import open_source
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Archive
from tests.datasets.fetching.archives import LIMIT, md5, tar_member, tar_of
from tests.support.made_images import busi_folder, msd_folder
from tests.support.made_tasks import publish
from tests.support.serving import serving


@pytest.fixture
def packed_task(tmp_path, monkeypatch):
    """A tar of a small Task05_Prostate, taken as the published one."""
    publish(monkeypatch, "prostate", "prostate_07", "prostate_02", "prostate_11")
    folder = msd_folder(tmp_path / "made" / "Task05_Prostate")
    with tarfile.open(tmp_path / "task.tar", "w") as archive:
        archive.add(folder, "Task05_Prostate")
    return (tmp_path / "task.tar").read_bytes()


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_task_is_fetched_opened_and_not_fetched_again(tmp_path, packed_task):
    root = tmp_path / "new" / "data"
    with serving({"/Task05_Prostate.tar": packed_task}) as server:
        archive = Archive(server.address + "Task05_Prostate.tar", "tar", md5(packed_task), LIMIT)
        done = fetch("prostate", root, archive=archive)
        assert done.folder == root / "Task05_Prostate"
        assert f"published MD5 {md5(packed_task)}" in done.checked
        assert names(root) == ["Task05_Prostate"]
        assert (
            len(open_source("prostate", "auto", root, phantom_cases=1, phantom_size=64).cases())
            == 3
        )
        assert "complete already" in fetch("prostate", root, archive=archive).checked
        assert "complete already" in fetch("prostate", done.folder, archive=archive).checked
        assert len(server.requested) == 1


def test_missing_files_are_added_and_none_replaced(tmp_path, packed_task):
    folder = tmp_path / "data" / "Task05_Prostate"
    shutil.copytree(tmp_path / "made" / "Task05_Prostate", folder)
    kept = folder / "labelsTr" / "prostate_02.nii.gz"
    kept.write_bytes(b"mine")
    shutil.rmtree(folder / "imagesTr")
    with serving({"/t.tar": packed_task}) as server:
        fetch(
            "prostate",
            tmp_path / "data",
            archive=Archive(server.address + "t.tar", "tar", md5(packed_task), LIMIT),
        )
    assert len(list((folder / "imagesTr").iterdir())) == 3
    assert kept.read_bytes() == b"mine"


def test_an_archive_of_something_else_changes_nothing(tmp_path, packed_task):
    other = tar_of((tar_member("other/a.txt"), b"a"))
    with serving({"/t.tar": other}) as server:
        archive = Archive(server.address + "t.tar", "tar", md5(other), LIMIT)
        with pytest.raises(
            InputError, match="is not the published archive: there is no folder Task05_Prostate"
        ):
            fetch("prostate", tmp_path / "data", archive=archive)
    assert names(tmp_path / "data") == []


def test_busi_is_checked_by_its_content(tmp_path, monkeypatch):
    counts = {"malignant": 3, "benign": 2, "normal": 1}
    images = [f"{name} ({n})" for name, count in counts.items() for n in range(1, count + 1)]
    publish(monkeypatch, "breast", *images)
    made = busi_folder(tmp_path / "made", malignant=3, benign=2, normal=1)
    whole = shutil.make_archive(str(tmp_path / "whole"), "zip", made)
    (made / "Dataset_BUSI_with_GT" / "benign" / "benign (2)_mask.png").unlink()
    short = shutil.make_archive(str(tmp_path / "short"), "zip", made)
    with serving(
        {f"/{name}.zip": open(path, "rb").read() for name, path in (("w", whole), ("s", short))}
    ) as server:
        with pytest.raises(
            InputError,
            match="is not the published archive: it holds 1 of 2 benign images with masks",
        ):
            fetch(
                "breast",
                tmp_path / "data",
                archive=Archive(server.address + "s.zip", "zip", None, LIMIT),
            )
        assert names(tmp_path / "data") == []
        done = fetch(
            "breast",
            tmp_path / "data",
            archive=Archive(server.address + "w.zip", "zip", None, LIMIT),
        )
    assert "No checksum is published, so the content was counted: all 6 images" in done.checked
    options = SourceOptions(busi_class="both")
    source = open_source(
        "breast", "auto", tmp_path / "data", phantom_cases=1, phantom_size=64, options=options
    )
    assert source.title == "BUSI (malignant and benign)"


def test_a_data_root_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        fetch("prostate", tmp_path / "file")
    with pytest.raises(InputError, match="unknown dataset 'liver'"):
        fetch("liver", tmp_path)


def test_the_catalogue_names_every_source_and_where_it_lies(tmp_path):
    msd_folder(tmp_path / "Task05_Prostate")
    rows = {(row["dataset"], row["source"]): row for row in catalogue(tmp_path)}
    assert set(rows) == {("prostate", "msd"), ("spleen", "msd"), ("breast", "busi")} | {
        (name, "phantom") for name in ("prostate", "spleen", "breast")
    }
    here = f"{tmp_path / 'Task05_Prostate'}, but dataset.json lists 3 cases, not 32."
    assert rows["prostate", "msd"]["here"] == here
    assert rows["spleen", "msd"]["here"] == ""
    assert rows["breast", "busi"]["address"] == "https://scholar.cu.edu.eg/Dataset_BUSI.zip"
    assert all(row["here"] == "" for row in catalogue() if row["source"] != "phantom")
    assert len(TASKS["breast"].published.cases) == 780


def test_the_checksums_are_those_that_monai_publishes():
    # Read, not imported: importing MONAI takes ten seconds.
    package = Path(importlib.util.find_spec("monai").origin).parent
    published = (package / "apps" / "datasets.py").read_text()
    for name in ("prostate", "spleen"):
        release = TASKS[name].published
        assert f'"{release.folder}": "{release.archive.address}"' in published
        assert f'"{release.folder}": "{release.archive.md5}"' in published
