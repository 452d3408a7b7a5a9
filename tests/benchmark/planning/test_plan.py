"""Plans: what is shared between runs, what a switch changes, and who sees which case."""

import json
from dataclasses import replace

import pytest

from benchmark.core.errors import InputError
from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run, unique_nodes
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from benchmark.stages.catalogue import Node
from datasets.folds import copied_cases, thinned

SMOKE = Request(dataset="prostate", method="none", source="phantom", sets=("phantom_cases=9",))


def plans(request: Request):
    settled = settle(request)
    opened = open_request(settled)
    return [plan_run(run, opened.cases, opened.options) for run in resolve(settled, opened)]


def plan(method: str, *sets: str, **changes):
    return plans(replace(SMOKE, method=method, sets=SMOKE.sets + sets, **changes))[0]


def key(one, stage: str) -> str:
    return one.last(stage).key


def test_near_copies_stay_together_unless_every_image_is_dealt_alone():
    settled = settle(SMOKE)
    opened = open_request(settled)
    assert opened.copies == ()
    (first, *_) = opened.cases
    copies = tuple((first.id, case.id) for case in opened.cases[3:5])
    for rule, parted in (("grouped", set()), ("per-image", {first.id})):
        settled = settle(replace(SMOKE, sets=(*SMOKE.sets, f"copies={rule}")))
        made = [
            plan_run(run, opened.cases, opened.options, copies=copies)
            for run in resolve(settled, opened)
        ]
        found = [
            copied_cases(one.split.test, one.split.train + one.split.validation, copies)
            for one in made
        ]
        assert set().union(*found) >= parted and (rule != "grouped" or not any(found))
        assert {one.copies for one in made} == {copies}


def test_copies_that_leave_too_few_groups_are_said():
    settled = settle(SMOKE)
    opened = open_request(settled)
    (run, *_) = resolve(settled, opened)
    everything = (tuple(case.id for case in opened.cases),)
    with pytest.raises(InputError, match="fewer groups of cases than the 3 folds"):
        plan_run(run, opened.cases, opened.options, copies=everything)


def test_stages_come_in_an_order_in_which_they_can_be_computed():
    one = plan("emitdiff", ratio=7)
    assert [node.stage for node in one.nodes] == [
        "prepare",
        "fit-generator",
        "synthesize",
        "synthesize",
        "fit-segmenter",
        "predict",
        "score",
    ]
    seen = set()
    for node in one.nodes:
        assert set(node.input_keys()) <= seen
        seen.add(node.key)


def test_ratio_uses_the_first_variants_of_one_generator():
    small, middle, large = (plan("emitdiff", ratio=ratio) for ratio in (5, 7, 10))
    variants = [[n for n in p.nodes if n.stage == "synthesize"] for p in (small, middle, large)]
    assert variants[0] == variants[1][:1] == variants[2][:1]
    made = [[(n.spec.first, len(n.spec.phrases)) for n in nodes] for nodes in variants]
    assert made == [[(0, 5)], [(0, 5), (5, 2)], [(0, 5), (5, 5)]]
    phrases = [[phrase for n in nodes for phrase in n.spec.phrases] for nodes in variants]
    assert phrases[1] == phrases[2][:7]
    assert key(small, "fit-generator") == key(large, "fit-generator")
    assert len(unique_nodes([small, middle, large])) == 1 + 1 + 3 + 3 * 3


def test_ratio_zero_is_no_augmentation():
    zero = plan("emitdiff", ratio=0)
    assert key(zero, "score") == key(plan("none"), "score")
    assert zero.last("fit-generator") is None


def test_dropped_deepstack_is_the_same_training_as_none():
    dropped = ("deepstack=dropped",)
    assert key(plan("classic", *dropped), "score") == key(plan("none", *dropped), "score")
    assert key(plan("classic"), "score") != key(plan("none"), "score")


@pytest.mark.parametrize(
    ("switch", "first_changed", "unchanged"),
    [
        ("empty_mask=centre-pixel", "score", "predict"),
        ("nsd_tolerance=1.0", "score", "predict"),
        ("truth=resampled", "score", "predict"),
        ("merge=logits", "fit-segmenter", "synthesize"),
        ("shuffle=false", "fit-segmenter", "synthesize"),
        ("lr_schedule=constant", "fit-segmenter", "synthesize"),
        ("dice_background=true", "fit-segmenter", "synthesize"),
        ("loss=dice-ce-batch", "fit-segmenter", "synthesize"),
        ("selection_dice=batch", "fit-segmenter", "synthesize"),
        ("renormalise=true", "fit-segmenter", "synthesize"),
        ("pairing=all", "fit-segmenter", "synthesize"),
        ("text_mix=weighted", "synthesize", "fit-generator"),
        ("noise=shared", "synthesize", "fit-generator"),
        ("generator.sampling.steps=5", "synthesize", "fit-generator"),
        ("generator.steps=7", "fit-generator", "prepare"),
        ("selection=test", "fit-generator", "prepare"),
        ("folds=dataset", "fit-generator", "prepare"),
        ("slices=foreground", "fit-generator", "prepare"),
        ("intensity=volume-percentile", "prepare", None),
    ],
)
def test_a_switch_changes_the_stages_it_means_and_no_earlier_one(switch, first_changed, unchanged):
    base, other = plan("emitdiff"), plan("emitdiff", switch)
    assert key(base, first_changed) != key(other, first_changed)
    assert key(base, "score") != key(other, "score")
    if unchanged:
        assert key(base, unchanged) == key(other, unchanged)


def test_where_nothing_is_chosen_the_dice_that_would_choose_is_no_other_training():
    base, other = (
        plan("none", "selection=last", *more) for more in ((), ("selection_dice=batch",))
    )
    assert [n.key for n in base.nodes] == [n.key for n in other.nodes]


@pytest.mark.parametrize("switch", ["hd95=max", "assd=mean", "aggregate=folds"])
def test_switches_of_the_tables_recompute_nothing(switch):
    base, other = plan("emitdiff"), plan("emitdiff", switch)
    assert [n.key for n in base.nodes] == [n.key for n in other.nodes]
    assert base.run.key != other.run.key


def test_the_generator_sees_neither_test_nor_validation_cases():
    for one in plans(replace(SMOKE, method="emitdiff", folds=None)):
        seen = set(one.last("fit-generator").spec.cases)
        assert seen == set(one.split.train)
        assert not seen & set(one.split.test) and not seen & set(one.split.validation)


def test_generator_cases_training_adds_the_validation_cases_alone():
    one = plan("emitdiff", "generator_cases=training")
    assert set(one.last("fit-generator").spec.cases) == {*one.split.train, *one.split.validation}


def test_selection_decides_which_cases_choose_the_checkpoint():
    rigorous, leaking, last = (
        plan("none"),
        plan("none", "selection=test"),
        plan("none", "selection=last"),
    )
    assert rigorous.last("fit-segmenter").spec.select_on == rigorous.split.validation
    assert leaking.last("fit-segmenter").spec.select_on == leaking.split.test
    assert last.last("fit-segmenter").spec.select_on == ()
    assert not leaking.split.validation and len(leaking.split.train) == 6


def test_folds_test_every_case_once():
    tests = [case for one in plans(replace(SMOKE, folds=None)) for case in one.split.test]
    assert sorted(tests) == [f"phantom_{n:02d}" for n in range(9)]


def test_scarce_training_sets_are_nested():
    cases = [str(n) for n in range(20)]
    sets = [set(thinned(cases, share, 0)) for share in (0.1, 0.25, 0.5, 1.0)]
    assert [len(s) for s in sets] == [2, 5, 10, 20]
    assert all(small <= large for small, large in zip(sets, sets[1:], strict=False))
    assert thinned(cases, 0.01, 0) and thinned(cases, 1.0, 0) == cases


def test_a_fold_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="folds are 0 to 2"):
        plans(replace(SMOKE, folds=(3,)))


def test_a_chosen_precision_is_part_of_a_run():
    choices = ((), ("precision=auto",), ("precision=bfloat16",))
    usual, automatic, half = (plan("none", *choice, architecture="unet") for choice in choices)
    assert usual.last("fit-segmenter").spec.precision == "auto"
    assert usual.run.key == automatic.run.key != half.run.key
    assert key(usual, "prepare") == key(half, "prepare") and key(usual, "fit-segmenter") != key(
        half, "fit-segmenter"
    )
    assert half.last("fit-segmenter").spec.precision == "bfloat16"
    with pytest.raises(InputError, match="precision=half"):
        plan("none", "precision=half")


def test_a_network_that_loses_nothing_by_it_takes_the_number_format_of_its_device():
    for architecture, settings, chosen in (
        ("attention-unet", (), "native"),
        ("attention-unet", ("precision=float32",), "float32"),
        ("unet", (), "auto"),
    ):
        spec = plan("none", *settings, architecture=architecture).last("fit-segmenter").spec
        assert spec.precision == chosen


def test_held_out_samples_have_the_plain_prompt_the_whole_edge_map_and_no_other_style():
    one = plan("emitdiff", "audit=true", "generator.sampling.edge_thinning=0.3", ratio=2)
    used, held_out = (node.spec for node in one.nodes if node.stage == "synthesize")
    assert len(used.phrases) == 2 and all(used.phrases)
    assert {"style", "edge_warp", "edge_thinning"} <= used.sampling.keys()
    assert used.sampling["style"] == "other"
    assert held_out.phrases == ("", "") and held_out.cases == one.split.test
    changed = {
        name for name, value in used.sampling.items() if held_out.sampling.get(name) != value
    }
    neutral = {"style": "own", "edge_warp": 0.0, "edge_thinning": 0.0}
    assert changed == neutral.keys() and neutral.items() <= held_out.sampling.items()


def test_a_node_is_the_same_after_a_way_through_json():
    for node in plan("emitdiff", "audit=true").nodes:
        again = Node.from_json(json.loads(json.dumps(node.as_json())))
        assert again == node and again.key == node.key


def test_a_plan_of_another_version_is_refused_in_one_sentence():
    data = plan("none").last("score").as_json()
    for other in ({"version": 0}, {"spec": data["spec"] | {"new": 1}}, {"spec": {}}):
        with pytest.raises(InputError, match="another version of this program; run the same"):
            Node.from_json(data | other)
    with pytest.raises(InputError, match="'cook', which is unknown"):
        Node.from_json(data | {"stage": "cook"})


def test_an_architecture_that_needs_two_slices_is_refused_with_batches_that_may_be_of_one():
    asked = replace(SMOKE, architecture="smp:deeplabv3plus:resnet18")
    assert settle(asked).preset.batch_size > 2
    for size in (1, 2):
        with pytest.raises(InputError, match="needs batches of 2 slices or more at 64 px"):
            settle(replace(asked, sets=(f"batch_size={size}",)))
    assert settle(replace(SMOKE, sets=("batch_size=1",))).preset.batch_size == 1
