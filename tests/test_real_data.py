"""Real images through the command line: whole runs on PROMISE12 and BUSI, and what incomplete
folders are told."""

import json

import nibabel
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.data
TINY = [
    word
    for text in ("epochs=1", "generator.steps=2", "generator.batch=4", "generator.sampling.steps=1")
    for word in ("--set", text)
]
RUN = (
    "run",
    "--preset",
    "smoke",
    "--device",
    "cpu",
    "--architecture",
    "unet",
    "--fold",
    "0",
    "--store",
    "s",
)


def record(tmp_path) -> dict:
    (path,) = (tmp_path / "s" / "records").glob("*.json")
    return json.loads(path.read_text())


def test_promise12_as_a_users_msd_folder(call, data_root, tmp_path):
    code, out, err = call(
        *RUN,
        "--dataset",
        "prostate",
        "--source",
        "msd",
        "--data-root",
        data_root / "promise12",
        "--method",
        "none",
        *TINY[:2],
        "--save-predictions",
        "masks",
    )
    assert code == 0, err
    assert "distances are in voxels" in out
    found = record(tmp_path)
    assert (
        found["spec"]["source"]["title"].startswith("PROMISE12")
        and not found["spec"]["source"]["synthetic"]
    )
    assert {row["unit"] for row in found["cases"]} == {"voxel"}
    assert len(found["cases"]) in (13, 14)
    for path in (tmp_path / "masks").glob("*/*.nii.gz"):
        truth = nibabel.load(data_root / "promise12" / "labelsTr" / path.name)
        mask = nibabel.load(path)
        assert mask.shape == truth.shape and np.allclose(mask.affine, truth.affine)


def test_busi_is_read_and_scored_in_pixels(call, data_root, tmp_path):
    code, out, err = call(
        *RUN,
        "--dataset",
        "breast",
        "--data-root",
        data_root / "busi",
        "--method",
        "emitdiff",
        *TINY,
        "--save-predictions",
        "masks",
    )
    assert code == 0, err
    found = record(tmp_path)
    assert found["spec"]["source"]["title"].startswith("BUSI (malignant")
    assert {row["unit"] for row in found["cases"]} == {"px"}
    # a third of 147 images, but for clusters of near copies, which stay together
    assert len(found["cases"]) == 47 and len(found["copies"]) == 17
    assert all(row["truth_voxels"] > 0 for row in found["cases"])
    name = found["cases"][0]["case"]
    (path,) = (tmp_path / "masks").glob(f"*/{name}.png")
    image = Image.open(data_root / "busi" / "Dataset_BUSI_with_GT" / "malignant" / f"{name}.png")
    assert Image.open(path).size == image.size


def test_the_hounsfield_path_of_one_real_ct(data_root, tmp_path):
    from datasets.slices.preparation import Prepared, prepare
    from datasets.sources.base import SourceOptions
    from datasets.sources.open import open_source

    source = open_source(
        "spleen",
        "msd",
        data_root / "msd",
        phantom_cases=3,
        phantom_size=64,
        options=SourceOptions(allow_incomplete=True),
    )
    for rule in ("slice-percentile", "ct-window"):
        out = tmp_path / rule
        out.mkdir()
        prepare(source, out, size=96, intensity=rule, edge="scharr")
        data = Prepared(out)
        assert data.cases[0].shape == (32, 512, 512) and data.cases[0].spacing[0] == pytest.approx(
            7.5
        )
        assert data.truth("spleen_8").sum() == source.load("spleen_8").mask.sum() > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--dataset", "prostate", "--source", "msd", "--data-root", "msd"),
            "32 of 32 images are missing",
        ),
        (("--dataset", "spleen", "--data-root", "msd"), "40 of 41 images are missing"),
        (("--dataset", "spleen", "--data-root", "msd"), "--allow-incomplete"),
        (
            ("--dataset", "spleen", "--data-root", "msd", "--allow-incomplete"),
            "too few for 3 folds",
        ),
        (("--dataset", "prostate", "--source", "msd", "--data-root", "busi"), "Task05_Prostate"),
        (
            ("--dataset", "breast", "--source", "busi", "--data-root", "promise12"),
            "Dataset_BUSI_with_GT",
        ),
        (
            ("--dataset", "breast", "--data-root", "busi", "--busi-class", "normal", *TINY[:2]),
            "slice has any foreground",
        ),
    ],
)
def test_what_is_missing_or_misplaced_is_said(call, data_root, words, says):
    pairs = zip(("", *words), words, strict=False)
    words = [data_root / word if before == "--data-root" else word for before, word in pairs]
    code, _, err = call(*RUN, "--method", "none", *words)
    assert code == 2 and says in err, err
    assert "Traceback" not in err


def test_data_verify_and_preview_of_real_images(call, data_root, tmp_path):
    code, out, _ = call("data", "verify", "breast", "--data-root", data_root / "busi")
    assert "147" in out
    root = data_root / "promise12"
    code, _, err = call(
        "data", "preview", "prostate", "--source", "msd", "--data-root", root, "--count", "4"
    )
    assert code == 0 and (tmp_path / "preview.png").stat().st_size > 20_000, err
