"""A data set is added by one file, or described by a user's YAML file: it goes the whole way, from
the plan to the report and the leaderboard."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import datasets.tasks
from datasets.tasks.catalogue import TASKS
from reports.records.load import load_records
from tests.support.runs import TINY

FILES = Path(__file__).resolve().parent / "support" / "tasks"
SETS = [word for text in TINY for word in ("--set", text)]
PLAIN_SETS = [word for text in TINY if "generator" not in text for word in ("--set", text)]
RUN = ("run", "--preset", "smoke", "--device", "cpu", "--architecture", "unet", "--fold", "0")


@pytest.fixture
def discs(monkeypatch):
    """tests/support/tasks as a further folder of datasets/tasks."""
    monkeypatch.setattr(datasets.tasks, "__path__", [*datasets.tasks.__path__, str(FILES)])


def write_polyps(folder: Path, count: int = 6, **keys: str) -> Path:
    """A YAML file of `count` tiny 2D images, with further keys."""
    rng = np.random.default_rng(3)
    (folder / "pictures").mkdir()
    (folder / "masks").mkdir()
    for number in range(count):
        mask = np.zeros((40, 48), np.uint8)
        mask[8 + number : 24 + number, 10:30] = 255
        image = np.clip(rng.normal(80, 15, mask.shape) + mask / 3, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / "pictures" / f"p{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"p{number}.png")
    lines = {"dataset": "Colon-polyps", "title": "Ours", "images": "pictures", "masks": "masks"}
    path = folder / "mine.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in (lines | keys).items()))
    return path


def tables(report: Path) -> str:
    return "\n".join(path.read_text() for path in report.rglob("*.md"))


@pytest.mark.slow
def test_a_file_of_ones_own_is_a_data_set(discs, call, tmp_path):
    assert list(TASKS)[-1] == "discs" and TASKS["discs"].title == "Grey discs"
    words = ("--dataset", "discs", "--method", "none", *PLAIN_SETS)
    code, out, err = call(*RUN, *words, "--source", "phantom", "--dry-run")
    assert code == 0 and "1 run" in out, err
    code, out, err = call(*RUN, *words, "--source", "phantom")
    assert code == 0 and "discs, phantom" in out, err
    (record,) = load_records([tmp_path / "store"]).records
    assert (record.status, record.spec.dataset, record.substitutions) == ("done", "discs", ())
    code, out, err = call("report")
    assert code == 0, err
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Grey discs, phantom" in page and "the paper has no data set discs" in tables(
        tmp_path / "report"
    )
    assert "discs" in call("data", "list")[1]
    code, out, err = call("cite")
    assert code == 0 and "msd2022" not in out and "busi2020" not in out
    code, _, err = call("data", "fetch", "discs")
    assert code == 2 and "no images of dataset discs are published" in err
    code, _, err = call(*RUN, *words, "--source", "msd")
    assert code == 2 and "discs does not come from msd; use --source phantom or" in err
    code, out, err = call(*RUN, *words)
    assert code == 0 and "no images are published" in out, err


def test_a_data_set_that_is_not_there_is_refused(call):
    code, _, err = call(*RUN, "--dataset", "discs", "--method", "none")
    assert code == 2 and "unknown dataset 'discs'" in err


def test_a_yaml_file_brings_a_data_set_of_its_own(call, tmp_path):
    write_polyps(tmp_path, modality="endoscopy", organ="colon", category="polyp")
    words = (*RUN, "--dataset", "Colon-polyps", "--source", "mine.yaml")
    code, out, err = call(*words, "--method", "none", *PLAIN_SETS)
    assert code == 0, err
    code, out, err = call(*words, "--method", "emitdiff", "--ratio", "1", *SETS)
    assert code == 0 and "Colon-polyps, Ours" in out, err
    code, _, err = call(
        *RUN, "--dataset", "breast", "--source", "phantom", "--method", "none", *SETS[:8]
    )
    assert code == 0, err
    records = load_records([tmp_path / "store"]).records
    assert sorted(record.spec.dataset for record in records) == ["Colon-polyps"] * 2 + ["breast"]
    mine = [record for record in records if record.spec.dataset == "Colon-polyps"]
    assert all("images" not in {entry.part for entry in one.substitutions} for one in mine)
    prompts = [
        {case["prompt"] for case in json.loads(path.read_text())["cases"]}
        for path in (tmp_path / "store").rglob("prepare/*/cases.json")
    ]
    assert {"endoscopy, colon, polyp"} in prompts and len(prompts) == 2
    code, _, err = call("report")
    assert code == 0, err
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Colon-polyps, Ours" in page and "Breast ultrasound, phantom" in page
    code, out, _ = call("cite", "--dataset", "Colon-polyps")
    assert code == 0 and "cite the source of these images yourself: Ours" in out
    code, _, err = call("cite", "--dataset", "polyps")
    assert code == 2 and "unknown dataset 'polyps' (did you mean 'Colon-polyps'?)" in err


def test_a_data_set_of_ones_own_on_the_leaderboard(call, tmp_path):
    write_polyps(tmp_path)
    words = (*RUN, "--dataset", "Colon-polyps", "--source", "mine.yaml", "--method", "none")
    code, _, err = call(*words, *PLAIN_SETS)
    assert code == 0, err
    code, _, err = call("leaderboard", "submit", "--out", "mine.zip", "--with-masks")
    assert code == 0, err
    code, out, err = call("leaderboard", "validate", "mine.zip")
    assert code == 0, err
    assert "not known here" in out
    code, out, err = call("leaderboard", "validate", "mine.zip", "--source", "mine.yaml")
    assert code == 0 and "1 of 1 records in full" in out, err + out
    code, _, err = call("leaderboard", "build", "mine.zip", "--out", "board")
    assert code == 0 and "Colon-polyps, Ours" in (tmp_path / "board" / "index.html").read_text()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my polyps", "line 1: dataset is 'my polyps'; give a name of letters, digits and hyphens"),
        ("../polyps", "letters, digits and hyphens"),
        ("-x", "letters, digits and hyphens"),
        ("x" * 41, "at most 40"),
        ("Prostate", "is easily taken for 'prostate'; rename it"),
    ],
)
def test_names_that_cannot_be_are_refused(call, tmp_path, name, says):
    write_polyps(tmp_path, dataset=name)
    code, _, err = call(*RUN, f"--dataset={name}", "--source", "mine.yaml", "--method", "none")
    assert code == 2 and says in err


def test_words_have_a_default(call, tmp_path):
    from datasets.sources.folder_yaml import read_folder_spec

    task = read_folder_spec(write_polyps(tmp_path)).task
    assert task.prompt() == "medical image, Colon polyps, region"
    assert not task.hounsfield


def test_ct_of_ones_own_may_take_the_ct_window(call, tmp_path):
    write_polyps(tmp_path, modality="CT")
    words = (*RUN, "--dataset", "Colon-polyps", "--source", "mine.yaml", "--method", "none")
    code, _, err = call(*words, *PLAIN_SETS, "--set", "intensity=ct-window", "--dry-run")
    assert code == 0, err
    (tmp_path / "mine.yaml").write_text((tmp_path / "mine.yaml").read_text().replace("CT", "MRI"))
    code, _, err = call(*words, *PLAIN_SETS, "--set", "intensity=ct-window", "--dry-run")
    assert code == 2 and "have no Hounsfield units" in err
