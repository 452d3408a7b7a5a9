"""A challenge's .mhd files become the layout of the records."""

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from benchmark.core.errors import InputError
from datasets.fetching.metaimage import prepare
from datasets.sources.open import open_source
from datasets.tasks.catalogue import TASKS

FEW = replace(
    TASKS.others()["promise12"], cases={"promise12_00": "Case00", "promise12_02": "Case02"}
)
SHAPE = (20, 16, 8)  # x, y, z


def write_case(folder: Path, name: str) -> None:
    """A ramp along x, and a box off the middle, as int16 .mhd with .raw."""
    folder.mkdir(parents=True, exist_ok=True)
    image = np.broadcast_to(100 * np.arange(SHAPE[0])[:, None, None], SHAPE).astype(np.int16)
    mask = np.zeros(SHAPE, np.int16)
    mask[2:8, 4:12, 2:6] = 1
    for voxels, end in ((image, ""), (mask, "_segmentation")):
        volume = SimpleITK.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
        SimpleITK.WriteImage(volume, str(folder / f"{name}{end}.mhd"))


@pytest.fixture
def challenge(tmp_path):
    write_case(tmp_path / "challenge" / "TrainingData_Part1", "Case00")
    write_case(tmp_path / "challenge" / "TrainingData_Part2", "Case02")
    return tmp_path / "challenge"


def test_cases_come_to_one_grid_with_the_axes_and_the_label_they_had(challenge, tmp_path):
    root = prepare(FEW, challenge, tmp_path / "out")
    image = nibabel.load(root / "imagesTr" / "promise12_02.nii.gz")
    label = np.asanyarray(nibabel.load(root / "labelsTr" / "promise12_02.nii.gz").dataobj)
    values = np.asanyarray(image.dataobj)
    assert values.shape == label.shape == (128, 128, 32)
    assert (values.dtype, label.dtype) == (np.int16, np.uint8)
    assert (values[0, 5, 5], values[-1, 5, 5]) == (0, 1900)  # the ends of the ramp stay
    assert (np.diff(values[:, 64, 16]) >= 0).all() and np.ptp(values[64]) == 0
    # from first voxel to last, so that a box of w voxels of N has w / (N - 1) of the axis
    expected = np.prod([w / (n - 1) for w, n in zip((6, 8, 4), SHAPE, strict=True)])
    assert set(np.unique(label)) == {0, 1} and label.mean() == pytest.approx(expected, rel=0.05)
    assert label[40, 60, 16] == 1 and label[90, 60, 16] == 0


def test_the_result_is_a_data_root_under_the_title_of_the_records(challenge, tmp_path):
    root = prepare(FEW, challenge, tmp_path / "out")
    source = open_source("prostate", "msd", root, phantom_cases=3, phantom_size=32)
    assert source.title == "PROMISE12 (resampled to 128x128x32)"
    assert [case.id for case in source.cases()] == ["promise12_00", "promise12_02"]
    assert source.load("promise12_00").mask.any()


def test_what_is_missing_damaged_or_in_the_way_is_said(challenge, tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        prepare(FEW, tmp_path / "gone", tmp_path / "out")
    (challenge / "TrainingData_Part2" / "Case02_segmentation.mhd").unlink()
    with pytest.raises(InputError, match=r"1 of 4 files .*\(Case02_segmentation.mhd\)"):
        prepare(FEW, challenge, tmp_path / "out")
    write_case(challenge / "TrainingData_Part2", "Case02")
    (challenge / "TrainingData_Part1" / "Case00.mhd").write_text("no image")
    with pytest.raises(InputError, match=r"Case00.mhd is not a readable MetaImage file"):
        prepare(FEW, challenge, tmp_path / "out")
    with pytest.raises(InputError, match="challenge is not empty"):
        prepare(FEW, challenge, challenge)


def test_the_command_names_what_it_knows(call):
    code, _, err = call("data", "prepare", "promise11", "--from", "a", "--out", "b")
    assert code == 2 and "did you mean 'promise12'?" in err
    code, _, err = call("data", "prepare", "promise12", "--from", "a", "--out", "b")
    assert code == 2 and "there is no folder a" in err


def test_the_forty_cases_are_those_of_the_records(data_root):
    there = sorted(path.name for path in (data_root / "promise12" / "imagesTr").glob("*.nii.gz"))
    assert there == [f"{case}.nii.gz" for case in TASKS.others()["promise12"].cases]
