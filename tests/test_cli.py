"""The command line as a user meets it: exit codes, one sentence for what is wrong, no traceback."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
TINY_SETS = [
    word
    for text in (
        "phantom_cases=4",
        "n_folds=2",
        "epochs=1",
        "validation_share=0.4",
        "generator.steps=2",
        "generator.channels=[8,16]",
        "generator.batch=4",
        "generator.sampling.steps=1",
    )
    for word in ("--set", text)
]


RUN = ("run", "--source", "phantom", "--preset", "smoke", "--device", "cpu")
PROSTATE = (*RUN, "--dataset", "prostate", "--method", "emitdiff")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            (*RUN, "--dataset", "prostrate", "--method", "none"),
            "unknown dataset 'prostrate' (did you mean 'prostate'?)",
        ),
        (
            (*RUN, "--dataset", "prostate", "--method", "emit-diff"),
            "unknown method 'emit-diff' (did you mean 'emitdiff'?)",
        ),
        ((*PROSTATE, "--ratio", "-1"), "--ratio -1 is negative"),
        ((*PROSTATE, "--alpha", "1.5"), "outside [0, 1]"),
        ((*PROSTATE, "--patch-size", "13"), "does not divide the image side of 64 pixels"),
        ((*PROSTATE, "--set", "selektion=test"), "did you mean 'selection'?"),
        (
            (*PROSTATE, "--set", "selection=tests"),
            "selection=tests: input should be 'validation', 'test' or 'last'",
        ),
        ((*PROSTATE, "--set", "selection"), "not of the form name=value"),
        ((*PROSTATE, "--set", "generator.stepz=3"), "did you mean 'steps'?"),
        ((*PROSTATE, "--set", "resize_z=true"), "resize_z=true needs slices=foreground"),
        ((*PROSTATE, "--set", "intensity=ct-window"), "no Hounsfield units"),
        ((*PROSTATE, "--protocol", "rigourous"), "did you mean 'rigorous'?"),
        ((*PROSTATE, "--preset", "smokey"), "did you mean 'smoke'?"),
        ((*PROSTATE, "--architecture", "attention_unet"), "did you mean 'attention-unet'?"),
        ((*PROSTATE, "--architecture", "smp:unetplusplus:resnet999"), "resnet999"),
        ((*PROSTATE, "--transform", "gama"), "did you mean 'gamma'?"),
        ((*PROSTATE, "--fold", "7"), "folds are 0 to 2"),
        ((*PROSTATE, "--fold", "first"), "--fold first is not a list of whole numbers"),
        ((*PROSTATE, "--seeds", "a,b"), "--seeds a,b is not a list"),
        ((*PROSTATE, "--engine", "rey"), "unknown engine 'rey'"),
        ((*PROSTATE, "--address", "auto"), "--address is for --engine ray"),
        ((*PROSTATE, "--device", "cuda:x"), "unknown device"),
        ((*PROSTATE, "--set", "phantom_cases=2", "--fold", "0"), "greater than or equal to 3"),
        ((*PROSTATE, "--set", "phantom_cases=3", "--set", "n_folds=4"), "fold"),
        (
            ("run", "--dataset", "prostate", "--method", "none", "--source", "busi"),
            "does not come from busi",
        ),
        (("run", "--dataset", "prostate", "--method", "none", "--source", "msd"), "--data-root"),
        (("run", "--dataset", "prostate", "--method", "none", "--data-root", "nowhere"), "nowhere"),
        (("suite", "tabel2"), "did you mean 'table2'?"),
        (("suite", "table2", "--dataset", "prostrate"), "did you mean 'prostate'?"),
        (("stage", "abc"), "no stage"),
        (("stage", "../x"), "is not a key"),
        (("report", "--store", "empty"), "holds no records yet"),
        (("power", "--store", "empty"), "empty does not exist"),
        (("power", "--difference", "0"), "points above 0"),
        (("crosswalk", "a.png", "b.png"), "a.png"),
    ],
)
def test_bad_calls_end_in_one_sentence(call, words, says):
    code, _, err = call(*words)
    assert code == 2, err
    assert says in err, err
    assert err.startswith("error: ") and "Traceback" not in err and err.count("error:") == 1


def test_an_unwritable_store_is_said(call, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = call(*PROSTATE, "--store", tmp_path / "file")
    assert code == 2 and "cannot be written" in err and "--store" in err


def test_missing_options_are_usage_errors(call):
    code, _, err = call("run", "--method", "none")
    assert code == 2 and "--dataset" in err


def test_help_names_every_command_of_the_design():
    done = subprocess.run(
        [sys.executable, "cli.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for command in (
        "run",
        "suite",
        "status",
        "stage",
        "verify",
        "gc",
        "report",
        "power",
        "data",
        "crosswalk",
        "leaderboard",
        "doctor",
    ):
        assert f" {command} " in done.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys, cli; heavy = {'torch', 'numpy', 'pandas', 'pydantic'} & set(sys.modules);"
        " sys.exit(bool(heavy))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_another_datasets_package_is_noticed(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import cli; cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "imports `datasets` from" in done.stderr


def test_a_terminal_without_a_letter_shows_another(tmp_path):
    mask = np.zeros((9, 9), np.uint8)
    mask[3:6, 3:6] = 255
    Image.fromarray(mask).save(tmp_path / "±.png")
    done = subprocess.run(
        [sys.executable, "cli.py", "crosswalk", *[tmp_path / "±.png"] * 2],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "?.png against" in done.stdout, done.stderr


@pytest.mark.parametrize("words", [PROSTATE, ("suite", "smoke", "--device", "cpu")])
def test_engine_options_reach_the_engine(call, monkeypatch, words):
    def stop(nodes, store, how, on_done, runs):
        raise InputError(f"{how.engine} {how.workers} {how.max_failures} {how.retry_failed}")

    monkeypatch.setattr("benchmark.commands.run._compute_stages", stop)
    _, _, err = call(
        *words,
        "--engine",
        "processes",
        "--workers",
        "2",
        "--max-failures",
        "3",
        "--retry-failed",
        "--store",
        "s",
    )
    assert err == "error: processes 2 3 True"


def test_dry_run_prints_stages_and_computes_nothing(call, tmp_path):
    code, out, _ = call(*PROSTATE, "--fold", "all", "--dry-run", "--store", "s")
    assert code == 0
    assert "3 runs, 0 of them done" in out and "fit-generator" in out and "Forecast" in out
    assert not list((tmp_path / "s" / "stages").iterdir()) and not list(
        (tmp_path / "s" / "plan").iterdir()
    )


def write_msd_folder(folder, cases: int = 4, size: int = 24):
    """A small valid data set in MSD layout, made here; returns its task folder."""
    rng = np.random.default_rng(0)
    (folder / "imagesTr").mkdir(parents=True)
    (folder / "labelsTr").mkdir()
    names = [f"case_{n}.nii.gz" for n in range(cases)]
    for name in names:
        image = rng.normal(100, 20, (size, size, 5)).astype(np.float32)
        label = np.zeros((size, size, 5), np.uint8)
        label[8:16, 8:16, 1:4] = 1
        write_nifti(image + 60 * label, folder / "imagesTr" / name)
        write_nifti(label, folder / "labelsTr" / name)
    described = {
        "name": "made here",
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "prostate"},
        "numTraining": cases,
        "licence": "none",
        "training": [
            {"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names
        ],
    }
    (folder / "dataset.json").write_text(json.dumps(described))
    return folder


def write_nifti(array, path):
    image = nibabel.Nifti1Image(array, np.diag([0.6, 0.6, 3.0, 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def damage(folder, kind: str):
    """Makes one case of the folder unusable, or strange but legal."""
    image, label = folder / "imagesTr" / "case_1.nii.gz", folder / "labelsTr" / "case_1.nii.gz"
    data = nibabel.load(image).get_fdata().astype(np.float32)
    mask = np.asanyarray(nibabel.load(label).dataobj)
    if kind == "nan":
        data[3, 3, 3] = np.nan
        write_nifti(data, image)
    elif kind == "shape":
        write_nifti(mask[:-2], label)
    elif kind == "labels":
        write_nifti(mask * 7, label)
    elif kind == "empty":
        write_nifti(mask * 0, label)
    elif kind == "garbage":
        image.write_bytes(b"not an image")


USERS = (
    "run",
    "--preset",
    "smoke",
    "--device",
    "cpu",
    "--architecture",
    "unet",
    "--dataset",
    "prostate",
    "--method",
    "none",
    "--source",
    "msd",
    "--set",
    "n_folds=2",
    "--set",
    "epochs=1",
    "--set",
    "validation_share=0.4",
)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nan", "NaN"),
        ("shape", "differ in shape"),
        ("labels", "unexpected labels: 7"),
        ("garbage", "case_1.nii.gz"),
    ],
)
def test_damaged_cases_end_in_one_sentence(call, tmp_path, kind, says):
    damage(write_msd_folder(tmp_path / "data"), kind)
    code, _, err = call(*USERS, "--data-root", "data", "--store", "s")
    assert code == 2, err
    assert says in err and "case_1" in err and err.startswith("error: ")
    assert "Traceback" not in err and err.count("error:") == 1


def test_an_empty_mask_is_legal_and_reported(call, tmp_path):
    damage(write_msd_folder(tmp_path / "data", cases=8), "empty")
    code, _, err = call(*USERS, "--data-root", "data", "--store", "s")
    assert code == 0, err
    records = [json.loads(path.read_text()) for path in (tmp_path / "s" / "records").glob("*.json")]
    assert len(records) == 2 and all(
        any("empty mask" in note for note in record["notes"]) for record in records
    )
    rows = [row for record in records for row in record["cases"]]
    assert len(rows) == 8 and [row["empty_truth"] for row in rows].count(True) == 1


def test_run_status_stage_verify_and_report(call, tmp_path):
    """One tiny run from the first command to the page, as a user would."""
    tiny = (*PROSTATE, "--architecture", "unet", "--fold", "0", *TINY_SETS, "--store", "s")
    code, out, err = call(*tiny, "--save-predictions", "masks")
    assert code == 0, err
    assert "emitdiff" in out and "nothing to compare with yet: python cli.py run" in out
    assert "paper" not in out and "Next: python cli.py report --store s" in out
    assert len(list((tmp_path / "masks").glob("*/*.nii.gz"))) == 2
    record = json.loads(next((tmp_path / "s" / "records").glob("*.json")).read_text())
    code, out, _ = call("status", "--store", "s")
    assert code == 0 and "1 done, 0 running, 0 waiting, 0 failed" in out
    score = record["stages"][-1]["key"]
    code, out, _ = call("stage", score[:10], "--store", "s", "--device", "cpu")
    assert code == 0 and "already in the store" in out
    code, out, _ = call("report", "--store", "s", "--out", "page")
    assert code == 0 and (tmp_path / "page" / "index.html").is_file()
    assert (tmp_path / "page" / "runs" / f"{record['key'][:20]}.html").is_file()
    assert len(list((tmp_path / "page" / "panels").glob("*.png"))) >= 2
    code, out, _ = call("verify", "--store", "s")
    assert code == 0 and "0 damaged" in out
    packed = next((tmp_path / "s" / "stages" / "predict").glob("*/predictions/0.npy"))
    packed.write_bytes(packed.read_bytes()[:-1])
    code, _, err = call("verify", "--store", "s")
    assert code == 1 and "damaged: predict" in err
    code, out, _ = call("status", "--store", "s")
    assert code == 0 and "0 done, 0 running, 1 waiting, 0 failed" in out and "is damaged" in out
    code, out, _ = call(*tiny)
    assert code == 0 and "[1/1] predict" in out
    code, out, _ = call("verify", "--store", "s")
    assert code == 0 and "0 damaged" in out
    code, out, _ = call("gc", "--store", "s")
    assert code == 0 and "nothing that no run needs" in out
    code, out, _ = call(*tiny, "--dry-run", "--set", "nsd_tolerance=1.0")
    assert (
        code == 0
        and "1 runs, 0 of them done" in out
        and "never measured" not in out
        and "Disk:" in out
    )


def test_failures_are_kept_until_they_are_asked_for_again(call, tmp_path, monkeypatch):
    from benchmark.stages.catalogue import STAGES

    real = STAGES["prepare"]

    def broken(*_):
        raise RuntimeError("out of order\nand more")

    tiny = (*PROSTATE, "--architecture", "unet", "--fold", "0", *TINY_SETS, "--store", "s")
    monkeypatch.setitem(STAGES, "prepare", replace(real, run=broken))
    code, _, err = call(*tiny)
    assert code == 1 and "RuntimeError: out of order" in err and "and more" not in err
    log = next((tmp_path / "s" / "logs").glob("prepare-*.log")).read_text()
    assert "Traceback" in log and "and more" in log
    monkeypatch.setitem(STAGES, "prepare", real)
    code, _, err = call(*tiny)
    assert code == 1 and "were not tried: add --retry-failed" in err and "out of order" in err
    assert call(*tiny, "--retry-failed")[0] == 0


def test_a_single_stage_needs_its_inputs(call, tmp_path):
    tiny = (*PROSTATE, "--architecture", "unet", "--fold", "0", *TINY_SETS, "--store", "s")
    assert call(*tiny)[0] == 0
    record = json.loads(next((tmp_path / "s" / "records").glob("*.json")).read_text())
    keys = {stage["stage"]: stage["key"] for stage in record["stages"]}
    for stage in ("predict", "score"):
        target = tmp_path / "s" / "stages" / stage / keys[stage]
        for path in sorted(target.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    code, _, err = call("stage", keys["score"], "--store", "s", "--device", "cpu")
    assert code == 2 and "needs stage predict" in err
    assert call("stage", keys["predict"], keys["score"], "--store", "s", "--device", "cpu")[0] == 0


def test_crosswalk_prints_all_definitions(call, tmp_path):
    mask = np.zeros((20, 20), np.uint8)
    mask[5:12, 5:12] = 255
    Image.fromarray(mask).save(tmp_path / "a.png")
    Image.fromarray(np.roll(mask, 1, 0)).save(tmp_path / "b.png")
    code, out, _ = call("crosswalk", "a.png", "b.png", "--json")
    assert code == 0
    assert list(json.loads(out)) == [
        "dice",
        "precision",
        "recall",
        "hd95",
        "hd95_max",
        "assd",
        "assd_mean",
        "nsd",
    ]
    code, out, _ = call("crosswalk", "a.png", "b.png")
    assert code == 0 and "hd95_max" in out


def test_doctor_lists_networks_and_packages(call):
    code, out, _ = call("doctor")
    assert code == 0
    for word in ("torch", "monai", "attention-unet", "swin-unetr", "GFLOPs"):
        assert word in out
    assert "hed: not here; efficientnet-lite0: not here" in out
