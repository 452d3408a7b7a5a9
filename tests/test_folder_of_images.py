"""Synthetic images of another tool, from a folder: audited, trained with, and refused where they
could leak."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.core.errors import InputError
from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from benchmark.results.folder_audit import nearest_ratio
from benchmark.store.store import Store
from datasets.slices.made_images import open_made_folder
from reports.comparison.groups import make_groups
from reports.comparison.repeat_command import repeat_command
from tests.support.made_folder import write_made
from tests.support.runs import run

SETS = ("phantom_cases=9", "n_folds=3", "epochs=2", "validation_share=0.4")


def asked(method: str, *sets: str, ratio: int | None = None) -> Request:
    return Request(
        dataset="breast",
        source="phantom",
        architecture="unet",
        folds=(0,),
        method=method,
        ratio=ratio,
        sets=(*SETS, *sets),
    )


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """The parts of fold 0, and how a run of none prepared its cases."""
    folder = tmp_path_factory.mktemp("store")
    code, (record,) = run(folder, asked("none"))
    assert code == 0
    return folder, record


def folder_of(path, split, ids, count=5):
    rng = np.random.default_rng(0)
    pairs = {}
    for number in range(count):
        mask = np.zeros((40, 40), bool)
        mask[5 + number : 20, 8:25] = True
        image = (rng.integers(0, 80, (40, 40)) + 120 * mask).astype(np.uint8)
        pairs[f"s{number}"] = (image, mask)
    told = "" if ids is None else f"tool: ours\ntraining_ids: [{', '.join(ids)}]\n"
    return write_made(path, pairs, told)


def plan_of(request):
    settled = settle(request)
    opened = open_request(settled)
    return plan_run(resolve(settled, opened)[0], opened.cases, opened.options)


def test_a_run_trains_with_the_folder_under_all_rules(split, tmp_path):
    store, none = split
    made = folder_of(tmp_path / "made", split, none.split.train)
    request = asked(f"folder:{made}", "audit=true", ratio=2)
    assert request.method == "folder"
    code, records = run(store, request)
    (record,) = [one for one in records if one.spec.method.name == "folder"]
    assert code == 0 and record.status == "done"
    assert record.budget.optimiser_steps == none.budget.optimiser_steps
    assert record.budget.synthetic_presentations > 0
    assert record.split.test == none.split.test
    assert record.samples.paired and len(record.samples.rows) == len(none.split.train)
    text = record.model_dump_json()
    assert str(tmp_path) not in text, "a record names no folder of a machine"
    assert record.spec.method.generator["declared"] == list(none.split.train)
    assert "generator.images=DIR" in repeat_command(record.spec)
    assert record.spec.method.changed == {}
    (group,) = make_groups([none, record])
    assert list(group.by_label) == ["none", "folder"]
    made_by = next(one for one in record.stages if one.stage == "synthesize")
    images = np.load(Store(store).folder("synthesize", made_by.key) / "images.npy")
    shown = {image.tobytes() for variant in images for image in variant}
    assert len(shown) == min(5, 2 * len(none.split.train)), "every image has its turn"


def test_a_folder_elsewhere_is_the_same_run_and_another_content_is_not(split, tmp_path):
    _, none = split
    here, there, other = (
        asked(f"folder:{folder_of(tmp_path / name, split, none.split.train, count)}")
        for name, count in (("a", 5), ("b", 5), ("c", 6))
    )
    assert plan_of(here).run.key == plan_of(there).run.key != plan_of(other).run.key
    assert settle(here).places != settle(there).places


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (None, "does not declare which cases its tool was trained on.*only audit it"),
        ("test", "was trained on 1 of the test cases .*give a --fold whose test cases it has not"),
        ("foreign", r"training_ids names 1 cases that the source does not have \(x9\)"),
    ],
)
def test_a_folder_that_may_leak_is_refused(split, tmp_path, ids, message):
    parts = split[1].split
    declared = {
        None: None,
        "test": [*parts.train, parts.test[0]],
        "foreign": [*parts.train, "x9"],
    }[ids]
    made = folder_of(tmp_path, split, declared)
    with pytest.raises(InputError, match=message):
        plan_of(asked(f"folder:{made}"))


def test_a_changed_folder_is_another_one(split, tmp_path):
    _, none = split
    made = folder_of(tmp_path, split, none.split.train)
    with pytest.raises(InputError, match="it is another folder"):
        plan_of(asked(f"folder:{made}", "generator.images_version=sha256:00"))
    with pytest.raises(InputError, match="needs a folder of images: --method folder:FOLDER"):
        plan_of(asked("folder"))


def words(made, store):
    return [
        *("audit", made, "--dataset", "breast", "--source", "phantom", "--architecture", "unet"),
        *("--preset", "smoke", "--store", store, "--device", "cpu", "--logger", "none"),
        *(word for text in SETS for word in ("--set", text)),
    ]


def test_the_audit_stands_beside_real_images_and_needs_no_ids(call, split, tmp_path):
    store, none = split
    made = folder_of(tmp_path / "made", split, None)
    code, out, err = call(*words(made, store))
    assert code == 0, err
    assert "declares no training ids" in out
    found = json.loads((made / "audit" / "audit.json").read_text())
    numbers = {one["measure"]: one for one in found["measures"]}
    assert found["judge"] == none.key, "the segmenter of method none is taken from the store"
    assert numbers["copied, share"]["folder"] == 0 < numbers["label agreement"]["real"]
    assert numbers["nearest-neighbour distance ratio"]["folder"] <= 1
    assert not any("EfficientNet" in name for name in numbers), "its weights were not fetched"
    assert "| label agreement |" in (made / "audit" / "audit.md").read_text()


def test_copies_of_training_images_are_found_and_sources_give_fidelity(call, split, tmp_path):
    from datasets.slices.preparation import Prepared

    store, none = split
    prepared = next(one for one in none.stages if one.stage == "prepare")
    data = Prepared(Store(store).folder("prepare", prepared.key))
    rows = data.rows(none.split.train)
    pairs = {f"c{row}": (data.images[row], data.masks[row] > 0) for row in rows}
    sources = ", ".join(
        f"c{row}: {name}" for row, name in zip(rows, data.slice_ids(rows), strict=True)
    )
    told = f"training_ids: [{', '.join(none.split.train)}]\nsources: {{{sources}}}\n"
    made = write_made(tmp_path / "made", pairs, told)
    assert call(*words(made, store))[0] == 0
    found = json.loads((made / "audit" / "audit.json").read_text())
    numbers = {one["measure"]: one["folder"] for one in found["measures"]}
    assert numbers["copied, share"] == 1 and numbers["to the nearest training slice"] < 1e-3
    assert numbers["nearest-neighbour distance ratio"] < 0.01
    assert numbers["MAE"] == 0 and numbers["SSIM"] == pytest.approx(1)


def test_an_audit_of_a_wrong_folder_is_one_sentence(call, split, tmp_path):
    store, _ = split
    made = folder_of(tmp_path / "made", split, ["x9"])
    code, _, err = call(*words(made, store))
    assert code == 2 and "training_ids names 1 cases that the source does not have (x9)" in err
    (made / "masks" / "s0.png").unlink()
    code, _, err = call(*words(made, store))
    assert code == 2 and "1 of 5 images have no mask in masks/ (s0)" in err


@pytest.mark.slow
def test_the_example_of_plain_diffusers_writes_such_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    drawn = {f"p{n}": (rng.integers(0, 255, (64, 64), np.uint8), np.eye(64) > 0) for n in range(3)}
    real = write_made(tmp_path / "real", drawn)
    program = Path(__file__).parents[1] / "examples" / "outside_tool.py"
    numbers = ["--steps", "2", "--denoising", "2", "--count", "3", "--cases", "p0,p2"]
    subprocess.run([sys.executable, program, real, tmp_path / "out", *numbers], check=True)
    made = open_made_folder(tmp_path / "out")
    assert made.training_ids == ("p0", "p2") and "diffusers" in made.tool
    images, masks = made.load(64)
    assert images.shape == masks.shape == (3, 64, 64) and images.std() > 1


def test_the_ratio_is_of_two_cases_by_hand():
    training = np.eye(3)
    owners = np.array([0, 0, 1])
    near = np.array([[0.8, 0.6, 0.0]])
    far = np.sqrt(2 - 2 * np.array([0.8, 0.6, 0.0]))
    assert nearest_ratio(near, np.array([-1]), training, owners) == pytest.approx(far[0] / far[2])
    assert np.isnan(nearest_ratio(near, np.array([0]), training, owners)).all(), "one case is left"


def test_a_request_names_its_setting_whatever_the_path():
    request = replace(asked("none"), method='folder:a: "b" #1')
    assert request.method == "folder"
    with pytest.raises(InputError, match='a: "b" #1: there is no such folder'):
        settle(request)
