"""What `data verify` finds, and the contact sheet."""

import shutil

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError
from datasets.fetching.verify import verify
from datasets.slices.preview import contact_sheet
from datasets.sources.open import open_source
from tests.support.made_images import (
    RAS_MM,
    busi_folder,
    msd_folder,
    organ,
    save_nifti,
    write_description,
)


def found(findings, level: str) -> list[str]:
    return [finding.text for finding in findings if finding.level == level]


def test_a_sound_folder_has_nothing_to_complain_of(tmp_path):
    msd_folder(tmp_path / "Task05_Prostate", name="Mine")
    seen = []
    findings = verify(
        "prostate", tmp_path, lambda done, total, **fields: seen.append((done, total))
    )
    assert found(findings, "ok") == ["Mine: 3 of 3 cases read without error."]
    assert len(findings) == 1
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_every_kind_of_damage_is_found(tmp_path):
    ids = tuple(f"prostate_{number:02d}" for number in (0, 1, 2, 10, 4, 13, 6, 7))
    folder = msd_folder(tmp_path / "Task05_Prostate", ids)
    image, label = organ((12, 10, 5), np.random.default_rng(0))
    moved, nudged = RAS_MM.copy(), RAS_MM.copy()
    moved[0, 3] += 4
    nudged[0, 3] += 0.1
    (folder / "imagesTr" / "prostate_00.nii.gz").unlink()
    (folder / "imagesTr" / "prostate_01.nii.gz").write_bytes(b"broken")
    save_nifti(folder / "labelsTr" / "prostate_02.nii.gz", label[:, :, :4])
    save_nifti(folder / "labelsTr" / "prostate_10.nii.gz", label * 0)
    save_nifti(folder / "labelsTr" / "prostate_04.nii.gz", label, nudged)
    shutil.copy(
        folder / "imagesTr" / "prostate_13.nii.gz", folder / "imagesTr" / "prostate_06.nii.gz"
    )
    save_nifti(folder / "imagesTr" / "spare.nii.gz", image)
    (folder / "labelsTr" / "prostate_07.nii.gz").write_bytes(b"broken")

    errors = found(verify("prostate", tmp_path), "error")
    assert len(errors) == 3
    assert "1 of 8 images are missing" in errors[0]
    assert "imagesTr/prostate_01.nii.gz as NIfTI" in errors[1]
    assert "labelsTr/prostate_07.nii.gz as NIfTI" in errors[2]
    save_nifti(folder / "imagesTr" / "prostate_01.nii.gz", image)
    save_nifti(folder / "labelsTr" / "prostate_07.nii.gz", label, moved)
    findings = verify("prostate", tmp_path)
    errors, warnings = found(findings, "error"), found(findings, "warning")
    assert "1 of 8 images are missing (prostate_00)" in errors[0]
    assert "case prostate_02: image and mask differ in shape" in errors[1]
    assert "prostate_07.nii.gz lie 8 voxels apart" in errors[2]
    assert errors[3] == "MSD Task05_Prostate (7 of 32 cases): 5 of 7 cases read without error."
    assert len(errors) == 4
    assert warnings == [
        "MSD Task05_Prostate (7 of 32 cases): dataset.json lists 8 cases; published are 32.",
        "MSD Task05_Prostate (7 of 32 cases): 1 files are not listed in dataset.json and not read"
        " (imagesTr/spare.nii.gz).",
        "case prostate_04: by their headers, image and label lie 0.2 voxels apart.",
        "MSD Task05_Prostate (7 of 32 cases): 1 of 7 masks are empty (prostate_10).",
        "prostate_13 and prostate_06 are the same image; cross-validation may put them into"
        " different folds.",
    ]
    assert not found(findings, "ok")


def test_all_classes_of_busi_are_read(tmp_path):
    busi_folder(tmp_path, malignant=3, benign=2, normal=2)
    empty = tmp_path / "Dataset_BUSI_with_GT" / "benign" / "benign (1)_mask.png"
    Image.fromarray(np.zeros((20, 30), bool)).save(empty)
    findings = verify("breast", tmp_path)
    assert found(findings, "error") == []
    assert found(findings, "warning") == [
        "BUSI (benign, 2 of 437 images): 1 of 2 masks are empty (benign (1))."
    ]
    assert any(
        "2 of 2 masks are empty, as is right without a lesion" in text
        for text in found(findings, "note")
    )
    assert (
        sum("patients and pixel sizes are not recorded" in text for text in found(findings, "note"))
        == 1
    )


def test_nothing_there_is_one_finding(tmp_path):
    assert len(verify("breast", tmp_path)) == 1
    write_description(tmp_path / "Task05_Prostate", ("prostate_00",))
    (finding,) = verify("prostate", tmp_path)
    assert finding.level == "error"
    assert "1 of 1 images are missing" in finding.text


@pytest.mark.parametrize(
    ("dataset", "count", "tiles"), [("prostate", 2, (5, 2)), ("breast", 5, (4, 2))]
)
def test_a_contact_sheet_is_a_picture_with_outlines(tmp_path, dataset, count, tiles):
    source = open_source(dataset, "phantom", phantom_cases=6, phantom_size=48)
    out = contact_sheet(source, tmp_path / "sheets" / "sheet.png", count)
    picture = np.asarray(Image.open(out).convert("RGB")).astype(int)
    height, width, _ = picture.shape
    assert width / height == pytest.approx(tiles[0] * 2.1 / (tiles[1] * 2.3 + 0.6), rel=0.1)
    orange = (picture[..., 0] > 220) & (abs(picture[..., 1] - 159) < 40) & (picture[..., 2] < 90)
    assert orange.sum() > 200
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]


def test_a_sheet_shows_pixels_in_their_true_proportion(tmp_path):
    affine = np.diag([-0.5, -1.0, 3, 1])
    folder = msd_folder(
        tmp_path / "Task05_Prostate", ("prostate_00",), shape=(20, 20, 5), affine=affine
    )
    image = np.full((20, 20, 5), 100.0, np.float32)
    image[:2, :2] = 0
    save_nifti(folder / "imagesTr" / "prostate_00.nii.gz", image, affine)
    source = open_source("prostate", "msd", tmp_path, phantom_cases=1, phantom_size=64)
    picture = np.asarray(
        Image.open(contact_sheet(source, tmp_path / "sheet.png", 1)).convert("L")
    ).astype(int)
    bright = picture[120:] > 200
    columns = bright.any(axis=0)
    start = int(columns.argmax())
    width = int((~columns[start:]).argmax())
    height = int(bright[:, start : start + width].any(axis=1).sum())
    assert height / width == pytest.approx(2, rel=0.03)


def test_a_sheet_of_no_cases_is_refused(tmp_path):
    source = open_source("breast", "phantom", phantom_cases=2, phantom_size=48)
    with pytest.raises(InputError, match="at least 1 case"):
        contact_sheet(source, tmp_path / "sheet.png", 0)


def test_a_sheet_of_edge_detectors(tmp_path):
    from datasets.slices.preview import edge_sheet

    source = open_source("prostate", "phantom", phantom_cases=3, phantom_size=64)
    path = edge_sheet(source, tmp_path / "edges.png", 2, size=64)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] > 600
    orange = np.abs(pixels - (255, 159, 28)).sum(-1) < 30
    assert orange.sum() > 500, "the mask boundary stands in every column but the first"
    assert not orange[:, : pixels.shape[1] // 4 - 10].any()


def test_options_of_the_edge_sheet_need_it(call):
    code, _, err = call("data", "preview", "prostate", "--source", "phantom", "--size", "64")
    assert code == 2 and "add --edges" in err


def test_near_copies_are_listed_and_those_across_folds_counted(tmp_path):
    folder = busi_folder(tmp_path, malignant=12, benign=3, normal=3) / "Dataset_BUSI_with_GT"
    rng, names = np.random.default_rng(0), ["malignant (3)", "malignant (8)", "benign (2)"]
    for path in folder.glob("*/*.png"):
        if "_mask" not in path.name:
            image = np.kron(rng.integers(0, 255, (12, 12)), np.ones((5, 5)))
            Image.fromarray(image.astype(np.uint8)).save(path)
            Image.fromarray(np.eye(60) > 0).save(path.with_name(f"{path.stem}_mask.png"))
    original = np.asarray(Image.open(folder / "malignant" / "malignant (3).png"))
    for name, brighter in zip(names[1:], (20, 40), strict=True):
        copy = Image.fromarray((original // 2 + brighter).astype(np.uint8))
        copy.save(folder / name.split()[0] / f"{name}.png")
    warnings = found(verify("breast", tmp_path), "warning")
    pairs = [text for text in warnings if "are near copies (correlation 1.000" in text]
    assert len(pairs) == 3 and all(sum(name in text for name in names) == 2 for text in pairs)
    (counted,) = (text for text in warnings if "clusters of near copies" in text)
    assert "12 of 210 images): clusters of near copies: 1, with 2 of 12 cases;" in counted
    assert "3 folds, 2 of 12 test cases have a near copy" in counted
