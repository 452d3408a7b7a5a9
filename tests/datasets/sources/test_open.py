"""Choosing a source: real data where they lie, the phantom otherwise and never in silence."""

import shutil

import numpy as np
import pytest

from benchmark.core.errors import InputError
from datasets.sources.base import SourceOptions
from datasets.sources.open import open_source
from tests.support.made_images import busi_folder, msd_folder


def opened(dataset, source="auto", data_root=None, **options):
    return open_source(
        dataset,
        source,
        data_root,
        phantom_cases=4,
        phantom_size=32,
        options=SourceOptions(**options),
    )


@pytest.fixture
def root(tmp_path):
    msd_folder(tmp_path / "data" / "Task05_Prostate")
    return busi_folder(tmp_path / "data", malignant=4)


def test_auto_takes_the_real_data_from_either_level(root):
    assert opened("prostate", "auto", root).kind == "msd"
    assert opened("prostate", "auto", root / "Task05_Prostate").kind == "msd"
    assert opened("breast", "auto", root).kind == "busi"
    assert opened("breast", "auto", root / "Dataset_BUSI_with_GT").kind == "busi"


def test_without_a_data_root_the_phantom_stands_in_and_says_so(root):
    source = opened("breast")
    (note,) = source.notes
    assert source.kind == "phantom"
    assert "no --data-root is given; `python cli.py data fetch breast --data-root DIR`" in note


def test_a_data_root_without_the_data_is_never_replaced_by_the_phantom(root):
    with pytest.raises(InputError, match="holds neither Task09_Spleen nor"):
        opened("spleen", "auto", root)
    with pytest.raises(InputError, match=f"one level down; use --data-root {root}"):
        opened("prostate", "auto", root.parent)


def test_a_folder_whose_files_are_missing_is_not_recommended(root):
    whole = root.parent / "whole"
    shutil.copytree(root / "Task05_Prostate", whole / "Task05_Prostate")
    (root / "Task05_Prostate" / "imagesTr" / "prostate_02.nii.gz").unlink()
    with pytest.raises(InputError, match=rf"use --data-root {whole}\."):
        opened("prostate", "auto", root.parent)
    shutil.rmtree(whole)
    with pytest.raises(InputError, match=f"not all of its files .* --data-root {root} to see"):
        opened("prostate", "auto", root.parent)


def test_a_quick_look_has_a_title_a_fingerprint_and_a_note_of_its_own(root):
    whole = opened("prostate", "msd", root)
    some = opened("prostate", "msd", root, limit=2)
    assert [case.id for case in some.cases()] == [whole.cases()[0].id, whole.cases()[-1].id]
    assert some.title == f"{whole.title}: a quick look at 2 of 3 cases"
    assert some.fingerprint() != whole.fingerprint()
    assert any("no result" in note for note in some.notes)
    with pytest.raises(InputError, match="has 3 cases; give fewer"):
        opened("prostate", "msd", root, limit=3)
    with pytest.raises(InputError, match="holds no case"):
        some.load(whole.cases()[1].id)


def test_a_phantom_that_was_asked_for_needs_no_note(root):
    assert opened("prostate", "phantom", root).notes == []


def test_incomplete_real_data_is_never_replaced_by_the_phantom(root):
    (root / "Task05_Prostate" / "imagesTr" / "prostate_02.nii.gz").unlink()
    with pytest.raises(InputError, match="1 of 3 images are missing"):
        opened("prostate", "auto", root)
    assert len(opened("prostate", "auto", root, allow_incomplete=True).cases()) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("liver",), "unknown dataset 'liver'"),
        (("breast", "bussi"), "unknown source 'bussi' .did you mean 'busi'"),
        (("breast", "msd"), "breast does not come from msd; use --source busi"),
        (("spleen", "msd"), "--source msd needs --data-root DIR"),
    ],
)
def test_wrong_names_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        opened(*arguments)


def test_wrong_folders_are_refused(root, tmp_path):
    with pytest.raises(InputError, match="gone does not exist"):
        opened("prostate", "auto", tmp_path / "gone")
    with pytest.raises(InputError, match="dataset.json is a file, not a folder"):
        opened("prostate", "auto", root / "Task05_Prostate" / "dataset.json")
    with pytest.raises(
        InputError, match="neither Task09_Spleen nor a dataset.json .found: Dataset_BUSI_with_GT"
    ):
        opened("spleen", "msd", root)
    with pytest.raises(InputError, match=f"one level down; use --data-root {root}"):
        opened("prostate", "msd", root.parent)
    with pytest.raises(InputError, match="unknown busi class 'benigne' .did you mean 'benign'"):
        opened("breast", "busi", root, busi_class="benigne")


def test_the_phantom_is_a_source_like_any_other(tmp_path):
    source = opened("prostate", "phantom")
    assert [case.id for case in source.cases()] == [
        "phantom_00",
        "phantom_01",
        "phantom_02",
        "phantom_03",
    ]
    case = source.load("phantom_02")
    assert case.image.shape == case.mask.shape
    assert case.image.shape[1:] == (32, 32)
    assert case.image.dtype == np.float32
    assert set(np.unique(case.mask)) == {0, 1}
    assert np.array_equal(case.image, opened("prostate", "phantom").load("phantom_02").image)
    assert case.spacing_unit == "mm"
    out = source.write_mask("phantom_02", case.mask, tmp_path / "mask.nii.gz")
    from datasets.files import nifti

    assert np.array_equal(nifti.read_labels(out, out), case.mask)
    assert nifti.read_geometry(out).spacing == pytest.approx(case.spacing, rel=1e-5)


def test_phantom_fingerprints_follow_what_makes_them():
    def fingerprint(dataset="prostate", cases=4, size=32):
        return open_source(dataset, "phantom", phantom_cases=cases, phantom_size=size).fingerprint()

    assert fingerprint() == fingerprint()
    assert (
        len({fingerprint(), fingerprint("spleen"), fingerprint(cases=5), fingerprint(size=64)}) == 4
    )


def test_the_breast_phantom_has_classes_and_writes_png(tmp_path):
    source = opened("breast", "phantom")
    assert {case.stratum for case in source.cases()} == {"malignant", "benign"}
    case = source.load("phantom_00")
    assert case.image.shape == (1, 32, 32)
    assert (
        source.write_mask("phantom_00", case.mask, tmp_path / "mask.png")
        .read_bytes()
        .startswith(b"\x89PNG")
    )


@pytest.mark.parametrize(
    ("cases", "size", "message"), [(0, 64, "at least 1 case"), (3, 16, "32 to 384 px")]
)
def test_impossible_phantoms_are_refused(cases, size, message):
    with pytest.raises(InputError, match=message):
        open_source("prostate", "phantom", phantom_cases=cases, phantom_size=size)
