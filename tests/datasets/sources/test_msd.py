"""MSD folders: order, channels, merged labels, what is missing, and what is refused."""

import json
import shutil

import nibabel
import numpy as np
import pytest

from benchmark.core.errors import InputError
from datasets.sources.base import SourceOptions
from datasets.sources.msd import MsdSource
from datasets.tasks.catalogue import TASKS
from tests.support.made_images import RAS_MM, msd_folder, organ, save_nifti, write_description

LENIENT = SourceOptions(allow_incomplete=True)


@pytest.fixture
def folder(tmp_path):
    return msd_folder(tmp_path / "Task05_Prostate")


def opened(folder, options=SourceOptions()) -> MsdSource:
    return MsdSource(TASKS["prostate"], folder, options)


def test_cases_keep_the_order_of_dataset_json(folder):
    source = opened(folder)
    assert [case.id for case in source.cases()] == ["prostate_07", "prostate_02", "prostate_10"]
    assert all(case.group == case.id and case.stratum is None for case in source.cases())
    assert source.title == "MSD Task05_Prostate (3 of 32 cases)"
    assert source.licence == "CC-BY-SA 4.0"
    assert source.notes == []
    assert source.task.prompt(source.cases()[0].stratum) == "MRI, prostate, whole gland"


def test_a_case_is_in_display_order_with_its_spacing(folder):
    case = opened(folder).load("prostate_02")
    stored = nibabel.load(folder / "imagesTr" / "prostate_02.nii.gz").get_fdata()
    label = nibabel.load(folder / "labelsTr" / "prostate_02.nii.gz").get_fdata()
    assert case.image.dtype == np.float32
    assert case.mask.dtype == np.uint8
    assert np.array_equal(case.image, stored[::-1, ::-1].transpose(2, 1, 0))
    assert np.array_equal(case.mask, label[::-1, ::-1].transpose(2, 1, 0))
    assert (case.spacing, case.spacing_unit, case.orientation) == ((3.0, 0.5, 0.5), "mm", "RAS")
    assert np.array_equal(case.affine, RAS_MM)


def test_a_prediction_returns_to_the_files_axes(folder, tmp_path):
    source = opened(folder)
    out = source.write_mask(
        "prostate_02", source.load("prostate_02").mask, tmp_path / "prediction.nii.gz"
    )
    label = nibabel.load(folder / "labelsTr" / "prostate_02.nii.gz")
    assert np.array_equal(np.asarray(nibabel.load(out).dataobj), np.asarray(label.dataobj))
    assert np.array_equal(nibabel.load(out).affine, label.affine)


def test_zones_merge_and_only_t2_is_read(tmp_path):
    folder = msd_folder(
        tmp_path / "Task05_Prostate",
        labels={"0": "background", "1": "PZ", "2": "TZ"},
        modality={"0": "ADC", "1": "T2"},
    )
    label = np.zeros((12, 10, 5), np.uint8)
    label[2:5, 3:6, 1:4], label[5:8, 3:6, 1:4] = 1, 2
    both = np.stack([np.full((12, 10, 5), 7.0), np.full((12, 10, 5), 9.0)], axis=-1).astype(
        np.float32
    )
    for case in ("prostate_07", "prostate_02", "prostate_10"):
        save_nifti(folder / "imagesTr" / f"{case}.nii.gz", both)
        save_nifti(folder / "labelsTr" / f"{case}.nii.gz", label)
    source = opened(folder)
    case = source.load("prostate_07")
    assert np.all(case.image == 9)
    assert np.array_equal(case.mask, (label > 0)[::-1, ::-1].transpose(2, 1, 0))
    assert any("1 = PZ, 2 = TZ are merged" in note for note in source.notes)
    assert any("only T2 is used" in note for note in source.notes)


def test_headers_without_spacing_are_said_to_be_voxels(tmp_path):
    folder = msd_folder(tmp_path / "any", name="Mine", affine=np.eye(4), unit=None)
    source = opened(folder)
    assert source.title == "Mine"
    assert source.load("prostate_07").spacing_unit == "voxel"
    assert any("distances are in voxels" in note for note in source.notes)
    assert any("taken as LPS" in note for note in source.notes)


def test_labels_alone_name_what_is_missing_and_how_to_get_it(folder):
    shutil.rmtree(folder / "imagesTr")
    for options in (SourceOptions(), LENIENT):
        with pytest.raises(InputError, match="3 of 3 images are missing") as error:
            opened(folder, options)
        assert f"python cli.py data fetch prostate --data-root {folder.parent}" in str(error.value)
        assert "prostate_07, prostate_02, prostate_10" in str(error.value)
        assert "--allow-incomplete" not in str(error.value)


def test_an_incomplete_dataset_is_refused_or_named(folder):
    (folder / "labelsTr" / "prostate_07.nii.gz").unlink()
    with pytest.raises(
        InputError, match=r"1 of 3 labels are missing \(prostate_07\).*\(2\) by --allow-incomplete"
    ):
        opened(folder)
    source = opened(folder, LENIENT)
    assert [case.id for case in source.cases()] == ["prostate_02", "prostate_10"]
    assert "1 of 3 labels are missing" in source.notes[0]


def broken_case(folder, change) -> str:
    image, label = organ((12, 10, 5), np.random.default_rng(0))
    image, label = change(image.astype(np.float32), label)
    save_nifti(folder / "imagesTr" / "prostate_02.nii.gz", image)
    save_nifti(folder / "labelsTr" / "prostate_02.nii.gz", label)
    with pytest.raises(InputError) as error:
        opened(folder).load("prostate_02")
    assert "prostate_02" in str(error.value)
    return str(error.value)


def test_damaged_cases_are_refused_in_one_sentence(folder):
    def with_nan(image, label):
        image[0, 0, 0] = np.nan
        return image, label

    def with_label(image, label):
        label[0, 0, 0], label[1, 1, 1] = 3, 7
        return image, label

    assert "1 of 600 pixels" in broken_case(folder, with_nan)
    assert "NaN or infinite" in broken_case(folder, with_nan)
    assert "unexpected labels: 3, 7 (expected: 0, 1)" in broken_case(folder, with_label)
    assert "5 x 10 x 12 (z, y, x) against 4 x 10 x 12" in broken_case(
        folder, lambda i, m: (i, m[..., :4])
    )


def test_an_empty_mask_is_legal(folder):
    save_nifti(folder / "labelsTr" / "prostate_02.nii.gz", np.zeros((12, 10, 5), np.uint8))
    assert not opened(folder).load("prostate_02").mask.any()


def test_a_missing_channel_is_named(folder):
    write_description(folder, ("prostate_07",), modality={"0": "ADC", "1": "T2"})
    with pytest.raises(InputError, match="has 1 channels"):
        opened(folder).load("prostate_07")


def test_an_unknown_case_is_named(folder):
    with pytest.raises(InputError, match="prostate_77"):
        opened(folder).load("prostate_77")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "lists no cases"),
        ('{"training": [1]}', "entry 1"),
        ('{"training": [{"image": "a.nii.gz"}]}', 'needs an "image" and a "label"'),
        ('{"training": [{"image": "../a.nii.gz", "label": "b.nii.gz"}]}', "outside its folder"),
        ('{"training": [{"image": "a.nii.gz", "label": "/etc/b.nii.gz"}]}', "outside its folder"),
        (
            '{"training": [{"image": "x/../../a.nii.gz", "label": "b.nii.gz"}]}',
            "outside its folder",
        ),
        ('{"training": [{"image": "C:\\\\a.nii.gz", "label": "b.nii.gz"}]}', "outside its folder"),
        ('{"training": [{"image": "a.nii.gz", "label": "a.nii.gz"}]}', '"labels" must map'),
        ('{"training": [ENTRY], "labels": {"0": "background"}}', "names no foreground"),
        ('{"training": [ENTRY], "labels": {"x": 1}}', '"labels" must map'),
        ('{"training": [ENTRY, {"image": "b/a.nii", "label": "a.nii"}]}', "more than once"),
        ('{"training": [ENTRY], "labels": {"1": "a"}, "modality": 3}', '"modality" must'),
    ],
)
def test_a_broken_dataset_json_is_refused(tmp_path, text, message):
    json_file = tmp_path / "dataset.json"
    json_file.write_text(text.replace("ENTRY", '{"image": "a.nii", "label": "a.nii"}'))
    with pytest.raises(InputError, match=message) as error:
        opened(tmp_path)
    assert str(json_file) in str(error.value)


def test_a_folder_without_dataset_json_is_refused(tmp_path):
    (tmp_path / "Task05_Prostate").mkdir()
    with pytest.raises(InputError, match="holds no dataset.json"):
        MsdSource.open_at(TASKS["prostate"], tmp_path, SourceOptions())


def test_another_organ_is_refused(folder):
    with pytest.raises(InputError, match="holds prostate cases .PROSTATE., not spleen"):
        MsdSource.open_at(TASKS["spleen"], folder, SourceOptions())


def test_the_fingerprint_is_that_of_the_content(folder, tmp_path):
    first = opened(folder).fingerprint()
    assert len(first) == 64
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    assert opened(moved).fingerprint() == first
    label = moved / "labelsTr" / "prostate_02.nii.gz"
    image, _ = organ((12, 10, 5), np.random.default_rng(0))
    save_nifti(label, (image > 100).astype(np.uint8))
    assert opened(moved).fingerprint() != first
    described = json.loads((folder / "dataset.json").read_text())
    described["training"].reverse()
    (folder / "dataset.json").write_text(json.dumps(described))
    assert opened(folder).fingerprint() != first


def test_the_fingerprint_cache_notices_a_changed_file(folder, tmp_path):
    cache = tmp_path / "cache" / "digests.json"
    options = SourceOptions(fingerprint_cache=cache)
    first = opened(folder, options).fingerprint()
    assert first == opened(folder).fingerprint()
    entries = json.loads(cache.read_text())
    assert len(entries) == 6
    assert opened(folder, options).fingerprint() == first
    # The cached digest is what counts as long as size and time stay.
    other = {key: [*entry[:2], entry[2][::-1]] for key, entry in entries.items()}
    cache.write_text(json.dumps(other))
    assert opened(folder, options).fingerprint() != first
    for path in folder.rglob("*.nii.gz"):
        path.touch()
    assert opened(folder, options).fingerprint() == first
    cache.write_text("damaged")
    assert opened(folder, options).fingerprint() == first
    assert [path.name for path in cache.parent.iterdir()] == ["digests.json"]
