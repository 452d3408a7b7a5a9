"""A folder of synthetic images: what is read of it, and what is refused in one sentence."""

import os
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError
from datasets.slices.made_images import open_made_folder
from tests.support.made_folder import write_made


def test_images_become_slices_of_the_working_size(tmp_path):
    image = np.zeros((32, 32), np.uint8)
    image[:, 16:] = 200
    write_made(tmp_path, {"b10": (image, image > 0), "b2": (image.T, image.T > 0)})
    made = open_made_folder(tmp_path)
    assert made.names == ["b2", "b10"] and made.training_ids is None and made.tool == ""
    images, masks = made.load(16)
    assert images.dtype == masks.dtype == np.uint8 and images.shape == (2, 16, 16)
    assert set(np.unique(masks)) == {0, 1} and masks[1, :, 8:].all() and not masks[1, :, :8].any()
    assert images[1, 0, 0] == 0 and images[1, 0, 15] == 200


def test_deeper_files_use_the_whole_range(tmp_path):
    image = np.linspace(0, 40_000, 64 * 64).reshape(64, 64).astype(np.uint16)
    write_made(tmp_path, {"a": (image, image > 20_000)})
    images, _ = open_made_folder(tmp_path).load(64)
    assert images.min() == 0 and images.max() == 255


def test_a_manifest_says_where_they_come_from(tmp_path):
    plane = np.eye(16, dtype=np.uint8)
    write_made(
        tmp_path,
        {"a": (plane, plane)},
        "tool: a GAN\ntraining_ids: [p1, 7, p1]\nsources: {a: p1/z003}\n",
    )
    made = open_made_folder(tmp_path)
    assert (made.tool, made.training_ids, dict(made.sources)) == (
        "a GAN",
        ("p1", "7"),
        {"a": "p1/z003"},
    )


@pytest.mark.parametrize("name", ["010", "1_0", "yes", "2024-01-01", "1.50", "0x10", "1:30"])
def test_names_in_a_manifest_are_letters(tmp_path, name):
    plane = np.eye(16, dtype=np.uint8)
    told = f"training_ids: [{name}]\nsources: {{{name}: {name}}}\n"
    write_made(tmp_path, {name: (plane, plane)}, told)
    made = open_made_folder(tmp_path)
    assert made.training_ids == (name,) and dict(made.sources) == {name: name}


def test_names_in_either_form_belong_together(tmp_path):
    plane = np.eye(16, dtype=np.uint8)
    composed, decomposed = (unicodedata.normalize(form, "\u00e9") for form in ("NFC", "NFD"))
    write_made(tmp_path, {decomposed: (plane, plane)}, f"sources: {{{decomposed}: p1}}\n")
    os.rename(tmp_path / "masks" / f"{decomposed}.png", tmp_path / "masks" / f"{composed}.png")
    made = open_made_folder(tmp_path)
    assert made.names == [composed] and dict(made.sources) == {composed: "p1"}
    assert made.load(16)[1].sum() == 16


def test_a_mask_is_no_image(tmp_path):
    plane = np.eye(16, dtype=np.uint8)
    write_made(tmp_path, {"a": (plane, plane), "b": (plane, plane)})
    shutil.copy(tmp_path / "masks" / "b.png", tmp_path / "images" / "a.png")
    with pytest.raises(InputError, match="images/a.png is the same file as the mask"):
        open_made_folder(tmp_path).fingerprint()


def test_the_fingerprint_is_of_the_content_and_of_what_is_declared(tmp_path):
    plane = np.eye(16, dtype=np.uint8)
    found = {}
    for name, image, told in (
        ("one", plane, "training_ids: [p1]\n"),
        ("copy", plane, "training_ids: [p1]\ntool: renamed\n"),
        ("other ids", plane, "training_ids: [p2]\n"),
        ("other image", 1 - plane, "training_ids: [p1]\n"),
    ):
        write_made(tmp_path / name, {"a": (image, plane)}, told)
        found[name] = open_made_folder(tmp_path / name).fingerprint()
    assert found["one"] == found["copy"]
    assert len(set(found.values())) == 3


def _without(part):
    return lambda folder: (folder / part / "b.png").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without("masks"), r"1 of 2 images have no mask in masks/ \(b\)"),
        (
            lambda folder: Image.new("L", (8, 16)).save(folder / "masks" / "b.png"),
            "is a mask of 16 x 8 px, and its image b.png has 16 x 16 px",
        ),
        (lambda folder: (folder / "images" / "b.png").write_bytes(b"x"), "cannot read the image"),
        (
            lambda folder: Image.new("L", (16, 16)).save(folder / "images" / "b.tif"),
            "holds two files for 'b'",
        ),
        (
            lambda folder: (folder / "manifest.yaml").write_text("training_ids: p1\n"),
            "line 1: training_ids must be a list of ids",
        ),
        (
            lambda folder: (folder / "manifest.yaml").write_text("training_ids: [a, null]\n"),
            "line 1: training_ids holds null where a name is meant",
        ),
        (
            lambda folder: (folder / "manifest.yaml").write_text("training_ids: [[a]]\n"),
            "line 1: training_ids holds a list where a name is meant",
        ),
        (
            lambda folder: (folder / "masks" / "c.png").symlink_to("c.png"),
            "masks/c.png leads to no file that can be opened",
        ),
        (
            lambda folder: (folder / "images" / "a\x1b.png").write_bytes(b""),
            "with a control letter",
        ),
        (
            lambda folder: (folder / "manifest.yaml").write_text("ids: [p1]\n"),
            "unknown key 'ids'",
        ),
        (
            lambda folder: (folder / "manifest.yaml").write_text("sources: {z: p1/z000}\n"),
            r"names 1 images that are not there \(z\)",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, spoil, message):
    plane = np.eye(16, dtype=np.uint8)
    write_made(tmp_path, {"a": (plane, plane), "b": (plane, plane)})
    spoil(tmp_path)
    with pytest.raises(InputError, match=message):
        open_made_folder(tmp_path).load(16)


def test_a_folder_without_its_parts_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        open_made_folder(tmp_path / "none")
    with pytest.raises(InputError, match="has no folder images/"):
        open_made_folder(tmp_path)
    write_made(tmp_path, {})
    with pytest.raises(InputError, match="holds no image"):
        open_made_folder(tmp_path)
