"""Verdicts of a table, its noise floor, and curves and families of runs that differ in one
setting."""

import numpy as np
import pandas as pd
import pytest

from benchmark.spec.protocol import differences, named_protocol
from reports.comparison.groups import make_groups
from reports.comparison.inference import infer, main_labels
from reports.comparison.setting_curves import audit_family, curves, families
from reports.comparison.summaries import summarise
from reports.statistics.verdicts import BETTER, WORSE
from reports.tables.inference import (
    p_text,
    statistics_notes,
    variance_table,
    verdict_table,
    write_statistics,
)
from tests.support.made_records import PHANTOM, make_record, summary_of
from tests.support.study import architectures, audit, scarcity, settings, study_record, table2


@pytest.fixture(scope="module")
def study():
    """Table II of the prostate with all settings swept."""
    return infer(summary_of([*table2(), *settings()]))


def test_only_methods_at_their_usual_settings_are_compared(study):
    assert len(study.labels) == 12
    assert len(study.summary.labels) == 32
    assert study.labels[-1] == "emitdiff (from scratch)"


def test_the_true_order_is_found(study):
    rows = study.rows.set_index("method")
    assert rows.loc["emitdiff (from scratch)", "none_verdict"] == BETTER
    assert (
        rows.loc["emitdiff (from scratch)", "rank_low"],
        rows.loc["emitdiff (from scratch)", "rank_high"],
    ) == (1, 1)
    assert rows.loc["none", "best_classic_verdict"] == WORSE
    assert study.best_classic in ("classic rotate", "classic scale", "classic deepstack")
    assert rows.loc[study.best_classic, "best_classic_verdict"] == ""
    assert set(rows.loc["emitdiff (from scratch)", "ties"]) == {"a"}
    assert rows.loc["classic gamma", "none_low"] < 0.004 < rows.loc["classic rotate", "none_low"]
    parts = rows[[f"variance_{part}" for part in ("fold", "case", "training", "rest")]]
    np.testing.assert_allclose(parts.sum(axis=1), 1)
    assert (rows["variance_case"] > 0.8).all()


def test_few_runs_have_their_interval_but_no_verdict_rank_or_letter():
    few = infer(summary_of(table2(seeds=1)))
    assert set(few.rows["none_verdict"]) == {"", "too few runs (3 folds, 1 seed)"}
    assert few.rows["rank_low"].isna().all() and set(few.rows["ties"]) == {""}
    assert few.rows["none_low"].notna().sum() == len(few.labels) - 1
    assert few.verdicts.tests == 0
    shown = verdict_table(few)
    assert {row[shown.columns.index("rank")] for row in shown.rows} == {"–"}


def test_every_verdict_and_letter_is_that_of_the_pair(study):
    best, verdicts = study.best_classic, study.verdicts
    for label, row in study.by_label.items():
        if label != "none":
            assert row["none_verdict"] == verdicts.words(label, "none")
        if label != best:
            assert row["best_classic_verdict"] == verdicts.words(label, best)
    assert verdicts.tests == 66


def test_the_noise_floor_compares_runs_that_should_be_equal():
    records = table2(seeds=2, protocol="released")
    found = {noise.what.split()[0]: noise for noise in infer(summary_of(records)).noise}
    assert set(found) == {"brightness", "dropped", "one"}
    assert found["one"].comparisons == 12
    means = {
        runs.label: np.mean([row.dice for one in runs.done for row in one.cases])
        for runs in summary_of(records).group.methods
    }
    assert found["dropped"].largest == pytest.approx(
        abs(means["classic deepstack"] - means["none"])
    )
    assert [noise.what for noise in infer(summary_of(table2(seeds=1))).noise] == []


def test_tables_notes_and_csv(study, tmp_path):
    table = verdict_table(study)
    assert len(table.rows) == 12 and "ties" in table.columns
    assert any(name.startswith("to best classic (") for name in table.columns)
    assert len(variance_table(study).rows) == 12
    notes = " ".join(statistics_notes(study))
    assert "Noise floor" in notes and "within 1 point" in notes and "66 pairs" in notes
    written = pd.read_csv(write_statistics(study, tmp_path))
    assert written["none_p_holm"].notna().sum() == 11
    assert (p_text(0.0004), p_text(0.0314), p_text(float("nan"))) == ("< 0.001", "0.031", "–")


def test_one_method_or_no_none_still_works():
    assert infer(summary_of([make_record("none")])) is None
    without = infer(summary_of([make_record("classic", "gamma"), make_record("classic", "noise")]))
    table = verdict_table(without)
    assert not [name for name in table.columns if name.startswith("to none")]


def test_curves_hold_the_preset_value_and_nothing_but_the_swept_setting(study):
    found = {curve.setting: curve for curve in curves(study.summary)}
    assert [point.value for point in found["ratio"].points] == [0, 3, 5, 10, 20, 30, 40, 50]
    assert [point.value for point in found["alpha"].points] == [
        0.0,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.8,
        1.0,
    ]
    assert [point.value for point in found["patch_size"].points] == [1, 4, 8, 16, 32, 64, 128]
    assert {curve.at(curve.usual).label for curve in found.values()} == {"emitdiff (from scratch)"}
    assert found["ratio"].at(10).gain == study.summary.dice.interval(
        "emitdiff (from scratch)", "none"
    )
    assert curves(summary_of(table2(seeds=1))) == []


def test_of_a_methods_settings_the_one_with_most_runs_is_ranked_and_of_several_the_presets():
    def records(ratio, seeds, **more):
        return [
            make_record("emitdiff", ratio=ratio, seed=seed, fold=fold, **more)
            for seed in range(seeds)
            for fold in (0, 1)
        ]

    none = [make_record("none", fold=fold) for fold in (0, 1)]
    usual = make_record("emitdiff").spec.preset.ratio
    assert main_labels(summary_of(none + records(usual, 1) + records(usual + 2, 1))) == (
        "none",
        "emitdiff (from scratch)",
    )
    more = f"emitdiff (from scratch, n = {usual + 2})"
    assert main_labels(summary_of(none + records(usual, 1) + records(usual + 2, 2))) == (
        "none",
        more,
    )
    assert main_labels(summary_of(none + records(usual + 2, 1))) == ("none", more)
    found = curves(summary_of(none + records(0, 1) + records(usual, 1) + records(usual + 2, 2)))
    assert [(curve.setting, curve.usual) for curve in found] == [("ratio", usual + 2)]


def test_the_mean_of_points_is_taken_by_case(study):
    curve = next(curve for curve in curves(study.summary) if curve.setting == "alpha")
    inside = curve.points[1:-1]
    left = [curve.from_mean_of(point, inside).mean for point in inside]
    assert sum(left) == pytest.approx(0, abs=1e-9)


def test_families_differ_in_one_field_only():
    other = [
        study_record(method, architecture="unet", source=PHANTOM, fold=fold)
        for method in ("none", "emitdiff")
        for fold in range(3)
    ]
    records = {r.key: r for r in (*architectures(seeds=1), *scarcity(), *audit(), *other)}
    summaries = [summarise(group) for group in make_groups(records.values())]
    (networks,) = families(summaries, "architecture")
    assert [member.value for member in networks.members] == [
        "unet",
        "resunet",
        "resnet50-unet",
        "attention-unet",
        "swin-unetr",
    ]
    assert len({member.summary.group.spec.source.title for member in networks.members}) == 1
    (shares,) = families(summaries, "training_share")
    assert [member.value for member in shares.members] == [0.1, 0.25, 0.5, 1.0]
    (protocols,) = families(summaries, "protocol")
    steps = [member.value for member in audit_family(protocols).members]
    assert steps[0] == "rigorous" and steps[-1] == "released"
    assert len(steps) == 2 + len(differences(named_protocol("released")))
    assert "resize_z = true, slices = foreground" in steps
