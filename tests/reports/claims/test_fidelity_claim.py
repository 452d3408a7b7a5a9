"""The claim on Pix2Pix, from audits of synthetic images."""

import pytest

from reports.claims.claims import NOT_REPRODUCED, NOT_RUN, REPRODUCED, UNDECIDED, judge
from reports.comparison.study import Study
from tests.support.made_records import PHANTOM, with_generator
from tests.support.sampled import audited_study, with_samples

PAPER = {
    "preset_name": "paper",
    "protocol": "paper",
    "numbers": {"edge": "hed", "edge_weights": "5" * 64},
    "seeds": 2,
}


def verdict(records, name="fidelity-prostate"):
    return {one.claim.id: one for one in judge(Study(records))}[name]


@pytest.mark.parametrize(
    ("worse", "spread", "expected"),
    [(0.5, 0.02, REPRODUCED), (-0.5, 0.02, NOT_REPRODUCED), (0.0, 0.3, UNDECIDED)],
)
def test_the_claim_on_pix2pix_is_paired_by_held_out_case(worse, spread, expected):
    found = verdict(audited_study(worse, spread, **PAPER)).printed
    assert found.state == expected
    assert (
        "emitdiff (from scratch) minus pix2pix on 32 held-out cases: MAE" in found.text
        and found.text.count("[") == 5
    )


def test_one_measure_on_the_far_side_refutes():
    records = audited_study(0.5, **PAPER)
    for place, record in enumerate(records):
        if record.spec.method.name == "emitdiff":
            rows = [row.model_copy(update={"mae": row.mae + 0.2}) for row in record.samples.rows]
            records[place] = with_samples(record, rows=rows)
    assert verdict(records).printed.state == NOT_REPRODUCED


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"preset_name": "compact", "numbers": {}}, "preset is compact"),
        ({"numbers": {"edge": "scharr"}}, "edges are scharr, not HED"),
        ({"source": PHANTOM}, "source is phantom"),
        ({"architecture": "unet"}, "architecture is unet"),
        ({"protocol": "rigorous"}, "protocol is rigorous, not paper"),
        ({"protocol": "released"}, "protocol is released, not paper"),
    ],
)
def test_other_images_edges_presets_or_rules_are_not_as_printed(options, reason):
    found = verdict(audited_study(0.5, **PAPER | options))
    assert found.printed.state == NOT_RUN
    assert reason in "; ".join(found.findings[0].obstacles)


@pytest.mark.parametrize(("changes", "expected"), [({}, REPRODUCED), ({"steps": 7}, NOT_RUN)])
def test_a_generator_of_other_settings_is_not_as_printed(changes, expected):
    records = audited_study(0.5, **PAPER)
    for place, record in enumerate(records):
        if record.spec.method.name == "pix2pix":
            records[place] = with_generator(record, **changes)
    found = verdict(records)
    assert found.printed.state == expected
    said = "pix2pix: generator with other steps than the preset's" in found.printed.text
    assert said == bool(changes)


def test_breast_images_are_never_the_papers():
    found = verdict(audited_study(0.5, dataset="breast", **PAPER), "fidelity-breast")
    assert found.printed.state == NOT_RUN and "Q30" in found.printed.text


def test_an_unaudited_or_missing_run_gives_no_answer_as_printed():
    records = audited_study(0.5, **PAPER)
    bare = [
        one.model_copy(update={"samples": None})
        if (one.spec.method.name, one.spec.fold, one.spec.seed) == ("pix2pix", 1, 0)
        else one
        for one in records
    ]
    found = verdict(bare).printed
    assert found.state == NOT_RUN and "not audited: fold 1 seed 0" in found.text
    fewer = [
        one
        for one in records
        if (one.spec.method.name, one.spec.fold, one.spec.seed) != ("emitdiff", 0, 0)
    ]
    assert "missing fold 0 seed 0" in verdict(fewer).printed.text
    assert verdict([one for one in records if one.spec.method.name != "pix2pix"]).findings == ()
