"""Verdicts never say more than the data: what reproduces, what refutes, and what may not be held
against the paper."""

import csv

import pytest

from reports.claims.claims import NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, claims, judge
from reports.claims.rules import BY_CURVE, BY_FAMILY, BY_ROW, FAILS, HOLDS, OPEN
from reports.comparison.badges import AS_SUBMITTED, DISPUTED, VERIFIED, Mark
from reports.comparison.study import Study
from reports.tables.claims import claim_table, finding_lines, shown_findings, write_claims
from tests.support.made_records import PHANTOM, with_generator
from tests.support.study import architectures, cells, settings, study_record, table2

PAPER = {"preset_name": "paper"}


def verdicts(records):
    return {verdict.claim.id: verdict for verdict in judge(Study(list(records)))}


def shifted(record, change):
    """The record with each Dice changed by change(dice, place)."""
    rows = [
        row.model_copy(update={"dice": change(row.dice, place)})
        for place, row in enumerate(record.cases)
    ]
    return record.model_copy(update={"cases": tuple(rows)})


def pair(lift, spread=0.02, seeds=3, **options):
    """none and emitdiff on the prostate; emitdiff is `lift` above none, give or take `spread` from
    case to case."""
    base = [
        study_record("none", fold=fold, seed=seed, **options)
        for seed in range(seeds)
        for fold in range(3)
    ]
    ours = []
    for record in base:
        place = {"fold": record.spec.fold, "seed": record.spec.seed}
        ours.append(
            study_record("emitdiff", **place, **options).model_copy(update={"cases": record.cases})
        )
    return base + [
        shifted(one, lambda dice, place: dice + lift + spread * (-1) ** place) for one in ours
    ]


@pytest.fixture(scope="module")
def comparable():
    return verdicts(
        [*table2(seeds=6, **PAPER), *settings(seeds=6, **PAPER), *architectures(seeds=6, **PAPER)]
    )


def test_every_claim_of_the_brief_is_listed_with_a_rule_that_exists():
    found = {claim.id for claim in claims()}
    assert {f"gain-{dataset}-diffboost" for dataset in ("prostate", "spleen", "breast")} <= found
    assert {
        "ratio-prostate",
        "alpha-prostate",
        "patch-prostate",
        "architectures-prostate",
        "fidelity-prostate",
    } <= found
    assert {
        "spread-spleen-diffboost",
        "deepstack-breast-deepstack",
        "row-spleen-randommirror",
    } <= found
    assert {claim.rule for claim in claims()} == {*BY_ROW, *BY_CURVE, *BY_FAMILY}
    texts = {claim.id: claim.text for claim in claims()}
    assert "from 78.46 to 84.56 (+7.77 %)" in texts["gain-prostate-diffboost"]
    assert not [text for text in texts.values() if "{" in text]


def test_without_records_nothing_is_testable_and_each_claim_says_what_it_needs():
    for verdict in judge(Study([])):
        assert verdict.verdict == NOT_TESTABLE
        assert verdict.reason.startswith("Needs ")


def test_comparable_runs_give_verdicts(comparable):
    expected = {
        # the study's gain is smaller than the printed one
        "gain-prostate-diffboost": NOT_REPRODUCED,
        "best-prostate-diffboost": REPRODUCED,
        "patch-prostate": REPRODUCED,
        "alpha-prostate": REPRODUCED,
        "architectures-prostate": REPRODUCED,
        "gain-spleen-diffboost": NOT_TESTABLE,
        "fidelity-prostate": NOT_TESTABLE,
    }
    assert {name: comparable[name].verdict for name in expected} == expected
    assert "less than printed" in comparable["gain-prostate-diffboost"].reason
    assert "n = 10 minus n = 0" in comparable["ratio-prostate"].reason


@pytest.mark.parametrize(
    ("lift", "spread", "verdict", "outcome"),
    [
        (0.065, 0.02, REPRODUCED, HOLDS),
        (0.02, 0.02, NOT_REPRODUCED, FAILS),
        (0.0, 0.02, NOT_REPRODUCED, FAILS),
        (-0.05, 0.02, NOT_REPRODUCED, FAILS),
        (0.03, 0.15, NOT_TESTABLE, OPEN),
    ],
)
def test_the_printed_gain_is_held_against_the_interval(lift, spread, verdict, outcome):
    found = verdicts(pair(lift, spread, **PAPER))["gain-prostate-diffboost"]
    assert (found.verdict, found.findings[0].outcome) == (verdict, outcome)


@pytest.mark.parametrize("badge", [AS_SUBMITTED, DISPUTED, VERIFIED])
@pytest.mark.parametrize("whose", ["none", "emitdiff"])
def test_rows_that_nobody_recomputed_give_no_verdict(badge, whose):
    """Anybody could invent the numbers of the paper."""
    records = pair(0.065, 0.02, **PAPER)
    marks = {
        record.key: Mark("B. Builder", badge)
        for record in records
        if record.spec.method.name == whose
    }
    study = Study(records, marks=marks)
    found = {verdict.claim.id: verdict for verdict in judge(study)}["gain-prostate-diffboost"]
    counted = badge == VERIFIED
    assert found.verdict == (REPRODUCED if counted else NOT_TESTABLE)
    said = "rows as submitted by B. Builder, not recomputed from masks"
    assert (said in found.reason) != counted
    lines = finding_lines(found, marks)
    told = {row["method"]: (row["owner"], row["badges"]) for row in lines[0]["methods"]}
    assert ("B. Builder", [badge]) in told.values() and ("", []) in told.values()


@pytest.mark.parametrize(
    "options", [{}, {"source": PHANTOM, **PAPER}, {"training_share": 0.5, **PAPER}]
)
def test_runs_that_are_not_the_papers_are_shown_and_never_counted(options):
    found = verdicts(pair(0.065, **options))["gain-prostate-diffboost"]
    assert found.verdict == NOT_TESTABLE
    assert found.reason.startswith("No comparable runs: ")
    assert found.findings[0].outcome == HOLDS
    (line,) = shown_findings(found)
    assert line.startswith(options.get("source", study_record("none").spec.source).title)


def test_a_curve_around_other_settings_than_the_presets_is_shown_and_never_counted():
    swept = [
        study_record("emitdiff", ratio=20, alpha=alpha, **cell, **PAPER)
        for alpha in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
        for cell in cells(seeds=6)
    ]
    found = verdicts([*(study_record("none", **cell, **PAPER) for cell in cells(seeds=6)), *swept])[
        "alpha-prostate"
    ]
    assert found.verdict == NOT_TESTABLE
    assert (
        found.reason == "No comparable runs: emitdiff (from scratch, n = 20): not the preset's n."
    )


@pytest.mark.parametrize(
    ("changes", "other"),
    [
        ({}, ""),
        ({"sampling": {"compile": True}}, ""),
        ({"epochs": 3}, "epochs"),
        ({"unet": "locked"}, "unet"),
    ],
)
def test_runs_of_another_generator_than_the_presets_are_never_counted(changes, other):
    versions = {"base_version": "a" * 40, "controlnet_version": "b" * 40}

    def resolved(record):
        if not record.spec.method.generates:
            return record
        return with_generator(record, **versions | changes)

    found = verdicts(map(resolved, pair(0.065, **PAPER)))["gain-prostate-diffboost"]
    assert found.verdict == (NOT_TESTABLE if other else REPRODUCED)
    assert found.findings[0].caveats == (
        (f"emitdiff: generator with other {other} than the preset's",) if other else ()
    )


def test_missing_and_leaking_runs_are_never_counted():
    whole = pair(0.065, **PAPER)
    lacking = verdicts(whole[:-1])["gain-prostate-diffboost"]
    assert lacking.verdict == NOT_TESTABLE and "missing fold 2 seed 2" in lacking.reason
    leak = whole[0].split.model_copy(update={"train": whole[0].split.test[:1]})
    leaking = verdicts([whole[0].model_copy(update={"split": leak}), *whole[1:]])[
        "gain-prostate-diffboost"
    ]
    assert leaking.verdict == NOT_TESTABLE and "trained on test cases" in leaking.reason


def test_protocols_that_disagree_are_both_named_and_rigorous_decides():
    records = pair(0.0, **PAPER) + pair(0.065, protocol="released", **PAPER)
    found = verdicts(records)["gain-prostate-diffboost"]
    assert found.verdict == NOT_REPRODUCED
    assert "protocol rigorous" in found.reason and "Otherwise under" in found.reason
    assert "test cases choosing the checkpoint" in found.reason


def test_a_dropped_deepstack_is_no_deepstack():
    found = verdicts(table2(seeds=1, protocol="released", **PAPER))
    assert found["deepstack-prostate-deepstack"].findings == ()
    assert found["best-prostate-diffboost"].findings


def test_the_files_hold_every_finding_and_the_table_every_claim(comparable, tmp_path):
    listed = list(comparable.values())
    paths = write_claims(listed, tmp_path / "new")
    with paths["csv"].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["id"] for row in rows} == {claim.id for claim in claims()}
    assert len(rows) == sum(max(1, len(verdict.findings)) for verdict in listed)
    assert paths["markdown"].read_text(encoding="utf-8").count("\n|") == len(listed) + 2
    assert claim_table(listed).columns[2] == "verdict"
