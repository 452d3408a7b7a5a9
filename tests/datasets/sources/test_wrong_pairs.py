"""What would be read wrongly without a word: a label taken for an image or for another case's,
names of labels that say something else, links to nothing, patients under two spellings."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError
from datasets.slices.preparation import Prepared, prepare
from datasets.sources.base import SourceOptions
from datasets.sources.msd import MsdSource
from datasets.sources.open import open_source
from datasets.tasks.catalogue import TASKS
from tests.support.made_images import msd_folder, organ, save_nifti

CASES = ("case_0", "case_1", "case_2")


def own(folder, text=""):
    path = folder / "mine.yaml"
    path.write_text(f"dataset: breast\ntitle: ours\nimages: images\nmasks: masks\n{text}")
    return open_source("breast", str(path), phantom_cases=1, phantom_size=64)


def picture(path, shade=0, mask=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    plane = np.full((16, 20), 0 if mask else shade, np.uint8)
    plane[2:9, 3:10] = 255
    Image.fromarray(plane).save(path)


def pairs(folder, *names):
    for shade, name in enumerate(names, 10):
        picture(folder / "images" / f"{name}.png", shade)
        picture(folder / "masks" / f"{name}.png", mask=True)
    return folder


def msd(folder, **changed):
    """The folder's source, after its dataset.json was changed."""
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    return MsdSource(TASKS["prostate"], folder, SourceOptions())


def entries(*labels):
    return [
        {"image": f"imagesTr/{case}.nii.gz", "label": f"{label}.nii.gz"}
        for case, label in zip(CASES, labels, strict=True)
    ]


@pytest.fixture
def volumes(tmp_path):
    return msd_folder(tmp_path / "d", CASES, name="Ours")


@pytest.mark.parametrize(
    "changed, message",
    [
        (
            {"training": entries("labelsTr/case_0", "labelsTr/case_2", "labelsTr/case_1")},
            "gives case case_1 the label of case case_2",
        ),
        (
            {"training": entries("labelsTr/case_0", "labelsTr/case_0", "labelsTr/case_2")},
            "gives case case_1 the label of case case_0",
        ),
        (
            {"training": entries("imagesTr/case_0", "labelsTr/case_1", "labelsTr/case_2")},
            "gives case case_0 the same file as image and label",
        ),
        ({"labels": {"0": "prostate", "1": "Background"}}, 'calls value 1 "Background"'),
        ({"labels": {"0": "b", "1": "gland", "2": "ignore"}}, 'calls value 2 "ignore"'),
        ({"labels": {"0": "b", "1": "PZ", "01": "TZ"}}, "names one value twice"),
    ],
)
def test_contradictions_in_dataset_json_are_refused(volumes, changed, message):
    with pytest.raises(InputError, match=message):
        msd(volumes, **changed)


@pytest.mark.parametrize("key, value", [("labels", '{"0": "b", "1": "a"}'), ("training", "[]")])
def test_a_key_that_stands_twice_in_dataset_json_is_refused(volumes, key, value):
    path = volumes / "dataset.json"
    path.write_text(path.read_text().rstrip()[:-1] + f', "{key}": {value}}}')
    with pytest.raises(InputError, match=f'gives the key "{key}" twice'):
        MsdSource(TASKS["prostate"], volumes, SourceOptions())


def test_names_that_would_break_a_line_are_refused(volumes, tmp_path):
    with pytest.raises(InputError, match="control letter"):
        msd(volumes, training=[{"image": "imagesTr/a\x1b[31m.nii", "label": "labelsTr/a.nii"}])
    with pytest.raises(InputError, match=r"holds the name 'a\\nb.png' with a control letter"):
        own(pairs(tmp_path, "a\nb"))


def test_one_label_of_two_patients_is_noted(volumes):
    shutil.move(volumes / "labelsTr" / "case_0.nii.gz", volumes / "labelsTr" / "both.nii.gz")
    training = entries("labelsTr/both", "labelsTr/both", "labelsTr/case_2")
    (note,) = msd(volumes, training=training).notes
    assert "one label file, but count as different patients (case_0 = case_1)" in note


def test_a_copied_label_is_no_image(volumes, tmp_path):
    shutil.copy(volumes / "labelsTr" / "case_1.nii.gz", volumes / "imagesTr" / "case_1.nii.gz")
    message = "imagesTr/case_1.nii.gz is the same file as the mask labelsTr/case_1.nii.gz"
    with pytest.raises(InputError, match=message):
        msd(volumes).fingerprint()
    pairs(tmp_path, "a", "b")
    shutil.copy(tmp_path / "masks" / "b.png", tmp_path / "images" / "a.png")
    with pytest.raises(InputError, match="images/a.png is the same file as the mask masks/b.png"):
        own(tmp_path).fingerprint()


def test_fewer_channels_than_announced_are_noted_and_t2_goes_before_its_kin(volumes):
    image, _ = organ((12, 10, 5), np.random.default_rng(0))
    three = np.stack([image * 0, image * 0 + 1, image * 0 + 2], axis=-1)
    for case in CASES[:2]:
        save_nifti(volumes / "imagesTr" / f"{case}.nii.gz", three)
    source = msd(volumes, modality={"0": "T2*", "1": "T2-FLAIR", "2": "T2w"})
    assert source.load("case_0").image.max() == 2.0
    assert any("only T2w is used" in note for note in source.notes)
    fewer = "1 of 3 images have fewer channels (down to 1) than dataset.json announces (3)"
    assert any(fewer in note for note in source.notes)


@pytest.mark.parametrize("make", [lambda path: path.symlink_to(path.name), os.mkfifo])
def test_a_name_that_leads_to_no_file_is_no_silent_gap(tmp_path, volumes, make):
    pairs(tmp_path, "a")
    for place in ("images", "masks"):
        make(tmp_path / place / "b.png")
    with pytest.raises(InputError, match="b.png leads to no file that can be opened"):
        own(tmp_path)
    (volumes / "imagesTr" / "case_1.nii.gz").unlink()
    make(volumes / "imagesTr" / "case_1.nii.gz")
    with pytest.raises(InputError, match="case_1.nii.gz leads to no file that can be opened: re"):
        msd(volumes)


def test_images_of_other_kinds_are_noted(tmp_path):
    pairs(tmp_path, "a")
    for place in ("images", "masks"):
        Image.new("L", (20, 16)).save(tmp_path / place / "b.gif")
    assert any("1 files in" in note and "(b.gif)" in note for note in own(tmp_path).notes)


def test_files_of_offices_and_network_disks_are_no_images(tmp_path):
    pairs(tmp_path, "a")
    for name in ("~$a.png", "@SynoEAStream.png"):
        (tmp_path / "images" / name).write_bytes(b"x")
    for name in ("@eaDir", "$RECYCLE.BIN", "#recycle"):
        picture(tmp_path / "images" / name / "a.png")
    source = own(tmp_path, "group: ^(a)\nspacing_mm: [1, 1]\n")
    assert [case.id for case in source.cases()] == ["a"] and source.notes == []


def test_patients_under_two_spellings_are_noted(tmp_path):
    pairs(tmp_path, "P01_a", "p01_b", "p1_c", "p 02_a", "p11_a", "p1_1_a")
    text = "spacing_mm: [1, 1]\ngroup: ^([Pp ]+[0-9]+(_[0-9])?)_\n"
    (note,) = own(tmp_path, text).notes
    assert "nearly the same name count as several (P01 and p01 and p1)" in note
    (tmp_path / "images" / "P01_a.png").unlink(), (tmp_path / "masks" / "P01_a.png").unlink()
    (tmp_path / "images" / "p01_b.png").unlink(), (tmp_path / "masks" / "p01_b.png").unlink()
    assert own(tmp_path, text).notes == []


def test_masks_that_fill_the_corners_are_noted(tmp_path):
    pairs(tmp_path, "a", "b")
    with Image.open(tmp_path / "masks" / "b.png") as right:
        upside_down = 255 - np.asarray(right)
    Image.fromarray(upside_down).save(tmp_path / "masks" / "b.png")
    (tmp_path / "out").mkdir()
    prepare(own(tmp_path), tmp_path / "out", size=16, intensity="slice-percentile", edge="scharr")
    (note,) = Prepared(tmp_path / "out").notes
    assert "1 of 2 cases have a mask that fills all corners of the image (b)" in note
