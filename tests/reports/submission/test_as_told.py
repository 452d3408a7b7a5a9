"""What a record tells of its stages: refused where it cannot be, else called "not checked"."""

import pytest

from tests.reports.submission.made import put

FIT, GENERATOR = ("stages", 3), ("stages", 1)


def budget(**changes):
    """The same change in the budget and in what its stage counted, so that they agree."""

    def change(record):
        record["budget"] |= {name: value for name, value in changes.items() if name != "slices"}
        told = record["stages"][FIT[1]]["results"]
        told["steps"] = record["budget"]["optimiser_steps"]
        told["presented"] = {
            "real": record["budget"]["real_presentations"],
            "synthetic": record["budget"]["synthetic_presentations"],
        }
        told["slices"] = changes.get("slices", told["slices"])

    return change


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"optimiser_steps": 2**63 - 1}, "field stages.3.results.steps"),
        ({"optimiser_steps": 10**9}, "its budget is not the one of 1 epochs of 2 slices"),
        ({"optimiser_steps": 2}, "which is 1 steps"),
        ({"optimiser_steps": 0}, "which is 1 steps"),
        ({"real_presentations": 3}, "its budget is not the one of 1 epochs"),
        ({"synthetic_presentations": 0}, "its budget is not the one of 1 epochs"),
        ({"synthetic_presentations": -1}, "field budget.synthetic_presentations"),
        ({"slices": 3}, "its budget is not the one of 1 epochs of 3 slices"),
        ({"slices": 1}, "its segmenter was trained on 1 slices of 2 cases"),
        ({"slices": 0}, "its segmenter was trained on 0 slices of 2 cases"),
        ({"slices": 10**9}, "its segmenter was trained on 1000000000 slices of 2 cases"),
        ({"slices": "2"}, "field stages.3.results"),
        ({"slices": None}, "field stages.3.results"),
    ],
)
def test_a_budget_follows_from_spec_and_split(edited, changes, says):
    (reason, *_) = edited(budget(**changes)).reasons
    assert says in reason


def test_an_epoch_of_more_slices_has_more_steps(edited):
    """8 images a step; as many samples as slices."""
    more = budget(slices=9, optimiser_steps=2, real_presentations=9, synthetic_presentations=9)
    assert edited(more).valid


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("seconds", 1e15, "cost more than any machine has"),
        ("seconds", 1e9, "cost more than any machine has"),
        ("seconds", -1.0, "cost less than nothing"),
        ("peak_memory_mb", 1e12, "cost more than any machine has"),
        ("gpu_memory_mb", -1.0, "cost less than nothing"),
    ],
)
def test_costs_that_no_run_has(edited, place, name, value, says):
    assert says in edited(put("stages", place, name, to=value)).reasons[0]


@pytest.mark.parametrize("where", [FIT, GENERATOR])
def test_a_training_takes_time(edited, where):
    (reason,) = edited(put(*where, "seconds", to=0.0)).reasons
    assert "is a training that took no time" in reason


def test_a_checkpoint_of_an_epoch_that_there_is(edited):
    assert edited(put(*FIT, "results", "selected_epoch", to=1)).valid
    (reason,) = edited(put(*FIT, "results", "selected_epoch", to=2)).reasons
    assert "its checkpoint is of an epoch that its training does not have" in reason


@pytest.mark.parametrize("value", ["many", None, [], {}, 1.5, -1, True, 10**18])
@pytest.mark.parametrize(
    "name", ["offered", "dropped", "slices_real_only", "selected_epoch", "steps", "slices"]
)
def test_what_pages_read_of_a_stage_are_counts(edited, name, value):
    def change(record):
        told = record["stages"][FIT[1]]["results"]
        told |= {"offered": 2, "dropped": 1, "slices_real_only": 0, name: value}

    assert "field stages.3.results" in edited(change).reasons[0]


@pytest.mark.parametrize("name", ["offered", "dropped", "slices_real_only"])
def test_counts_of_a_filter_come_together(edited, name):
    def without(record):
        told = record["stages"][FIT[1]]["results"]
        told |= {"offered": 2, "dropped": 1, "slices_real_only": 0}
        del told[name]

    assert "a filter tells offered, dropped and slices_real_only" in edited(without).reasons[0]
    counted = put(
        *FIT, "results", "offered", to=2
    )  # no run without a filter counts what it dropped
    assert not edited(counted).valid


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("git", "a" * 40),
        ("git", {"commit": 7}),
        ("git", {"commit": ["a"]}),
        ("git", {"commit": "a", "dirty": "yes"}),
        ("packages", ["numpy"]),
        ("packages", {"numpy": 2}),
        ("deterministic", "yes"),
    ],
)
def test_what_pages_read_of_the_machine_is_typed(edited, name, value):
    assert "field provenance" in edited(put("provenance", name, to=value)).reasons[0]


def samples(**changes):
    bins = {"agreement": [0] * 20, "distance": [0] * 30}
    return {
        "generator": "emitdiff@1",
        "segmenter": "a" * 64,
        "paired": False,
        "variants": 1,
        "measured_variants": 1,
        "held_out_variants": 1,
        "ms_ssim_scales": 3,
        "copy_threshold": 0.1,
        "rows": [{"case": "phantom_00", "part": "training", "slices": 1, "images": 1}],
        "agreement_histogram": {"training": bins["agreement"]},
        "distance_histogram": {"training": bins["distance"]},
        **changes,
    }


def test_an_audit_where_none_was_asked_for(edited):
    (reason, *_) = edited(put("samples", to=samples())).reasons
    assert "it holds an audit of samples that was not asked for" in reason


def test_an_audit_that_was_asked_for_and_is_not_there(edited):
    (reason, *_) = edited(put("spec", "audit", to=True), rekey=True).reasons
    assert "or lacks one that was" in reason


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"segmenter": "not a key"}, "field samples.segmenter"),
        ({"segmenter": "a" * 64}, "the segmenter that judged its samples is none of its stages"),
        ({"generator": "pix2pix@1"}, "its audit is of samples of another method"),
        ({"variants": 7}, "its audit is of samples of another method"),
        ({"paired": True}, "its audit is of samples of another method"),
        ({"variants": 2**62}, "field samples.variants"),
        (
            {"rows": [{"case": "x", "part": "training", "slices": 1, "images": 1}]},
            "names case x, which is not of that part",
        ),
        (
            {"rows": [{"case": "phantom_00", "part": "training", "slices": 1, "images": 2**62}]},
            "field samples.rows.0.images",
        ),
    ],
)
def test_an_audit_of_other_samples(edited, changes, says):
    def change(record):
        record["spec"]["audit"] = True
        record["samples"] = samples(**changes)

    assert any(says in reason for reason in edited(change, rekey=True).reasons)


def test_one_stage_has_one_cost(tmp_path):
    import json

    from reports.records.load import load_records
    from reports.submission.pack import pack
    from tests.reports.submission import mutations
    from tests.reports.submission.made import check, tiny_store

    store = tiny_store(tmp_path / "s", ("none", "emitdiff"), (0,))
    pack(
        load_records([store.root]).records,
        store,
        tmp_path / "a.zip",
        owner="",
        note="",
        with_masks=False,
    )
    assert check(tmp_path / "a.zip").valid
    entries = mutations.entries_of((tmp_path / "a.zip").read_bytes())
    name = next(name for name in entries if name.startswith("records/"))
    record = json.loads(entries[name])
    record["stages"][0]["seconds"] = 2.0  # prepare, which both runs share
    (tmp_path / "a.zip").write_bytes(mutations.signed(entries, name, record))
    (reason,) = check(tmp_path / "a.zip").reasons
    assert "its stage prepare has another cost or result in another record" in reason


def test_what_nobody_can_check_is_called_so(edited):
    def told(change):
        checked = edited(change)
        assert checked.valid, checked.reasons
        return " ".join(one.text for one in checked.findings if one.state == "not checked")

    plain = told(lambda record: None)
    assert "costs, machines and versions" in plain and "repeats" not in plain
    one = {"machine": "m", "deterministic": True, "dice": [0.5, 0.5, 0.5]}
    assert "repeats: they stand as they were submitted" in told(put("repeats", to=[one]))
    curve = put(*FIT, "curve", to={"loss": [[1, 0.5], [2, 0.25]]})
    assert "curves of trainings: they stand as they were submitted" in told(curve)
