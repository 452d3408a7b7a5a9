"""The readers on real images, where they are at hand."""

import numpy as np
import pytest

from benchmark.core.errors import InputError
from datasets.files import nifti, raster
from datasets.slices.preparation import Prepared, prepare
from datasets.sources.base import SourceOptions
from datasets.sources.open import open_source

pytestmark = pytest.mark.data


def opened(dataset, data_root, **options):
    return open_source(
        dataset,
        "auto",
        data_root,
        phantom_cases=1,
        phantom_size=64,
        options=SourceOptions(**options),
    )


def test_slices_with_more_than_20_foreground_pixels(data_root):
    """475 of the 602 slices of MSD prostate (Q32), whole prostate = both zones."""
    kept = total = 0
    for path in sorted((data_root / "msd" / "Task05_Prostate" / "labelsTr").glob("*.nii.gz")):
        pixels = np.count_nonzero(nifti.read_labels(path, path), axis=(1, 2))
        kept, total = kept + int((pixels > 20).sum()), total + len(pixels)
    assert (kept, total) == (475, 602)


def test_incomplete_folders_are_refused(data_root):
    with pytest.raises(InputError, match="32 of 32 images are missing .*data fetch prostate"):
        opened("prostate", data_root / "msd")
    with pytest.raises(InputError, match="40 of 41 images are missing"):
        opened("spleen", data_root / "msd")


def test_promise12_lies_with_the_rectum_below(data_root, tmp_path):
    source = opened("prostate", data_root / "promise12")
    assert source.title == "PROMISE12 (resampled to 128x128x32)"
    case = source.load("promise12_00")
    assert case.image.shape == (32, 128, 128)
    assert (case.spacing, case.spacing_unit) == ((1.0, 1.0, 1.0), "voxel")
    # An endorectal coil: behind the prostate, the brightest tissue of the image and the dark coil.
    rows = np.flatnonzero(case.mask.any(axis=(0, 2)))
    middle = case.image[16]
    assert middle[rows[-1] :].max() > 2 * middle[: rows[0]].max()


def test_a_ct_volume_in_hounsfield_units(data_root, tmp_path):
    source = opened("spleen", data_root / "msd", allow_incomplete=True)
    case = source.load("spleen_8")
    assert case.image.shape == (32, 512, 512)
    assert case.spacing == (7.5, 0.785156, 0.785156)
    assert case.image.min() <= -1000
    assert 30 < case.image[case.mask > 0].mean() < 200
    # The spleen lies on the patient's left, which is the right half of the picture.
    assert np.flatnonzero(case.mask.any(axis=(0, 1))).min() > 256
    prepare(source, tmp_path / "out", size=128, intensity="ct-window", edge="scharr")
    data = Prepared(tmp_path / "out")
    native = data.to_native("spleen_8", data.masks.astype(np.float32), data.z_index)
    assert 2 * (native & case.mask).sum() / (native.sum() + case.mask.sum()) > 0.98


def test_busi_masks_are_not_empty(data_root):
    source = opened("breast", data_root / "busi", busi_class="both")
    assert len(source.cases()) == 167
    assert source.cases()[1].id == "malignant (2)"
    folder = data_root / "busi" / "Dataset_BUSI_with_GT"
    for name in ("malignant (1)", "malignant (53)", "benign (4)", "benign (54)", "benign (195)"):
        case = source.load(name)
        share = case.mask.mean()
        assert 0.005 < share < 0.6
        # Joined masks hold every single one.
        for file in case.info.files[1:]:
            assert case.mask[raster.read_labels(folder / file) > 0].all()
    assert len(source.load("benign (195)").info.files) == 4
