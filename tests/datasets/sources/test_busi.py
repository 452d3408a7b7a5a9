"""BUSI: every kind of mask file is read right, classes and their order, what is missing."""

import shutil

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError
from datasets.sources.base import SourceOptions
from datasets.sources.busi import BusiSource, busi_class_of, subset_title
from datasets.tasks.catalogue import TASKS
from tests.support.made_images import busi_folder


def opened(root, **options) -> BusiSource:
    return BusiSource.open_at(TASKS["breast"], root, SourceOptions(**options))


@pytest.fixture
def root(tmp_path):
    return busi_folder(tmp_path, malignant=11, benign=3, normal=2)


def test_cases_are_in_natural_order(root):
    source = opened(root)
    assert [case.id for case in source.cases()] == [
        f"malignant ({number})" for number in range(1, 12)
    ]
    assert source.title == "BUSI (malignant, 11 of 210 images)"
    assert source.licence == "CC BY 4.0"
    assert source.cases()[0].files == (
        "malignant/malignant (1).png",
        "malignant/malignant (1)_mask.png",
    )
    assert source.task.prompt(source.cases()[0].stratum) == "ultrasound, breast, malignant lesion"


def test_both_classes_are_strata_and_normal_has_empty_masks(root):
    both = opened(root, busi_class="both")
    assert [case.stratum for case in both.cases()] == ["malignant"] * 11 + ["benign"] * 3
    assert both.title == "BUSI (malignant and benign, 14 of 647 images)"
    normal = opened(root, busi_class="normal")
    assert not normal.load("normal (1)").mask.any()
    assert normal.task.prompt(normal.cases()[0].stratum) == "ultrasound, breast, no lesion"


def test_the_class_folder_itself_may_be_the_data_root(root):
    assert opened(root).fingerprint() == opened(root / "Dataset_BUSI_with_GT").fingerprint()


def test_a_case_is_one_slice_in_pixels(root):
    case = opened(root).load("malignant (3)")
    assert case.image.shape == case.mask.shape == (1, 20, 30)
    assert case.image.dtype == np.float32
    assert (case.spacing, case.spacing_unit, case.affine) == ((1.0, 1.0, 1.0), "px", None)
    assert case.mask[0, 5:11, 4:13].all()
    assert case.mask.sum() == 6 * 9


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "0/1"])
def test_masks_of_every_kind_read_the_same(root, mode):
    path = root / "Dataset_BUSI_with_GT" / "malignant" / "malignant (2)_mask.png"
    mask = np.zeros((20, 30), bool)
    mask[3:9, 2:20] = True
    if mode == "0/1":
        Image.fromarray(mask.astype(np.uint8)).save(path)
    elif mode == "I;16":
        Image.fromarray(mask.astype(np.uint16) * 65535).save(path)
    elif mode == "P":
        # The foreground's index is 0: only its colour says that it is white.
        palette = Image.fromarray((~mask).astype(np.uint8), "P")
        palette.putpalette([255, 255, 255, 0, 0, 0])
        palette.save(path)
    else:
        Image.fromarray(mask).convert("L" if mode == "1" else mode).convert(mode).save(path)
    if mode in ("1", "P"):
        assert Image.open(path).mode == mode
    assert np.array_equal(opened(root).load("malignant (2)").mask[0], mask)


def test_several_masks_of_one_image_are_joined(root):
    folder = root / "Dataset_BUSI_with_GT" / "malignant"
    first = opened(root).load("malignant (2)").mask[0]
    second, third = np.zeros((20, 30), bool), np.zeros((20, 30), np.uint8)
    second[15:18, 20:25], third[0:2, 0:2] = True, 255
    Image.fromarray(second).save(folder / "malignant (2)_mask_1.png")
    Image.fromarray(third).convert("RGBA").save(folder / "malignant (2)_mask_2.png")
    source = opened(root)
    assert len(source.cases()) == 11
    assert np.array_equal(source.load("malignant (2)").mask[0], first | second | (third > 0))


def test_colour_becomes_luminance(root):
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[..., 1] = 200
    Image.fromarray(colour).save(root / "Dataset_BUSI_with_GT" / "malignant" / "malignant (2).png")
    assert np.all(opened(root).load("malignant (2)").image == round(0.587 * 200))


def test_a_mask_of_several_greys_is_refused(root):
    grey = np.zeros((20, 30), np.uint8)
    grey[3, :3] = (60, 120, 255)
    Image.fromarray(grey).save(
        root / "Dataset_BUSI_with_GT" / "malignant" / "malignant (2)_mask.png"
    )
    with pytest.raises(
        InputError, match=r"malignant \(2\)_mask.png holds unexpected labels: 60, 120, 255"
    ):
        opened(root).load("malignant (2)")


def test_a_mask_of_another_size_and_a_damaged_file_are_refused(root):
    folder = root / "Dataset_BUSI_with_GT" / "malignant"
    Image.fromarray(np.zeros((20, 31), bool)).save(folder / "malignant (2)_mask.png")
    with pytest.raises(InputError, match=r"1 x 20 x 30 \(z, y, x\) against 1 x 20 x 31"):
        opened(root).load("malignant (2)")
    damaged = folder / "malignant (3).png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(InputError, match=r"cannot read the image .*malignant \(3\).png"):
        opened(root).load("malignant (3)")
    (folder / "malignant (4).png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"malignant \(4\).png"):
        opened(root).load("malignant (4)")


def test_images_without_mask_are_refused_or_left_out(root):
    folder = root / "Dataset_BUSI_with_GT" / "malignant"
    (folder / "malignant (2)_mask.png").unlink()
    (folder / "malignant (5).png").unlink()
    with pytest.raises(
        InputError, match=r"1 of 10 images have no mask \(malignant \(2\)\) and 1 of 10 masks"
    ):
        opened(root)
    source = opened(root, allow_incomplete=True)
    assert len(source.cases()) == 9
    assert "going on with the complete ones (9)" in source.notes[0]


def test_missing_folders_are_named(root, tmp_path):
    shutil.rmtree(root / "Dataset_BUSI_with_GT" / "benign")
    with pytest.raises(InputError, match="holds no folder 'benign'"):
        opened(root, busi_class="both")
    for path in (root / "Dataset_BUSI_with_GT" / "normal").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="no PNG images found.*data fetch breast"):
        opened(root, busi_class="normal")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(
        InputError, match="neither Dataset_BUSI_with_GT nor the class folders.*found: nothing"
    ):
        opened(empty)


def test_predictions_are_written_as_png(root, tmp_path):
    source = opened(root)
    mask = source.load("malignant (7)").mask
    out = source.write_mask("malignant (7)", mask, tmp_path / "out" / "malignant (7).png")
    assert np.array_equal(np.asarray(Image.open(out)), mask[0] * 255)
    assert [path.name for path in out.parent.iterdir()] == ["malignant (7).png"]


def test_the_fingerprint_tells_classes_and_content_apart(root):
    prints = {
        opened(root, busi_class=name).fingerprint()
        for name in ("malignant", "benign", "both", "normal")
    }
    assert len(prints) == 4
    Image.fromarray(np.ones((20, 30), bool)).save(
        root / "Dataset_BUSI_with_GT" / "benign" / "benign (1)_mask.png"
    )
    assert opened(root, busi_class="benign").fingerprint() not in prints
    assert opened(root).fingerprint() in prints


@pytest.mark.parametrize("present", [1, 210])
@pytest.mark.parametrize("busi_class", ["malignant", "benign", "both", "normal"])
def test_the_class_is_read_off_the_title(busi_class, present):
    counts = dict.fromkeys(
        ("malignant", "benign") if busi_class == "both" else (busi_class,), present
    )
    assert busi_class_of(subset_title(TASKS["breast"].published, busi_class, counts)) == busi_class
    assert busi_class_of("our ultrasound") is None
