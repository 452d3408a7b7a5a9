"""What lies in real folders: names in other Unicode forms, files of systems, other layouts, and own
images under the name of published ones."""

import json
import os
import re
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError
from datasets.sources.base import SourceOptions
from datasets.sources.busi import BusiSource
from datasets.sources.msd import MsdSource
from datasets.sources.open import open_source
from datasets.tasks.catalogue import TASKS
from tests.support.made_images import busi_folder, msd_folder, organ, save_nifti, write_description

NARROW = "\N{NARROW NO-BREAK SPACE}"
JUNK = ("._a.png", "._a_mask.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png")


def picture(path, value=200):
    """An image, or where its name says so a mask, which differs from it by one grey level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plane = np.zeros((8, 9), np.uint8)
    plane[2:5, 3:7] = value + ("mask" in path.name.lower() or path.parent.name == "masks")
    Image.fromarray(plane).save(path)
    return path


def own(folder, text="", **options):
    path = folder / "mine.yaml"
    path.write_text(f"dataset: breast\ntitle: ours\nimages: images\nmasks: masks\n{text}")
    return open_source(
        "breast", str(path), phantom_cases=1, phantom_size=64, options=SourceOptions(**options)
    )


def msd(folder) -> MsdSource:
    return MsdSource(TASKS["prostate"], folder, SourceOptions())


def test_composed_and_decomposed_names_are_one(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "fälle_é") for form in ("NFC", "NFD"))
    picture(tmp_path / "images" / f"{decomposed}.png")
    picture(tmp_path / "masks" / f"{composed}.png")
    source = own(tmp_path, f"group: ^({decomposed})\n")
    (case,) = source.cases()
    assert case.id == case.group == composed
    assert source.load(composed).mask.sum() == 12
    first = source.fingerprint()
    os.rename(tmp_path / "images" / f"{decomposed}.png", tmp_path / "images" / f"{composed}.png")
    assert own(tmp_path, f"group: ^({decomposed})\n").fingerprint() == first
    picture(tmp_path / "images" / f"{decomposed}.png")
    with pytest.raises(InputError, match="holds two files for"):
        own(tmp_path)


def test_folders_and_files_of_descriptions_are_found_in_either_form(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    picture(tmp_path / decomposed / "a.png")
    picture(tmp_path / "masks" / "a.png")
    (tmp_path / "mine.yaml").write_text(
        f"dataset: breast\ntitle: ours\nimages: {composed}\nmasks: masks\n", encoding="utf-8"
    )
    source = open_source("breast", str(tmp_path / "mine.yaml"), phantom_cases=1, phantom_size=64)
    assert source.load("a").mask.any()
    folder = msd_folder(tmp_path / "msd", (f"{decomposed}_1", f"{decomposed}_2"), name="Ours")
    write_description(folder, (f"{composed}_1", f"{composed}_2"), name="Ours")
    assert [case.id for case in msd(folder).cases()] == [f"{composed}_1", f"{composed}_2"]
    assert msd(folder).load(f"{composed}_1").mask.any()


def test_typeset_spaces_are_spaces(tmp_path):
    picture(tmp_path / "images" / f"Screen at 1.00{NARROW}PM.png")
    picture(tmp_path / "masks" / "Screen at 1.00\N{NO-BREAK SPACE}PM.png")
    picture(tmp_path / "images" / "b\N{ZERO WIDTH SPACE}.png", 99)
    picture(tmp_path / "masks" / "b.png")
    ids = [case.id for case in own(tmp_path).cases()]
    assert ids == ["b", "Screen at 1.00 PM"] or ids == ["Screen at 1.00 PM", "b"]
    assert all(name.isprintable() for name in ids)


def test_names_that_are_no_text_do_not_stop_anything(tmp_path):
    folder = tmp_path / "images"
    picture(folder / "a.png")
    picture(tmp_path / "masks" / "a.png")
    os.rename(bytes(folder / "a.png"), bytes(folder) + b"/\xe4\xb2.png")
    os.rename(bytes(tmp_path / "masks" / "a.png"), bytes(tmp_path / "masks") + b"/\xe4\xb2.png")
    (case,) = own(tmp_path).cases()
    assert case.id.isprintable() and own(tmp_path).load(case.id).mask.any()
    json.dumps(case.id).encode()
    case.id.encode()


def test_superscripts_are_no_numbers(tmp_path):
    for name in ("²", "²1", "x²"):
        picture(tmp_path / "images" / f"{name}.png")
        picture(tmp_path / "masks" / f"{name}.png")
    assert len(own(tmp_path).cases()) == 3


def test_files_of_systems_are_no_images(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / "images" / f"{name}.png")
        picture(tmp_path / "masks" / f"{name}.png")
    for folder in ("images", "masks"):
        for name in JUNK:
            (tmp_path / folder / name).write_bytes(b"junk")
        (tmp_path / folder / "__MACOSX").mkdir()
        picture(tmp_path / folder / "__MACOSX" / "a.png")
        (tmp_path / folder / "c.png").mkdir()
    source = own(tmp_path, "group: (.)\nspacing_mm: [1, 1]\n")
    assert [case.id for case in source.cases()] == ["a", "b"]
    assert len(source.notes) == 0
    root = busi_folder(tmp_path / "busi", malignant=3)
    for name in JUNK:
        (root / "Dataset_BUSI_with_GT" / "malignant" / name).write_bytes(b"junk")
    assert len(BusiSource.open_at(TASKS["breast"], root, SourceOptions()).cases()) == 3


@pytest.mark.parametrize("suffix", ["_mask", "_mask.png", "_MASK", "_mask.PNG"])
def test_a_suffix_may_lack_its_file_type(tmp_path, suffix):
    picture(tmp_path / "images" / "P1.png")
    picture(tmp_path / "masks" / "P1_mask.png")
    source = own(tmp_path, f"mask_suffix: {suffix}\ngroup: '^(P\\d+)'\n")
    assert [case.id for case in source.cases()] == ["P1"]


def test_a_suffix_without_type_in_a_shared_folder(tmp_path):
    picture(tmp_path / "images" / "P1.png")
    picture(tmp_path / "images" / "P1_mask.tif")
    text = "dataset: breast\ntitle: ours\nimages: images\nmasks: images\nmask_suffix: _mask\n"
    (tmp_path / "mine.yaml").write_text(text)
    source = open_source("breast", str(tmp_path / "mine.yaml"), phantom_cases=1, phantom_size=64)
    assert [case.files for case in source.cases()] == [("P1.png", "P1_mask.tif")]


def test_the_example_of_the_docs_works_as_printed(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for name in ("P1_a", "P2_a"):
        picture(tmp_path / "images" / f"{name}.png")
        picture(tmp_path / "masks" / f"{name}_mask.png")
    for text in (example, example.replace("_mask.png  #", "_mask  #")):
        (tmp_path / "mine.yaml").write_text(text)
        source = open_source(
            "breast", str(tmp_path / "mine.yaml"), phantom_cases=1, phantom_size=64
        )
        assert [case.group for case in source.cases()] == ["P1", "P2"]
        assert source.load("P1_a").mask.sum() == 12


def test_images_in_subfolders_are_told(tmp_path):
    for name in ("P1", "P2"):
        picture(tmp_path / "images" / name / "a.png")
        picture(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(InputError, match=r"2 images lie in its subfolders \(P1, P2\)"):
        own(tmp_path)
    for name in ("P1", "P2"):
        picture(tmp_path / "images" / f"{name}.png")
    assert any("2 images in subfolders" in note for note in own(tmp_path).notes)
    shutil.rmtree(tmp_path / "images")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"found: \.nii\.gz files"):
        own(tmp_path)


def test_doubles_are_noted_before_anything_runs(tmp_path):
    for number, name in enumerate(("P1_a", "P1_b", "P2_a", "P3_a")):
        picture(tmp_path / "images" / f"{name}.png", 100 + number)
        picture(tmp_path / "masks" / f"{name}.png")
    for double in ("P1_b", "P3_a"):
        shutil.copy(tmp_path / "images" / "P1_a.png", tmp_path / "images" / f"{double}.png")
    source = own(tmp_path, "group: ^(P.)\n")
    source.fingerprint()
    source.fingerprint()
    notes = [note for note in source.notes if "same file" in note]
    assert notes == ["ours: some images are the same file under several ids (P1_a = P1_b = P3_a)."]
    shutil.copy(tmp_path / "images" / "P2_a.png", tmp_path / "images" / "P3_a.png")
    one_patient = own(tmp_path, "group: ^(P)\n")
    one_patient.fingerprint()
    assert not any("same file" in note for note in one_patient.notes)


# ---- dataset.json ----


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_dataset_json_in_other_encodings(tmp_path, encoding):
    folder = msd_folder(tmp_path / "d", name="Klinik Süd")
    text = (folder / "dataset.json").read_text().encode().decode("unicode_escape")
    (folder / "dataset.json").write_bytes(text.encode(encoding))
    assert msd(folder).title == "Klinik Süd"


def test_an_encoding_that_cannot_be_told_is_refused_by_line(tmp_path):
    folder = msd_folder(tmp_path / "d", name="Ours")
    text = json.dumps(json.loads((folder / "dataset.json").read_text()), indent=1)
    (folder / "dataset.json").write_bytes(text.replace("Ours", "Süd").encode("cp1252"))
    with pytest.raises(InputError, match="dataset.json: line 2 is not UTF-8; save"):
        msd(folder)
    (folder / "dataset.json").write_bytes(text.encode("utf-16-le"))
    with pytest.raises(InputError, match="it is no text in UTF-8"):
        msd(folder)


@pytest.mark.parametrize(
    ("encoding", "right"),
    [
        ("utf-8-sig", True),
        ("utf-16", True),
        ("utf-32", True),
        ("cp1252", False),
        ("utf-16-le", False),
    ],
)
def test_yaml_in_other_encodings(tmp_path, encoding, right):
    for folder in ("images", "masks"):
        picture(tmp_path / folder / "a.png")
    text = "dataset: breast\ntitle: Süd\nimages: images\nmasks: masks\n"
    (tmp_path / "mine.yaml").write_bytes(text.encode(encoding))
    if right:
        opened = open_source(
            "breast", str(tmp_path / "mine.yaml"), phantom_cases=1, phantom_size=64
        )
        assert opened.title == "Süd"
        return
    with pytest.raises(InputError, match="mine.yaml: .*save .* with the encoding UTF-8"):
        open_source("breast", str(tmp_path / "mine.yaml"), phantom_cases=1, phantom_size=64)


def test_names_of_windows_are_read(tmp_path):
    folder = msd_folder(tmp_path / "d", ("case_0", "case_1"), name="Ours")
    text = (folder / "dataset.json").read_text().replace("./imagesTr/", r"imagesTr\\")
    (folder / "dataset.json").write_text(text.replace("./labelsTr/", r".\\labelsTr\\"))
    source = msd(folder)
    assert [case.id for case in source.cases()] == ["case_0", "case_1"]
    assert source.load("case_1").mask.any()


def test_the_layout_of_nnunet_is_told(tmp_path):
    folder = msd_folder(tmp_path / "d", ("case_0", "case_1"), name="Ours")
    for path in (folder / "imagesTr").iterdir():
        path.rename(path.with_name(path.name.replace(".nii", "_0000.nii")))
    with pytest.raises(InputError, match=r"nnU-Net's layout, .* \(case_0_0000.nii.gz\)"):
        msd(folder)
    described = {"channel_names": {"0": "T2"}, "labels": {"background": 0, "prostate": 1}}
    (folder / "dataset.json").write_text(json.dumps(described | {"file_ending": ".nii.gz"}))
    with pytest.raises(InputError, match="dataset.json is that of nnU-Net version 2"):
        msd(folder)


def test_what_lies_there_instead_is_told(tmp_path):
    folder = msd_folder(tmp_path / "d", ("case_0", "case_1"), name="Ours")
    deeper = folder / "imagesTr" / "P1"
    deeper.mkdir()
    (folder / "imagesTr" / "case_0.nii.gz").rename(deeper / "case_0.nii.gz")
    with pytest.raises(InputError, match="subfolder .imagesTr/P1/case_0.nii.gz."):
        msd(folder)
    (deeper / "case_0.nii.gz").rename(folder / "imagesTr" / "case_0.mha")
    with pytest.raises(InputError, match="the folder holds case_0.mha instead"):
        msd(folder)


def test_missing_labels_are_listed_by_their_own_names(tmp_path):
    folder = msd_folder(tmp_path / "d", ("case_0", "case_1"), name="Ours")
    described = json.loads((folder / "dataset.json").read_text())
    described["training"][0]["label"] = "./labelsTr/seg_0.nii.gz"
    (folder / "dataset.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"1 of 2 labels are missing \(seg_0\)"):
        msd(folder)


def test_channels_that_nobody_announced_are_noted(tmp_path):
    folder = msd_folder(tmp_path / "d", ("case_0", "case_1"), name="Ours")
    image, _ = organ((12, 10, 5), np.random.default_rng(0))
    save_nifti(folder / "imagesTr" / "case_0.nii.gz", np.stack([image] * 3, axis=-1))
    (note,) = msd(folder).notes
    assert "1 of 2 images have more channels (up to 3) than dataset.json announces (1)" in note


def test_a_label_that_cannot_belong_to_its_image_is_refused_before_anything_runs(tmp_path):
    folder = msd_folder(tmp_path / "d", ("case_0", "case_1"), name="Ours")
    _, label = organ((12, 10, 5), np.random.default_rng(0))
    save_nifti(folder / "labelsTr" / "case_1.nii.gz", np.stack([1 - label, label], axis=-1))
    with pytest.raises(InputError, match="case_1.nii.gz has shape .12, 10, 5, 2., 2 channels"):
        msd(folder).fingerprint()


@pytest.mark.parametrize(
    "text",
    ['{"a":' * 100_000, "1" * 6000, '{"training": [{"image": "\\ud800", "label": "b"}]}', "\x00"],
)
def test_hostile_dataset_json_is_refused(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError, match="dataset.json"):
        msd(tmp_path)


def test_labels_by_odd_digits_are_refused(tmp_path):
    folder = msd_folder(tmp_path / "d", name="Ours", labels={"0": "background", "²": "organ"})
    with pytest.raises(InputError, match='"labels" must map'):
        msd(folder)


# ---- own images under the name of published ones ----


@pytest.mark.parametrize("name", ["PROSTATE", "MSD Task05_Prostate", "msd task05_prostate"])
def test_own_cases_are_not_called_by_a_releases_name(tmp_path, name):
    folder = msd_folder(tmp_path / "Task05_Prostate", ("clinic_00", "prostate_00"), name=name)
    source = msd(folder)
    assert source.title in ("PROSTATE", f"{name} (own cases)")
    assert not TASKS["prostate"].has_papers_images(source.kind, source.title)
    cases_of = MsdSource.cases_of(TASKS["prostate"].published, source.title)
    assert cases_of is None


def test_a_part_of_the_release_says_so(tmp_path):
    folder = msd_folder(tmp_path / "d", ("prostate_00", "prostate_01"))
    source, release = msd(folder), TASKS["prostate"].published
    assert source.title == "MSD Task05_Prostate (2 of 32 cases)"
    assert not TASKS["prostate"].has_papers_images(source.kind, source.title)
    assert MsdSource.cases_of(release, source.title) is None
    listed = MsdSource.cases_of(release, source.title, ["prostate_01", "prostate_00"])
    assert listed is not None and {case.id for case in listed} == {"prostate_00", "prostate_01"}
    with pytest.raises(ValueError, match="has no case"):
        MsdSource.cases_of(release, source.title, ["clinic_00", "prostate_00"])
    with pytest.raises(ValueError, match="3 of 32 cases"):
        MsdSource.cases_of(release, source.title, [f"prostate_0{n}" for n in (0, 1, 2)])


def test_own_images_in_the_layout_of_busi(tmp_path):
    root = busi_folder(tmp_path / "data", malignant=3)
    folder = root / "Dataset_BUSI_with_GT" / "malignant"
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("malignant", "clinic"))
    source = BusiSource.open_at(TASKS["breast"], root, SourceOptions())
    assert source.title == "data, malignant" and source.licence == "not stated"
    assert "3 of 3 images are none of the published ones of BUSI" in source.notes[0]


@pytest.mark.parametrize("title", ["MSD Task05_Prostate", "BUSI", "busi (malignant)"])
def test_a_yaml_file_cannot_take_a_releases_name(tmp_path, title):
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "masks" / "a.png")
    (tmp_path / "mine.yaml").write_text(
        f"dataset: breast\ntitle: {title}\nimages: images\nmasks: masks\n"
    )
    with pytest.raises(InputError, match="line 2: title is .*, the name of published images"):
        open_source("breast", str(tmp_path / "mine.yaml"), phantom_cases=1, phantom_size=64)
