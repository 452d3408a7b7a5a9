"""seg-guided goes the whole way, from the plan to the report, with masks of other cases."""

import json

import numpy as np
import pytest

from benchmark.planning.options import Request
from benchmark.planning.stage_keys import stage_keys
from benchmark.stages.leaks import SOURCES_FILE, mask_cases
from benchmark.store.store import Store
from reports.records.load import load_records
from tests.support.runs import TINY, run, tiny

RUN = (
    *("run", "--preset", "smoke", "--device", "cpu", "--architecture", "unet", "--fold", "0"),
    *("--dataset", "prostate", "--source", "phantom"),
    *(word for text in TINY if "cases" not in text for word in ("--set", text)),
)
SIX = ("--set", "phantom_cases=6")  # two of them train; of four, one
OTHER = ("--method", "seg-guided", "--set", "generator.sampling.mask=other", "--set", "audit=true")


def test_a_run_with_masks_of_other_cases_ends_in_the_report(call, tmp_path):
    code, _, err = call(*RUN, *SIX, *OTHER)
    assert code == 0, err
    (record,) = load_records([tmp_path / "store"]).records
    method = record.spec.method
    assert (method.name, method.joins, method.patch_size) == ("seg-guided", "pairs", None)
    assert method.changed["sampling.mask"] == "other"
    assert record.budget is not None and record.budget.synthetic_presentations > 0
    assert record.samples is not None and record.samples.paired
    assert stage_keys(record) == [(stage.stage, stage.key) for stage in record.stages]
    training = record.split.train
    (folder,) = (
        Store(tmp_path / "store").folder("synthesize", stage.key)
        for stage in record.stages
        if stage.stage == "synthesize"
    )
    assert mask_cases(folder) == set(training), "masks come from training cases, and from each"
    masks = np.load(folder / "masks.npy")
    assert masks.shape[:2] == np.shape(json.loads((folder / SOURCES_FILE).read_text()))
    assert call(*RUN, *SIX, "--method", "none")[0] == 0
    code, _, err = call("report")
    assert code == 0, err
    page = (tmp_path / "report" / "index.html").read_text()
    assert "seg-guided" in page and "sampling.mask = other" in page


def test_the_choice_of_masks_is_no_part_of_the_training(tmp_path):
    def requests() -> list[Request]:
        masks = ("generator.sampling.mask=slice", "generator.sampling.mask=moved")
        return [tiny("seg-guided", text, ratio=1) for text in masks]

    code, records = run(tmp_path, *requests())
    assert code == 0 and len(records) == 2
    keys = [
        {
            kind: [one.key for one in record.stages if one.stage == kind]
            for kind in ("fit-generator", "synthesize")
        }
        for record in records
    ]
    assert keys[0]["fit-generator"] == keys[1]["fit-generator"]
    assert keys[0]["synthesize"] != keys[1]["synthesize"]


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ("phantom_cases=4", "mask=other takes the mask of another training case, and the fold has"),
        ("generator.objective=diffusion", "objective"),
        ("generator.sampling.mask=another", "mask"),
        ("generator.ablation=1", "ablation"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(call, tmp_path, sets, says):
    code, _, err = call(*RUN, *OTHER, "--set", sets)
    assert code == 2 and says in err and "Traceback" not in err, err
    assert not list((tmp_path / "store").glob("stages/fit-generator/*"))
