"""Slices as later stages read them: grey levels, masks, rows, truth, and the way back to the native
grid."""

import json
import shutil

import numpy as np
import pytest

from benchmark.core.errors import InputError
from datasets.cases import Case, CaseInfo
from datasets.slices.intensity import grey_rule, resize_linear, resize_nearest
from datasets.slices.preparation import Prepared, prepare
from datasets.sources.base import Source, SourceOptions
from datasets.sources.busi import BusiSource
from datasets.sources.msd import MsdSource
from datasets.tasks.catalogue import TASKS
from tests.support.made_images import busi_folder, msd_folder, save_nifti


class Given(Source):
    """A source of given cases."""

    kind, title, licence, notes = "folder", "given", "none", []

    def __init__(self, *given: Case, dataset: str = "prostate"):
        self.task = TASKS[dataset]
        self._given = {case.info.id: case for case in given}

    def cases(self):
        return [case.info for case in self._given.values()]

    def load(self, case_id):
        return self._given[case_id]

    def fingerprint(self):
        return "given"

    def write_mask(self, case_id, mask, out):
        raise NotImplementedError


def disc_case(name="a", shape=(4, 60, 50), empty=()) -> Case:
    rng = np.random.default_rng(len(name))
    rows, columns = np.ogrid[: shape[1], : shape[2]]
    mask = np.zeros(shape, np.uint8)
    for z in range(shape[0]):
        if z not in empty:
            mask[z] = (rows - shape[1] / 2) ** 2 + (columns - shape[2] / 2) ** 2 < (8 + 2 * z) ** 2
    image = (rng.normal(300, 30, shape) + 400.0 * mask).astype(np.float32)
    return Case(CaseInfo(name, name), image, mask, (3.0, 0.5, 0.6), "mm")


@pytest.fixture
def prepared(tmp_path):
    cases = [
        disc_case("a", empty=(0,)),
        disc_case("bb", (3, 40, 70)),
        disc_case("ccc", (2, 30, 30), empty=(0, 1)),
    ]
    (tmp_path / "out").mkdir()
    seen = []
    prepare(
        Given(*cases),
        tmp_path / "out",
        size=32,
        intensity="slice-percentile",
        edge="scharr",
        report=lambda done, total, **fields: seen.append((done, total, fields["slices"])),
    )
    assert seen == [(0, 3, 0), (1, 3, 4), (2, 3, 7), (3, 3, 9)]
    return Prepared(tmp_path / "out"), {case.info.id: case for case in cases}


def test_stacks_are_plain_arrays_of_all_slices(prepared):
    data, _ = prepared
    for stack in (data.images, data.masks, data.edges):
        assert stack.shape == (9, 32, 32)
        assert stack.dtype == np.uint8
    assert np.array_equal(np.load(data.folder / "images.npy", allow_pickle=False), data.images)
    assert set(np.unique(data.masks)) == {0, 1}
    assert data.case_index.tolist() == [0] * 4 + [1] * 3 + [2] * 2
    assert data.z_index.tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 1]


def test_every_slice_fills_the_grey_range(prepared):
    data, _ = prepared
    assert (data.images.min(axis=(1, 2)) == 0).all()
    assert (data.images.max(axis=(1, 2)) == 255).all()
    assert data.edges.any(axis=(1, 2)).all()


def test_cases_carry_what_later_stages_need(prepared):
    data, _ = prepared
    first = data.case("bb")
    assert (first.shape, first.spacing, first.spacing_unit) == ((3, 40, 70), (3.0, 0.5, 0.6), "mm")
    assert (first.first, first.count) == (4, 3)
    assert first.prompt == "MRI, prostate, whole gland"
    assert data.prompts(np.array([0, 5])) == [first.prompt] * 2
    assert data.notes == ["1 of 3 cases have an empty mask (ccc)."]


def test_rows_keep_the_asked_order_and_count_native_pixels(prepared):
    data, cases = prepared
    assert data.rows(["bb", "a"]).tolist() == [4, 5, 6, 0, 1, 2, 3]
    assert data.slice_ids(data.rows(["bb"])) == ["bb/z000", "bb/z001", "bb/z002"]
    assert data.rows([]).tolist() == []
    assert data.rows(["a"], 20).tolist() == [1, 2, 3]
    exactly = int(cases["a"].mask[2].sum())
    assert data.rows(["a"], exactly).tolist() == [3]
    assert data.rows(["a"], exactly - 1).tolist() == [2, 3]
    with pytest.raises(InputError, match="no case 'zz'"):
        data.rows(["zz"])


def test_the_truth_is_the_native_mask(prepared):
    data, cases = prepared
    for name, case in cases.items():
        truth = data.truth(name)
        assert truth.dtype == np.uint8
        assert np.array_equal(truth, case.mask)


def test_the_way_back_to_native(prepared):
    data, cases = prepared
    rows = data.rows(["a"], 0)
    native = data.to_native("a", data.masks[rows].astype(np.float32), data.z_index[rows])
    truth = cases["a"].mask
    assert native.shape == truth.shape
    assert native.dtype == np.uint8
    assert not native[0].any()
    assert 2 * (native & truth).sum() / (native.sum() + truth.sum()) > 0.95
    alone = data.to_native("a", data.masks[rows].astype(np.float32))
    assert np.array_equal(alone, native[1:])
    soft = data.to_native(
        "a", data.masks[rows].astype(np.float32), data.z_index[rows], threshold=None
    )
    assert soft.dtype == np.float32
    assert np.array_equal(soft > 0.5, native)
    with pytest.raises(InputError, match="2 predicted slices for 3"):
        data.to_native("a", np.zeros((2, 32, 32), np.float32), np.arange(3))


def test_nothing_needs_the_source_folder(tmp_path):
    folder = msd_folder(tmp_path / "Task05_Prostate")
    prepare(
        MsdSource(TASKS["prostate"], folder, SourceOptions()),
        tmp_path / "out",
        size=16,
        intensity="slice-percentile",
        edge="sobel",
    )
    shutil.rmtree(folder)
    data = Prepared(tmp_path / "out")
    assert data.truth("prostate_02").sum() > 0
    assert data.to_native("prostate_02", np.ones((5, 16, 16), np.float32)).all()


def test_a_prepared_folder_holds_no_absolute_path(tmp_path):
    source = BusiSource(
        TASKS["breast"],
        busi_folder(tmp_path, malignant=3) / "Dataset_BUSI_with_GT",
        SourceOptions(),
    )
    prepare(source, tmp_path / "out", size=16, intensity="slice-percentile", edge="scharr")
    assert str(tmp_path) not in (tmp_path / "out" / "cases.json").read_text()
    assert (
        json.loads((tmp_path / "out" / "cases.json").read_text())["cases"][0]["stratum"]
        == "malignant"
    )


def test_a_damaged_case_stops_preparation(tmp_path):
    folder = msd_folder(tmp_path / "Task05_Prostate")
    save_nifti(folder / "labelsTr" / "prostate_02.nii.gz", np.full((12, 10, 5), 9, np.uint8))
    with pytest.raises(InputError, match="prostate_02.nii.gz holds unexpected labels: 9"):
        prepare(
            MsdSource(TASKS["prostate"], folder, SourceOptions()),
            tmp_path / "out",
            size=16,
            intensity="slice-percentile",
            edge="scharr",
        )


def test_a_folder_that_holds_nothing_prepared_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no prepared data"):
        Prepared(tmp_path)


def test_slice_percentiles_clip_and_spread():
    plane = np.linspace(0, 1000, 10_000, dtype=np.float32).reshape(100, 100)
    grey = grey_rule("slice-percentile", "MRI", plane[None])(plane)
    low, high = np.percentile(plane, (0.5, 99.5))
    expected = np.rint((np.clip(plane, low, high) - low) / (high - low) * 255)
    assert np.abs(grey - expected).max() <= 1
    assert ((grey == 0).sum(), (grey == 255).sum()) == pytest.approx((70, 70), abs=2)


def test_ct_never_reaches_below_the_floor():
    plane = np.full((20, 20), -1000, np.float32)
    plane[5:15, 5:15] = 40
    plane[5, 5:8] = (-256, -108, 40)
    grey = grey_rule("slice-percentile", "CT", plane[None])(plane)
    assert grey[0, 0] == grey[5, 5] == 0
    assert grey[5, 6] == 128
    assert grey[10, 10] == 255
    mri = grey_rule("slice-percentile", "MRI", plane[None])(plane)
    assert mri[5, 5] == round(255 * 744 / 1040)


def test_volume_percentiles_keep_slices_comparable():
    volume = np.stack([np.full((50, 50), value, np.float32) for value in (0, 10, 100)])
    rule = grey_rule("volume-percentile", "MRI", volume)
    assert [int(rule(plane)[0, 0]) for plane in volume] == [0, 26, 255]
    assert not grey_rule("slice-percentile", "MRI", volume)(volume[1]).any()


def test_the_ct_window_is_fixed_and_for_ct_only():
    plane = np.array([[-300, -160, 40, 240, 900]], np.float32)
    assert grey_rule("ct-window", "CT", plane[None])(plane).tolist() == [[0, 0, 128, 255, 255]]
    with pytest.raises(InputError, match="ct-window needs CT"):
        grey_rule("ct-window", "MRI", plane[None])
    with pytest.raises(InputError, match="unknown intensity rule 'ct-windov'"):
        grey_rule("ct-windov", "CT", plane[None])


def test_resizing_keeps_places_and_means():
    ramp = np.tile(np.arange(64, dtype=np.float32), (48, 1))
    small = resize_linear(ramp, (12, 16))
    # Pixel centres: column 3 of 16 stands for columns 12 to 15 of 64.
    assert small[6, 3] == pytest.approx(13.5, abs=0.01)
    assert resize_linear(small, (48, 64))[20, 14] == pytest.approx(14, abs=0.01)
    speckle = np.random.default_rng(0).normal(100, 30, (128, 128)).astype(np.float32)
    assert resize_linear(speckle, (16, 16)).std() < 6
    mask = np.zeros((40, 40), np.uint8)
    mask[10:20, 20:40] = 1
    assert np.array_equal(resize_nearest(mask, (20, 20)), mask[::2, ::2])
    assert np.array_equal(resize_nearest(resize_nearest(mask, (80, 80)), (40, 40)), mask)
