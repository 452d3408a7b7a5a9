"""seg-guided goes the whole way, from the plan to the report, with masks of other cases."""

import json

import numpy as np
import pytest

from benchmark.planning.plan import plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from benchmark.planning.stage_keys import stage_keys
from benchmark.stages.leaks import SOURCES_FILE, mask_cases
from benchmark.store.store import Store
from reports.records.load import load_records
from tests.support.runs import TINY, tiny

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


def test_the_choice_of_masks_is_no_part_of_the_training():
    def keys(mask: str) -> dict[str, str]:
        asked = settle(tiny("seg-guided", f"generator.sampling.mask={mask}", ratio=1))
        source = open_request(asked)
        (run,) = resolve(asked, source)
        plan = plan_run(run, source.cases, source.options)
        return {node.stage: node.key for node in plan.nodes}

    one, other = keys("slice"), keys("moved")
    differ = {stage for stage in one if one[stage] != other[stage]}
    assert differ == {"synthesize", "fit-segmenter", "predict", "score"}


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
