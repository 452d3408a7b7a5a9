"""Which runs may share a table, and what becomes of runs that are absent."""

import pytest

from benchmark.core.published_weights import HED
from benchmark.spec.method import MethodSpec
from benchmark.spec.protocol import Protocol
from reports.comparison.groups import group_id, make_groups
from reports.comparison.setting_curves import main_ours
from tests.support.made_records import MSD_PROSTATE, PHANTOM, make_record, one_group, table2_records

OTHERS = {
    "real images": {"source": MSD_PROSTATE},
    "other title": {"source": PHANTOM.model_copy(update={"title": "phantom v2"})},
    "other content": {"source": PHANTOM.model_copy(update={"fingerprint": "f" * 64})},
    "marked real": {"source": PHANTOM.model_copy(update={"synthetic": False})},
    "dataset": {"dataset": "spleen"},
    "protocol": {"protocol": "released"},
    "one switch": {"protocol": Protocol(selection="test")},
    "preset": {"preset_name": "compact"},
    "one number": {"numbers": {"epochs": 40}},
    "architecture": {"architecture": "unet"},
    "training share": {"training_share": 0.5},
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_what_differs_never_shares_a_table(change):
    groups = make_groups(
        [make_record("none"), make_record("emitdiff"), make_record("none", **change)]
    )
    assert sorted(len(group.records) for group in groups) == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"source": PHANTOM.model_copy(update={"licence": "other words"})},
        {"numbers": {"name": "smoke-again"}},
        {"fold": 2},
        {"seed": 5},
    ],
)
def test_names_folds_and_seeds_do_not_split_a_table(change):
    assert group_id(make_record("emitdiff").spec) == group_id(make_record("none", **change).spec)


def test_every_record_is_in_exactly_one_group_and_groups_agree_in_all_but_the_run():
    records = [
        make_record(method, fold=fold, **change)
        for change in OTHERS.values()
        for method in ("none", "emitdiff")
        for fold in (0, 1)
    ]
    groups = make_groups(records)
    assert sorted(record.key for group in groups for record in group.records) == sorted(
        record.key for record in records
    )
    for group in groups:
        shared = {
            record.spec.model_dump_json(exclude={"method", "fold", "seed"})
            for record in group.records
        }
        assert len(shared) == 1
    assert len({group.slug for group in groups}) == len(groups)


def test_real_images_come_first():
    groups = make_groups([make_record(), make_record(source=MSD_PROSTATE)])
    assert [group.spec.source.synthetic for group in groups] == [False, True]


def test_methods_stand_in_their_fixed_order_whatever_the_order_of_the_records():
    records = table2_records(folds=(0,)) + [
        make_record("emitdiff", ratio=5),
        make_record("emitdiff", "deepstack"),
    ]
    labels = [runs.label for runs in one_group(records[::-1]).methods]
    assert labels == [
        "none",
        "classic contrast",
        "classic gamma",
        "classic brightness",
        "classic noise",
        "classic resolution",
        "classic mirror",
        "classic rotate",
        "classic scale",
        "classic deepstack",
        "unconditional",
        "emitdiff (from scratch)",
        "emitdiff (from scratch, n = 5)",
        "emitdiff (from scratch) + deepstack",
    ]


def test_missing_folds_follow_from_the_preset_and_the_seeds_seen():
    records = [make_record("none", fold=fold, seed=seed) for fold in (0, 1, 2) for seed in (0, 4)]
    records += [
        make_record("emitdiff", fold=0),
        make_record("emitdiff", fold=1, error="NaN in step 7"),
    ]
    none, emitdiff = one_group(records).methods
    assert (none.missing, none.expected) == ((), 6)
    assert emitdiff.missing == ((2, 0), (0, 4), (1, 4), (2, 4))
    assert [record.error for record in emitdiff.failed] == ["NaN in step 7"]


def test_a_done_record_replaces_the_failed_one_of_the_same_run():
    failed, done = make_record(error="killed"), make_record()
    (runs,) = one_group([failed, done]).methods
    assert (runs.done, runs.failed) == ((done,), ())


def test_the_same_record_twice_counts_once_and_a_contradicting_one_is_reported():
    first = make_record(rows={"a": 0.5})
    other = first.model_copy(update={"cases": make_record(rows={"a": 0.6}).cases})
    assert one_group([first, first]).contradicting == ()
    group = one_group([first, first, other])
    assert group.contradicting == (first.key,)
    assert group.methods[0].done == (first,)


def test_file_names_are_plain_whatever_the_spec_says():
    (group,) = make_groups([make_record(architecture="../../etc/<b>", numbers={"name": "a b"})])
    assert set(group.slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_one_table_holds_a_generator_with_two_kinds_of_edges():
    made = MethodSpec(
        name="emitdiff",
        kind="emitdiff",
        joins="patches",
        ratio=2,
        alpha=0.6,
        patch_size=16,
        generator={"steps": 4},
    )
    plain = make_record(made)
    hed = make_record(made, numbers={"edge": "hed", "edge_weights": HED.identity})
    other = make_record(made, numbers={"edge": "hed", "edge_weights": "sha256:" + "5" * 64})
    (group,) = make_groups([make_record("none"), plain, hed, other])
    assert list(group.by_label) == [
        "none",
        "emitdiff (generator edge = hed)",
        "emitdiff (generator edge = hed, sha256:555555555555)",
        "emitdiff (generator edge = scharr)",
    ]
    assert not group.contradicting and group.rules.endswith("preset smoke")
    assert main_ours(group).label == "emitdiff (generator edge = scharr)", "the preset's"
    more = make_record(made, fold=1, numbers={"edge": "hed", "edge_weights": HED.identity})
    (group,) = make_groups([make_record("none"), plain, hed, more])
    assert main_ours(group).label == "emitdiff (generator edge = hed)", "that of more runs"
    (group,) = make_groups([make_record("none"), plain])
    assert list(group.by_label) == ["none", "emitdiff"], "usual edges are not named"
    (runs,) = make_groups([hed])[0].methods
    assert runs.changed_generator == ("edge",), "the preset's are Scharr's"
