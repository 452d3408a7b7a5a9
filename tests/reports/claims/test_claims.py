"""Answers never say more than the data: what reproduces, what refutes, what holds elsewhere, and
what answers nothing."""

import csv

import numpy as np
import pytest

from baselines.stable.presets import of_protocol
from benchmark.spec.substitution import Substitution
from reports.claims.claims import (
    HOLDS_HERE,
    NOT_HERE,
    NOT_REPRODUCED,
    NOT_RUN,
    REPRODUCED,
    SMALLER,
    UNDECIDED,
    claims,
    judge,
    rule_text,
    tally,
)
from reports.claims.evidence import BY_CURVE, BY_FAMILY, BY_ROW, RULES
from reports.comparison.badges import AS_SUBMITTED, DISPUTED, VERIFIED, Mark
from reports.comparison.study import Study
from reports.tables.claims import claim_table, finding_lines, write_claims
from tests.support.made_records import PHANTOM, with_generator
from tests.support.study import architectures, cells, drawn, settings, study_record, table2

PAPER = {"preset_name": "paper", "protocol": "paper"}
GAIN = "gain-prostate-diffboost"


def verdicts(records, **more):
    return {verdict.claim.id: verdict for verdict in judge(Study(list(records), **more))}


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
    base = [study_record("none", **cell, **options) for cell in cells(seeds=seeds)]
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
    assert {claim.rule for claim in claims()} == {*BY_ROW, *BY_CURVE, *BY_FAMILY} == {*RULES}
    texts = {claim.id: claim.text for claim in claims()}
    assert "from 78.46 to 84.56 (+7.77 %)" in texts[GAIN]
    assert not [text for text in texts.values() if "{" in text]
    assert all(rule_text(claim)[0] for claim in claims())


def test_without_records_nothing_was_run_and_each_claim_says_what_it_needs():
    found = judge(Study([]))
    for verdict in found:
        assert verdict.printed.state == verdict.elsewhere.state == NOT_RUN
        said = "Nobody can run it" if verdict.claim.dataset == "breast" else "Needs "
        assert verdict.printed.text.startswith(said)
        assert verdict.elsewhere.text.startswith("Needs ")
    assert tally(found[:3]) == "As printed: 0 of 3 claims tested. Elsewhere: 3 not run."


def test_comparable_runs_give_answers(comparable):
    expected = {
        GAIN: REPRODUCED,
        "best-prostate-diffboost": REPRODUCED,
        "patch-prostate": REPRODUCED,
        "alpha-prostate": REPRODUCED,
        "ratio-prostate": REPRODUCED,
        "architectures-prostate": REPRODUCED,
        "gain-spleen-diffboost": NOT_RUN,
        "fidelity-prostate": NOT_RUN,
    }
    assert {name: comparable[name].printed.state for name in expected} == expected
    assert "n = 10 minus n = 0" in comparable["ratio-prostate"].printed.text
    assert "half of the printed gain" in comparable["ratio-prostate"].printed.text


@pytest.mark.parametrize(
    ("lift", "spread", "printed", "elsewhere"),
    [
        (0.061, 0.02, REPRODUCED, HOLDS_HERE),
        (0.02, 0.02, SMALLER, HOLDS_HERE),
        (0.0, 0.02, NOT_REPRODUCED, NOT_HERE),
        (-0.05, 0.02, NOT_REPRODUCED, NOT_HERE),
        (0.03, 0.15, UNDECIDED, UNDECIDED),
    ],
)
def test_the_gain_has_an_answer_as_printed_and_one_elsewhere(lift, spread, printed, elsewhere):
    found = verdicts(pair(lift, spread, **PAPER))[GAIN]
    assert (found.printed.state, found.elsewhere.state) == (printed, NOT_RUN)
    found = verdicts(pair(lift, spread))[GAIN]
    assert (found.printed.state, found.elsewhere.state) == (NOT_RUN, elsewhere)
    assert "printed +6.10 ±" in found.elsewhere.text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"preset_name": "compact"}, "preset is compact, not paper"),
        ({"training_share": 0.5}, "50 % of the training cases"),
        ({"protocol": "rigorous"}, "protocol is rigorous, not paper"),
        ({"protocol": "released"}, "protocol is released, not paper"),
        ({"architecture": "unet"}, "architecture is unet"),
    ],
)
def test_other_runs_are_elsewhere_and_say_why(options, reason):
    found = verdicts(pair(0.061, **PAPER | options))[GAIN]
    assert (found.printed.state, found.elsewhere.state) == (NOT_RUN, HOLDS_HERE)
    assert reason in found.printed.text and found.findings[0].obstacles == (reason,) or options


def test_synthetic_images_answer_nothing():
    found = verdicts(pair(0.061, source=PHANTOM, **PAPER))[GAIN]
    assert found.printed.state == found.elsewhere.state == NOT_RUN
    assert "synthetic images answer nothing" in found.elsewhere.text
    (finding,) = found.findings
    assert finding.state == HOLDS_HERE and finding.unsound


@pytest.mark.parametrize("options", [{}, PAPER])
def test_one_seed_or_a_fold_too_few_decide_nothing(options):
    single = verdicts(pair(0.061, seeds=1, **options))[GAIN]
    states = {single.printed.state, single.elsewhere.state}
    assert states == {UNDECIDED, NOT_RUN}
    assert "too few runs (3 folds, 1 seed)" in single.printed.text + single.elsewhere.text
    folds = [one for one in pair(0.061, **options) if one.spec.fold < 2]
    assert verdicts(folds)[GAIN].printed.state != REPRODUCED
    assert verdicts(folds)[GAIN].elsewhere.state in (UNDECIDED, NOT_RUN)
    enough = verdicts(pair(0.061, seeds=2, **options))[GAIN]
    assert {enough.printed.state, enough.elsewhere.state} & {REPRODUCED, HOLDS_HERE}


@pytest.mark.parametrize(
    ("part", "state"),
    [
        ("edge detector", NOT_RUN),
        ("pre-training", NOT_RUN),
        ("generator", NOT_RUN),
        # the paper prints four phrases, so nobody has all of them
        ("text", REPRODUCED),
        ("pre-training images", REPRODUCED),
    ],
)
def test_a_stand_in_for_what_the_paper_prints_is_not_as_printed(part, state):
    entry = Substitution(part=part, paper="HED", used="Scharr", why="no weights")
    records = [
        one.model_copy(update={"substitutions": (entry,)})
        if one.spec.method.name == "emitdiff"
        else one
        for one in pair(0.061, **PAPER)
    ]
    found = verdicts(records)[GAIN]
    assert found.printed.state == state
    if state == NOT_RUN:
        assert found.elsewhere.state == HOLDS_HERE
        assert f"Scharr in place of the paper's {part}, HED" in found.printed.text


def test_a_curve_around_other_settings_than_the_presets_is_elsewhere():
    swept = [
        study_record("emitdiff", ratio=20, alpha=alpha, **cell, **PAPER)
        for alpha in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
        for cell in cells(seeds=6)
    ]
    base = [study_record("none", **cell, **PAPER) for cell in cells(seeds=6)]
    found = verdicts([*base, *swept])["alpha-prostate"]
    assert (found.printed.state, found.elsewhere.state) == (NOT_RUN, HOLDS_HERE)
    assert "emitdiff (from scratch, n = 20): not the preset's n" in found.printed.text


def test_elsewhere_the_setting_with_most_runs_stands_for_the_method():
    usual = pair(0.061, seeds=1)
    other = [
        study_record("emitdiff", ratio=5, **cell).model_copy(update={"cases": record.cases})
        for cell in cells(seeds=3)
        for record in pair(0.061, seeds=3)[9:]
        if (record.spec.fold, record.spec.seed) == (cell["fold"], cell["seed"])
    ]
    base = [study_record("none", **cell) for cell in cells(seeds=3)]
    found = verdicts([*base, *usual[3:], *other])[GAIN]
    assert found.elsewhere.state == HOLDS_HERE
    assert "emitdiff (from scratch, n = 5)" in dict(map(reversed, found.findings[0].methods))


@pytest.mark.parametrize(
    ("changes", "other"),
    [
        ({}, ""),
        ({"sampling": of_protocol("paper", "prostate")["sampling"] | {"compile": True}}, ""),
        ({"epochs": 3}, "epochs"),
        ({"unet": "locked"}, "unet"),
    ],
)
def test_runs_of_another_generator_than_the_presets_are_not_as_printed(changes, other):
    versions = {"base_version": "a" * 40, "controlnet_version": "b" * 40}

    def resolved(record):
        if not record.spec.method.generates:
            return record
        return with_generator(record, **versions | changes)

    found = verdicts(map(resolved, pair(0.061, **PAPER)))[GAIN]
    assert found.printed.state == (NOT_RUN if other else REPRODUCED)
    said = f"emitdiff: generator with other {other} than the preset's"
    assert (said in found.findings[0].obstacles) == bool(other)


def test_missing_runs_are_not_as_printed_and_leaking_ones_answer_nothing():
    whole = pair(0.061, **PAPER)
    lacking = verdicts(whole[:-1])[GAIN]
    assert lacking.printed.state == NOT_RUN and "missing fold 2 seed 2" in lacking.printed.text
    assert lacking.elsewhere.state == HOLDS_HERE
    leak = whole[0].split.model_copy(update={"train": whole[0].split.test[:1]})
    leaking = verdicts([whole[0].model_copy(update={"split": leak}), *whole[1:]])[GAIN]
    assert leaking.printed.state == leaking.elsewhere.state == NOT_RUN
    assert "trained on test cases" in leaking.elsewhere.text


@pytest.mark.parametrize("badge", [AS_SUBMITTED, DISPUTED, VERIFIED])
@pytest.mark.parametrize("whose", ["none", "emitdiff"])
def test_rows_that_nobody_recomputed_answer_nothing(badge, whose):
    """Anybody could invent the numbers of the paper."""
    records = pair(0.061, **PAPER)
    marks = {
        record.key: Mark("B. Builder", badge)
        for record in records
        if record.spec.method.name == whose
    }
    found = verdicts(records, marks=marks)[GAIN]
    counted = badge == VERIFIED
    assert found.printed.state == (REPRODUCED if counted else NOT_RUN)
    assert found.elsewhere.state == NOT_RUN
    said = "rows as submitted by B. Builder, not recomputed from masks"
    assert (said in found.elsewhere.text) != counted
    lines = finding_lines(found, marks)
    told = {row["method"]: (row["owner"], row["badges"]) for row in lines[0]["methods"]}
    assert ("B. Builder", [badge]) in told.values() and ("", []) in told.values()


def test_protocol_paper_answers_as_printed_and_others_elsewhere():
    records = pair(0.0, **PAPER)
    for protocol in ("rigorous", "released"):
        records += pair(0.061 if protocol == "rigorous" else 0.0, **PAPER | {"protocol": protocol})
    found = verdicts(records)[GAIN]
    assert (found.printed.state, found.elsewhere.state) == (NOT_REPRODUCED, HOLDS_HERE)
    assert "protocol paper" in found.printed.text
    assert "protocol rigorous" in found.elsewhere.text
    assert "1 other comparison: 1 does not hold here" in found.elsewhere.text


def test_a_dropped_deepstack_is_no_deepstack():
    found = verdicts(table2(seeds=1, **PAPER | {"protocol": "released"}))
    assert found["deepstack-prostate-deepstack"].findings == ()
    assert found["best-prostate-diffboost"].findings


def test_the_best_of_ten_rows_is_not_the_best_of_eleven():
    lacking = [one for one in table2(seeds=2) if one.spec.method.transform != "mirror"]
    found = verdicts(lacking)
    assert found["best-prostate-diffboost"].findings == ()
    assert found["deepstack-prostate-deepstack"].findings == ()
    whole = verdicts(table2(seeds=2))
    assert whole["best-prostate-diffboost"].findings
    assert whole["deepstack-prostate-deepstack"].findings


def swept(setting, values, seeds=2):
    """none and emitdiff at these values of a setting."""
    base = [study_record("none", **cell) for cell in cells(seeds=seeds)]
    return base + [
        study_record("emitdiff", **{setting: value}, **cell)
        for value in values
        for cell in cells(seeds=seeds)
    ]


@pytest.mark.parametrize(
    ("setting", "values", "there"),
    [
        ("ratio", (0, 10, 20, 30), True),
        ("ratio", (0, 10, 20), False),
        ("ratio", (0, 5, 20, 30), False),
        ("ratio", (5, 10, 20, 30), False),
        ("alpha", (0.0, 0.2, 0.5, 0.8, 1.0), True),
        ("alpha", (0.0, 0.3, 0.5, 0.8, 1.0), False),
        ("alpha", (0.0, 0.2, 0.5, 0.7, 1.0), False),
        ("alpha", (0.0, 0.2, 0.8, 1.0), False),
        ("patch_size", (1, 32, 128), True),
        ("patch_size", (2, 32, 128), False),
        ("patch_size", (1, 32, 64), False),
    ],
)
def test_a_curve_needs_its_points(setting, values, there):
    claim = {"ratio": "ratio", "alpha": "alpha", "patch_size": "patch"}[setting]
    assert bool(verdicts(swept(setting, values))[f"{claim}-prostate"].findings) == there


def test_a_curve_names_the_points_that_are_compared():
    (ratio,) = verdicts(swept("ratio", (0, 5, 10, 20, 30)))["ratio-prostate"].findings
    assert "mean of n = 20, 30 minus n = 10: " in ratio.text
    (alpha,) = verdicts(swept("alpha", (0.0, 0.2, 0.5, 0.8, 1.0)))["alpha-prostate"].findings
    head, *points = alpha.text.split("mean: ")[1].split("; ")[0].split("], ")
    assert [one.split(":")[0] for one in (head, *points)] == ["0.2", "0.5", "0.8"]
    (patch,) = verdicts(swept("patch_size", (1, 16, 32, 128)))["patch-prostate"].findings
    assert "the best of 2, minus 1 px" in patch.text and "minus 128 px (whole)" in patch.text


def test_a_region_that_cannot_be_reached_is_said():
    def noisy(record):
        noise = drawn("noise", record.key).normal(0, 0.25, len(record.cases))
        return shifted(record, lambda dice, place: float(np.clip(dice + noise[place], 0, 1)))

    wide = [noisy(one) for one in swept("alpha", (0.2, 0.5, 0.8))]
    (found,) = verdicts(wide)["alpha-prostate"].findings
    assert found.state == UNDECIDED
    assert "cannot be decided with 32 cases and 2 seeds" in found.text


def test_spreads_are_compared_over_the_seeds_that_both_ran():
    """Averaging three seeds shrinks an SD; against one seed that would look like the method's."""
    records = [study_record("none", **cell) for cell in cells(seeds=3)]
    ours = [study_record("emitdiff", **cell) for cell in cells(seeds=3)]

    def told(some):
        return verdicts(some)["spread-prostate-diffboost"].findings[0].text.split(";")[0]

    equal = [*(one for one in records if one.spec.seed == 0), ours[0], ours[1], ours[2]]
    assert told([*records, *ours[:3]]) == told(equal)


def test_the_tally_counts_both_answers(comparable):
    main = [one for one in comparable.values() if not one.claim.minor]
    text = tally(main)
    assert text.startswith("As printed: 8 of 19 claims tested (7 reproduced, 1 undecided).")
    # the other four networks are no comparison of the paper's
    assert text.endswith("Elsewhere: 1 holds here, 1 undecided, 17 not run.")


def test_the_files_hold_every_finding_and_the_table_every_claim(comparable, tmp_path):
    listed = list(comparable.values())
    paths = write_claims(listed, tmp_path / "new")
    with paths["csv"].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["id"] for row in rows} == {claim.id for claim in claims()}
    assert len(rows) == sum(max(1, len(verdict.findings)) for verdict in listed)
    text = paths["markdown"].read_text(encoding="utf-8")
    assert text.count("\n|") == len(listed) + 2 and "As printed: 8 of 19" in text
    assert claim_table(listed).columns[2:5] == ("as printed", "why", "elsewhere")
