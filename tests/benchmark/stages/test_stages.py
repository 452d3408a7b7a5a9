"""Parts of stages with a known answer: stretching z (Q23), cases without a kept slice (Q9)."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from benchmark.metrics.case import case_metrics
from benchmark.metrics.scoring import stretch_z
from benchmark.stages.base import Context
from benchmark.stages.score import ScoreSpec, run
from datasets.slices.intensity import resampled_mask
from datasets.slices.preparation import Prepared, prepare
from datasets.sources.open import open_source


def test_stretching_repeats_slices_evenly():
    volume = np.arange(4)[:, None, None].repeat(2, 1).repeat(2, 2)
    assert stretch_z(volume, 8)[:, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert stretch_z(volume, 4)[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert stretch_z(volume, 6)[:, 0, 0].tolist() == [0, 1, 1, 2, 3, 3]


def test_stretching_moves_distances_along_z():
    """Q23: the same two masks are farther apart along z once the stack is stretched with the
    spacing kept."""
    truth = np.zeros((6, 12, 12), np.uint8)
    truth[2:4, 3:9, 3:9] = 1
    prediction = np.roll(truth, 1, 0)

    def hd95(a, b):
        return case_metrics(a, b, (4.0, 1.0, 1.0), empty_policy="penalty", nsd_tolerance=1.0).hd95

    assert hd95(stretch_z(prediction, 12), stretch_z(truth, 12)) > hd95(prediction, truth)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    source = open_source("prostate", "phantom", phantom_cases=1, phantom_size=64)
    prepare(source, folder, size=64, intensity="slice-percentile", edge="scharr")
    return folder


def write_prediction(folder, z, mask):
    (folder / "predictions").mkdir(parents=True)
    np.save(folder / "predictions" / "0.npy", np.packbits(mask))
    (folder / "index.json").write_text(
        json.dumps([{"case": "phantom_00", "z": z, "shape": list(mask.shape)}])
    )


def scored(prepared, tmp_path, z, mask, **changes):
    write_prediction(tmp_path / "predict", z, mask)
    (tmp_path / "score").mkdir(parents=True)
    spec = ScoreSpec(
        **{"empty_mask": "penalty", "resize_z": False, "truth": "native", "nsd_tolerance": 2.0}
        | changes
    )
    inputs = {"prepare": prepared, "predict": tmp_path / "predict"}
    run(spec, inputs, tmp_path / "score", Context())
    return json.loads((tmp_path / "score" / "cases.json").read_text())[0]


def test_a_perfect_prediction_scores_one(prepared, tmp_path):
    truth = Prepared(prepared).truth("phantom_00")
    row = scored(prepared, tmp_path, list(range(len(truth))), truth)
    assert (row["dice"], row["hd95"], row["assd"], row["missed"], row["unit"]) == (
        1.0,
        0.0,
        0.0,
        False,
        "mm",
    )


def test_left_out_slices_are_not_scored(prepared, tmp_path):
    """Q9: false positives on slices without foreground are never counted."""
    truth = Prepared(prepared).truth("phantom_00")
    kept = [z for z in range(len(truth)) if truth[z].sum() > 20]
    assert len(kept) < len(truth)
    assert scored(prepared, tmp_path, kept, truth[kept])["dice"] == 1.0


def test_a_case_without_any_kept_slice_is_a_miss_not_a_gap(prepared, tmp_path):
    truth = Prepared(prepared).truth("phantom_00")
    row = scored(prepared, tmp_path, [], np.zeros((0, *truth.shape[1:]), np.uint8), resize_z=True)
    assert row["missed"] and row["dice"] == 0 and row["hd95"] > 0


def test_centre_pixel_shortens_the_distance_of_a_miss(prepared, tmp_path):
    truth = Prepared(prepared).truth("phantom_00")
    nothing, z = np.zeros_like(truth), list(range(len(truth)))
    penalty = scored(prepared, tmp_path / "a", z, nothing)
    centre = scored(prepared, tmp_path / "b", z, nothing, empty_mask="centre-pixel")
    assert penalty["missed"] and centre["missed"]
    assert (penalty["dice"], centre["dice"]) == (0, 2 / (1 + truth.sum()))
    assert centre["hd95"] < penalty["hd95"]


def test_a_perfect_prediction_is_perfect_against_the_resampled_truth_alone(tmp_path):
    """Q37, on a spleen-like shape of 150 x 60 of 512 px, at 384 px: what the network can give at
    best."""
    y, x = np.mgrid[:512, :512] - np.array([250.3, 330.7])[:, None, None]
    along, across = y * np.cos(0.4) + x * np.sin(0.4), x * np.cos(0.4) - y * np.sin(0.4)
    truth = ((along / 75) ** 2 + (across / 30) ** 2 <= 1).astype(np.uint8)
    small = Image.fromarray(truth).resize((384, 384), Image.Resampling.NEAREST)
    back = Image.fromarray(np.asarray(small, np.float32)).resize(
        (512, 512), Image.Resampling.BILINEAR
    )
    perfect = (np.asarray(back) > 0.5)[None]
    found = {}
    for name, against in (("native", truth[None]), ("resampled", resampled_mask(truth[None], 384))):
        metrics = case_metrics(
            perfect, against, (1.0, 1.0, 1.0), empty_policy="penalty", nsd_tolerance=1.0
        )
        found[name] = metrics.dice
    assert found["resampled"] == 1
    assert 0.988 < found["native"] < 0.995


def test_the_score_stage_resamples_the_truth(tmp_path):
    source = open_source("prostate", "phantom", phantom_cases=1, phantom_size=64)
    folder = tmp_path / "prepared"
    folder.mkdir()
    prepare(source, folder, size=48, intensity="slice-percentile", edge="scharr")
    data = Prepared(folder)
    perfect = data.to_native("phantom_00", data.masks.astype(np.float32))
    z = list(range(len(perfect)))
    native = scored(folder, tmp_path / "a", z, perfect)
    resampled = scored(folder, tmp_path / "b", z, perfect, truth="resampled")
    assert resampled["dice"] == 1 and native["dice"] < 1
    assert resampled["truth_voxels"] == perfect.sum() != native["truth_voxels"]


def test_a_row_names_the_patient_where_the_source_knows_one(prepared, tmp_path):
    truth = Prepared(prepared).truth("phantom_00")
    z = list(range(len(truth)))
    assert "patient" not in scored(prepared, tmp_path / "alone", z, truth)
    grouped = tmp_path / "grouped"
    shutil.copytree(prepared, grouped)
    file = grouped / "cases.json"
    file.write_text(file.read_text().replace('"group": "phantom_00"', '"group": "P1"'))
    assert scored(grouped, tmp_path / "shared", z, truth)["patient"] == "P1"
