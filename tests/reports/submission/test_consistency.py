"""Records that contradict themselves: each contradiction is one sentence that names the run."""

import random

import pytest

from tests.reports.submission import mutations
from tests.reports.submission.made import put


def all_of(*changes):
    def change(record):
        for one in changes:
            one(record)

    return change


@pytest.mark.parametrize(
    ("change", "rekey", "where", "says"),
    [
        (put("status", to="failed"), False, "records", "it is of a failed run"),
        (put("schema_version", to=1), False, "records", "has record schema 1"),
        (put("cases", to=[]), False, "records", "it lacks its split, its budget or its case rows"),
        (
            put("budget", to=None),
            False,
            "records",
            "it lacks its split, its budget or its case rows",
        ),
        (
            put("budget", "optimiser_steps", to=6),
            False,
            "records",
            "its budget is not what its stage fit-segmenter counted",
        ),
        (put("seeds", "order", to=1), False, "records", "its seeds are not those that follow"),
        (
            put("substitutions", 0, "why", to="x"),
            False,
            "stages",
            "its list of substitutions is not the one",
        ),
        (
            put("stages", 0, "seconds", to=-1.0),
            False,
            "records",
            "its stage prepare cost less than nothing",
        ),
        (
            put("stages", 0, "version", to=99),
            False,
            "records",
            "its stage prepare has a key or a version that none has",
        ),
        (
            put("stages", 0, "stage", to="cook"),
            False,
            "records",
            "it lists an unknown stage 'cook'",
        ),
        (
            lambda record: record["stages"].pop(2),
            False,
            "records",
            "it lists 0 stages synthesize where its method needs 1",
        ),
        (put("cases", 0, "unit", to="voxel"), False, "records", "its distances are in voxel"),
        (
            put("repeats", to=[{"machine": "m", "deterministic": True, "dice": [0.5]}]),
            False,
            "records",
            "one of its repeats",
        ),
        (put("spec", "fold", to=2), True, "records", "fold 2 of 2 folds"),
        (put("spec", "preset", "n_folds", to=900), True, "records", "fold 0 of 900 folds"),
        (put("spec", "method", "ratio", to=9000), True, "records", "at most 1000 are read"),
        (
            put("spec", "method", "alpha", to=None),
            True,
            "records",
            "its method has settings that such a method does not have",
        ),
        (
            put("spec", "method", "patch_size", to=17),
            True,
            "records",
            "its method cannot be: --patch-size 17",
        ),
        (
            put("spec", "architecture", to="a b"),
            True,
            "records",
            "its architecture has the name 'a b', which none has",
        ),
        (put("spec", "seed", to=3), False, "records", "the key is not the sha256 of the spec"),
        (
            put("spec", "preset", "phantom_cases", to=9000),
            True,
            "split",
            "there are at most 2000|at most 2000",
        ),
        (
            put("split", "hash", to="0" * 64),
            False,
            "split",
            "the split's hash is not that of its cases",
        ),
        (
            lambda record: record["split"]["generator"].pop(),
            False,
            "leaks",
            "generator_cases=fit means 2 others",
        ),
        (
            put("split", "generator", 0, to="phantom_99"),
            False,
            "leaks",
            "the generator was trained on other cases",
        ),
        (
            put("spec", "preset", "weight_decay", to=0.5),
            True,
            "stages",
            "its stage fit-segmenter is not the one",
        ),
        (
            all_of(
                put("spec", "method", "generator", "steps", to=7),
                put("spec", "method", "changed", "steps", to=7),
            ),
            True,
            "stages",
            "its stage fit-generator is not the one",
        ),
        (
            put("spec", "method", "generator", "steps", to=7),
            True,
            "stages",
            "does not list the settings that differ",
        ),
        (
            put("spec", "method", "changed", to={"steps": 7}),
            False,
            "records",
            "it lists changed settings",
        ),
        (
            put("spec", "method", "look", "colour", to="#000000"),
            False,
            "stages",
            "is not the one that this program has",
        ),
        (put("lifted_from", to=1), False, "records", "recorded with an older schema"),
        (
            put("spec", "method", "generator", "stepz", to=7),
            True,
            "stages",
            "has settings that none can have",
        ),
        (
            put("stages", 1, "key", to="0" * 64),
            False,
            "stages",
            "its stage fit-generator is not the one",
        ),
        (put("stages", 2, "version", to=1), False, "stages", "its stage synthesize is not the one"),
        (put("cases", 0, "hd95", to=1e6), False, "values", "a distance is above 100000 mm"),
    ],
)
def test_contradictions_are_named(edited, change, rekey, where, says):
    checked = edited(change, rekey)
    told = [
        finding.text
        for finding in checked.findings
        if finding.check == where and finding.state == "refused"
    ]
    assert any(word in text for text in told for word in says.split("|")), checked.findings
    assert not checked.valid and all(len(text) <= 400 for text in checked.reasons)


def test_stages_of_an_earlier_version_are_not_checked_and_said(edited):
    """Their keys are another version's, and so are those of the stages that read them."""

    def older(record):
        for place, stage in enumerate(record["stages"][2:]):
            stage["key"] = f"{place}" * 64
        record["stages"][2]["version"] = 1

    checked = edited(older)
    assert checked.valid, checked.reasons
    assert any(
        "from synthesize on: an earlier version computed them" in finding.text
        for finding in checked.findings
    )

    def older_and_wrong(record):
        older(record)
        record["stages"][1]["key"] = "f" * 64

    assert "its stage fit-generator is not the one" in edited(older_and_wrong).reasons[0]


def test_deeply_nested_and_long_texts_are_refused(edited):
    for depth in (17, 500, 100_000):
        checked = edited(put("provenance", "x", to=f"{mutations.DEEP} {depth}"))
        assert "is nested deeper than 16 levels" in checked.reasons[0]
    assert "at most 2000 are allowed" in edited(put("notes", to=["a" * 2001])).reasons[0]
    assert "control characters" in edited(put("notes", to=["a\x1b[31m"])).reasons[0]
    assert edited(put("provenance", "x", to=[[[["fine"]]]])).valid


def test_mutations_are_the_same_every_time(edited):
    data = mutations.zipped({"manifest.json": b"{}", "a": b"b"}.items())
    assert mutations.of_bytes(data, random.Random("x")) == mutations.of_bytes(
        data, random.Random("x")
    )
