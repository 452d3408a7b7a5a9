"""`--match-compute`: how many epochs a method without a generator is given, from what was measured,
and what a table, a command and a plan make of them."""

from dataclasses import replace

import pytest

from benchmark.core.errors import InputError
from benchmark.planning.match_compute import matched
from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import fitting_sets, settle
from benchmark.record.record import Record, StageCost
from benchmark.spec.method import MethodSpec
from benchmark.spec.run import RunSpec
from benchmark.stages.fit_segmenter import FitSegmenterSpec
from reports.comparison.groups import make_groups
from reports.comparison.repeat_command import repeat_command
from tests.support.made_records import make_record

SMOKE = Request(dataset="prostate", method="none", source="phantom", sets=("phantom_cases=9",))


def measured(method: str, machine: str = "a CPU", transform=None, fold=0, **seconds) -> Record:
    """A record of the smoke preset (12 epochs) whose stages took so long."""
    made = make_record(method, transform, fold=fold, architecture="unet")
    costs = [
        StageCost(
            stage=stage.replace("_", "-"),
            key=f"{number}" * 64,
            version=1,
            seconds=value,
            peak_memory_mb=1.0,
            machine=machine,
        )
        for number, (stage, value) in enumerate(seconds.items())
    ]
    return made.model_copy(update={"stages": tuple(costs)})


def rival(**more) -> Record:
    return measured("emitdiff", fit_generator=100.0, synthesize=20.0, fit_segmenter=30.0, **more)


def runs_of(method: str = "none", transform=None) -> list[RunSpec]:
    made = [make_record(method, transform, fold=fold, architecture="unet") for fold in (0, 1)]
    return [one.spec for one in made]


def test_the_hours_of_the_generator_become_epochs_of_equal_seconds():
    told = []
    records = [measured("none", fit_segmenter=24.0), rival(), rival(fold=1)]
    # what other work on the machine added to the seconds of a run does not count
    slowed = measured("emitdiff", fold=2, fit_generator=900.0, synthesize=20.0, fit_segmenter=70.0)
    records += [measured("none", fold=1, fit_segmenter=55.0), slowed]
    made = matched(runs_of(), "emitdiff", records, told.append)
    # 120 s at 2 s an epoch
    assert [run.method.further_epochs for run in made] == [60, 60]
    assert [run.fold for run in made] == [0, 1]
    assert told == [
        "none: 60 further epochs beside its 12, the measured hours of the generator of emitdiff"
    ]
    # the number is of the key, and all else is as before
    assert made[0].key != runs_of()[0].key
    assert made[0].method.plain == runs_of()[0].method and made[0].preset == runs_of()[0].preset


def test_a_number_that_the_store_has_already_is_kept():
    longer = matched(runs_of(), "emitdiff", [measured("none", fit_segmenter=24.0), rival()])[0]
    done = make_record(longer.method, architecture="unet")
    records = [done, measured("none", fit_segmenter=90.0), rival()]
    assert matched(runs_of(), "emitdiff", records)[0] == longer


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([], "never measured"),
        ([measured("none", fit_segmenter=24.0)], "never measured"),
        ([rival()], "none has no finished run on a CPU"),
        ([rival(), measured("none", "another", fit_segmenter=24.0)], "no finished run on a CPU"),
        ([rival(), measured("none", fit_segmenter=3000.0)], "less than an epoch"),
        # the same method under another transform tells nothing of this one's epochs
        ([rival(), measured("classic", transform="gamma", fit_segmenter=24.0)], "no finished run"),
    ],
)
def test_what_was_not_measured_is_said(records, says):
    with pytest.raises(InputError, match=says):
        matched(runs_of(), "emitdiff", records)


def test_runs_of_another_comparison_tell_nothing():
    other = rival().model_copy(
        update={"spec": make_record("emitdiff", architecture="resunet").spec}
    )
    with pytest.raises(InputError, match="never measured"):
        matched(runs_of(), "emitdiff", [measured("none", fit_segmenter=24.0), other])


def test_a_generator_is_not_matched_to_a_generator():
    with pytest.raises(InputError, match="'emitdiff' trains its own"):
        matched(runs_of("emitdiff"), "emitdiff", [])
    request = replace(SMOKE, method="emitdiff", match_compute="emitdiff")
    assert fitting_sets(request).match_compute is None
    assert fitting_sets(replace(request, method="none")).match_compute == "emitdiff"


def test_a_plan_trains_longer_and_says_how_to_repeat_it():
    settled = settle(replace(SMOKE, sets=(*SMOKE.sets, "further_epochs=60")))
    opened = open_request(settled)
    run = resolve(settled, opened)[0]
    spec = plan_run(run, opened.cases, opened.options).spec_of(FitSegmenterSpec)
    assert spec is not None and spec.training.epochs == 72 and run.preset.epochs == 12
    assert "--set further_epochs=60" in repeat_command(run)
    with pytest.raises(InputError, match="further_epochs is for methods without a generator"):
        settle(replace(SMOKE, method="emitdiff", sets=("further_epochs=60",)))
    with pytest.raises(InputError, match="give a whole number from 1"):
        settle(replace(SMOKE, sets=("further_epochs=0",)))


def test_it_is_a_row_of_its_own_beside_the_one_that_gains_are_measured_from():
    longer = runs_of()[0].method.model_copy(update={"generator": {"further_epochs": 60}})
    records = [make_record(one, architecture="unet") for one in (longer, "none", "emitdiff")]
    (group,) = make_groups(records)
    assert [runs.label for runs in group.methods] == [
        "none",
        "none (further epochs = 60)",
        "emitdiff (from scratch)",
    ]
    assert group.none_label == "none"
    with pytest.raises(ValueError, match="no setting of one but further_epochs"):
        MethodSpec(name="none", generator={"steps": 3})
