"""`--set joins=...`: what it changes of a plan, what it cannot be, and how tables, commands and the
checks of submissions name it."""

from dataclasses import replace

import pytest

from benchmark.core.errors import InputError
from benchmark.planning.options import Request
from benchmark.planning.plan import Plan, plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import fitting_sets, settle
from benchmark.planning.stage_keys import stage_counts
from benchmark.spec.run import RunSpec
from benchmark.stages.fit_segmenter import FitSegmenterSpec
from benchmark.training.budget import Training
from reports.comparison.groups import make_groups
from reports.comparison.labels import method_labels
from reports.comparison.repeat_command import repeat_command
from reports.comparison.setting_curves import curves, main_ours
from reports.comparison.summaries import summarise
from reports.submission.consistency import KnownStages, contradictions
from tests.support.made_records import make_record

SMOKE = Request(dataset="prostate", method="emitdiff", source="phantom", sets=("phantom_cases=9",))


def plan(*sets: str, **changes) -> Plan:
    request = replace(SMOKE, sets=SMOKE.sets + sets, **changes)
    settled = settle(request)
    opened = open_request(settled)
    run = resolve(settled, opened)[0]
    return plan_run(run, opened.cases, opened.options)


def merge_of(one: Plan) -> tuple:
    synthetic = one.spec_of(FitSegmenterSpec).synthetic
    return synthetic.merge, synthetic.patch_size, synthetic.alpha


def refused(run: RunSpec) -> list[str]:
    """What the checks of a submission have against such a method."""
    known = KnownStages({}, lambda record: None, stage_counts)
    made = make_record(run.method, architecture=run.architecture)
    return [text for text in contradictions(made, known) if "method" in text]


@pytest.mark.parametrize(
    ("joins", "expected"),
    [
        ("merge", ("image", 16, 0.6)),
        ("pairs", ("join", None, 0.6)),
        ("pretrain", ("pretrain", None, 0.6)),
        ("only", ("only", None, None)),
    ],
)
def test_samples_are_shared_and_join_in_their_way(joins, expected):
    usual, one = plan(), plan(f"joins={joins}")
    assert merge_of(one) == expected
    for stage in ("fit-generator", "synthesize"):
        assert one.last(stage).key == usual.last(stage).key
    # the way that the generator has anyway is no other run
    assert (one.run.key == usual.run.key) == (joins == "merge")
    assert (one.node("fit-segmenter").key == usual.node("fit-segmenter").key) == (joins == "merge")
    # none of them is trained longer than another
    trainings = [each.spec_of(FitSegmenterSpec).training for each in (usual, one)]
    assert isinstance(trainings[0], Training) and trainings[0] == trainings[1]


def test_alpha_is_the_share_of_the_epochs_that_are_real():
    method = plan("joins=pretrain", alpha=0.25).run.method
    assert [method.synthetic_epochs(epochs) for epochs in (1, 4, 12)] == [1, 3, 9]
    assert plan().run.method.synthetic_epochs(12) == 0
    assert plan("joins=only").run.method.synthetic_epochs(12) == 12


def test_samples_with_masks_of_their_own_keep_them():
    usual, first = plan(method="unconditional"), plan("joins=pretrain", method="unconditional")
    assert usual.run.method.joins == "pairs" and merge_of(first)[0] == "pretrain"
    assert usual.run.method.brings_masks and first.run.method.brings_masks
    assert not plan("joins=pairs").run.method.brings_masks


@pytest.mark.parametrize(
    ("sets", "changes", "says"),
    [
        (["joins=beside"], {}, "give one of merge, pairs, pretrain, only"),
        (["joins=only"], {"method": "none"}, "method 'none' has none"),
        (["joins=merge"], {"method": "unconditional"}, "bring masks of their own"),
        (["joins=only"], {"alpha": 0.5}, "nothing is real"),
        (["joins=pairs"], {"patch_size": 8}, "join whole"),
        (["joins=only", "filter=agreement:0.5"], {}, "shows the real image"),
        (["joins=pretrain", "pairing=all"], {}, "of different lengths"),
        (["joins=pairs"], {"transform": "cutmix"}, "choose another transform"),
    ],
)
def test_what_cannot_be_is_said(sets, changes, says):
    with pytest.raises(InputError, match=says):
        plan(*sets, **changes)


def test_a_suite_drops_it_for_methods_without_samples():
    request = replace(SMOKE, sets=("joins=only", "epochs=3"))
    assert fitting_sets(request).sets == request.sets
    assert fitting_sets(replace(request, method="classic")).sets == ("epochs=3",)


def test_tables_and_commands_name_it():
    runs = [plan(*sets).run for sets in ([], ["joins=pairs"], ["joins=pretrain"], ["joins=only"])]
    labels = method_labels([run.method for run in runs], runs[0].preset)
    assert labels[0] == "emitdiff (from scratch)"
    assert [label.partition("joins = ")[2] for label in labels[1:]] == [
        "pairs)",
        "pretrain)",
        "only)",
    ]
    (group,) = make_groups([make_record(run.method) for run in runs])
    assert [one.settings for one in group.short.values()] == [
        "n = 2",
        "n = 2, joins = only",
        "n = 2, joins = pairs",
        "n = 2, joins = pretrain",
    ]
    ours = main_ours(group)
    assert ours is not None and ours.method.joining == "merge"
    assert curves(summarise(group)) == []
    assert "--set joins=only" in repeat_command(runs[3]) and "--alpha" not in repeat_command(
        runs[3]
    )
    assert "joins" not in repeat_command(runs[0])
    assert not any(refused(run) for run in runs)
    wrong = runs[3].model_copy(update={"method": runs[3].method.model_copy(update={"alpha": 0.5})})
    assert refused(wrong)


def test_patches_of_real_images_have_the_side_and_share_of_the_merging():
    usual = plan(method="classic", transform="cutmix")
    assert usual.spec_of(FitSegmenterSpec).transform == "cutmix@1(patch_size=16, alpha=0.6)"
    other = plan(method="classic", transform="cutmix", patch_size=8, alpha=0.3)
    assert other.spec_of(FitSegmenterSpec).transform == "cutmix@1(patch_size=8, alpha=0.3)"
    assert "--alpha 0.3 --patch-size 8" in repeat_command(other.run)
    labels = method_labels([usual.run.method, other.run.method], usual.run.preset)
    assert labels == ["classic cutmix", "classic cutmix (alpha = 0.3, patch = 8)"]
    assert not any(refused(one.run) for one in (usual, other))
    assert plan(method="classic", transform="da5").run.method.patch_size is None
    with pytest.raises(InputError, match="--patch-size 10 does not divide"):
        plan(method="classic", transform="cutmix", patch_size=10)
    with pytest.raises(InputError, match="--alpha belongs to methods that generate"):
        plan(method="classic", transform="da5", alpha=0.3)
