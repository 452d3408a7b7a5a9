"""Means, spreads, gains and intervals against values worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmark.spec.protocol import Protocol
from reports.comparison.paper_numbers import (
    paper_gain_percent,
    paper_method,
    table2,
)
from reports.comparison.summaries import case_differences, relative_gain_percent
from tests.support.made_records import (
    MSD_PROSTATE,
    case_row,
    make_record,
    one_group,
    row_of,
    summary_of,
    table2_records,
)

# Two folds of unequal size: fold means 0.7 and 0.6, fold SDs 0.02**0.5 and (0.2 / 3)**0.5.
FOLD_0, FOLD_1 = {"a": 0.8, "b": 0.6}, {"c": 0.9, "d": 0.5, "e": 0.7, "f": 0.3}


def two_folds(**options):
    return [
        make_record(fold=0, rows=FOLD_0, **options),
        make_record(fold=1, rows=FOLD_1, **options),
    ]


def rows(**dice):
    return pd.DataFrame({"fold": 0, "case": list(dice), "dice": list(dice.values())})


def test_mean_and_sd_over_cases():
    row = row_of(two_folds(), "none")
    assert row["dice_mean"] == pytest.approx(3.8 / 6)
    squares = sum((value - 3.8 / 6) ** 2 for value in (*FOLD_0.values(), *FOLD_1.values()))
    assert row["dice_sd"] == pytest.approx(math.sqrt(squares / 5))
    assert (row["cases"], row["runs_done"], row["runs_expected"], row["missing"]) == (
        6,
        2,
        3,
        "fold 2 seed 0",
    )


def test_mean_of_fold_means_and_root_mean_square_of_fold_sds():
    row = row_of(two_folds(protocol=Protocol(aggregate="folds")), "none")
    assert row["dice_mean"] == pytest.approx(0.65)
    assert row["dice_sd"] == pytest.approx(math.sqrt((0.02 / 2 + 0.2 / 4) / 2))  # SD with n (Q19)
    assert row["hd95_mean"] == pytest.approx(20 * 0.35)


def test_a_single_case_has_no_spread():
    assert math.isnan(row_of([make_record(rows={"a": 0.8})], "none")["dice_sd"])


def test_seeds_are_averaged_within_a_case_first():
    records = [
        make_record(rows={"a": 0.8, "b": 0.4}),
        make_record(rows={"a": 0.6, "b": 0.6}, seed=1),
    ]
    row = row_of(records, "none")
    assert (row["cases"], row["seeds"]) == (2, "0 1")
    assert row["dice_mean"] == pytest.approx(0.6)
    assert row["dice_sd"] == pytest.approx(math.sqrt(0.02))  # of 0.7 and 0.5, not of four values


@pytest.mark.parametrize(
    ("switches", "hd95", "assd"),
    [
        ({}, 10.0, 2.5),
        ({"hd95": "max"}, 11.0, 2.5),
        ({"assd": "mean"}, 10.0, 2.0),
        ({"hd95": "max", "assd": "mean"}, 11, 2),
    ],
)
def test_the_protocol_chooses_the_headline_distances(switches, hd95, assd):
    row = row_of([make_record(rows={"a": 0.5}, protocol=Protocol(**switches))], "none")
    assert (row["hd95_mean"], row["assd_mean"]) == (pytest.approx(hd95), pytest.approx(assd))


def test_distances_of_different_units_are_not_averaged():
    record = make_record(rows=[case_row("a", 0.5), case_row("b", 0.7, unit="voxel")])
    row = row_of([record], "none")
    assert all(math.isnan(row[f"{metric}_mean"]) for metric in ("hd95", "assd", "nsd"))
    assert row["dice_mean"] == pytest.approx(0.6)


def test_gain_is_taken_over_the_cases_that_both_have():
    records = [
        make_record("none", rows={"a": 0.5, "b": 0.5, "c": 0.9}),
        make_record("emitdiff", rows={"a": 0.6, "b": 0.7}),
    ]
    row = row_of(records, "emitdiff (from scratch)")
    assert (row["gain_percent"], row["paired_cases"]) == (pytest.approx(30.0), 2)
    assert row["dice_difference"] == pytest.approx(0.15)


def test_gain_follows_the_aggregate_rule():
    higher = [
        make_record(
            "emitdiff",
            fold=fold,
            rows={case: value + add for case, value in cases.items()},
            protocol="released",
        )
        for fold, cases, add in ((0, FOLD_0, 0.1), (1, FOLD_1, 0.0))
    ]
    row = row_of(two_folds(protocol="released") + higher, "emitdiff (from scratch)")
    assert row["gain_percent"] == pytest.approx(100 * (0.7 - 0.65) / 0.65)


def test_no_gain_without_none_or_without_a_common_case():
    assert math.isnan(
        row_of([make_record("emitdiff"), make_record("unconditional")], "emitdiff (from scratch)")[
            "gain_percent"
        ]
        or math.nan
    )
    row = row_of(
        [make_record("none", rows={"a": 0.5}), make_record("emitdiff", rows={"b": 0.5})],
        "emitdiff (from scratch)",
    )
    assert math.isnan(row["gain_percent"])
    assert row["paired_cases"] == 0
    assert math.isnan(relative_gain_percent(rows(a=0.5), rows(a=0.0), "cases")[0])


def test_cases_are_paired_within_their_fold():
    a = pd.DataFrame({"fold": [0, 1], "case": ["x", "x"], "dice": [0.5, 0.9]})
    b = pd.DataFrame({"fold": [1, 2], "case": ["x", "x"], "dice": [0.6, 0.1]})
    assert case_differences(a, b).to_dict() == {(1, "x"): pytest.approx(0.3)}


def test_the_interval_of_a_constant_shift_is_a_point_and_needs_two_cases():
    records = [
        make_record("none", rows={"a": 0.5, "b": 0.25}),
        make_record("emitdiff", rows={"a": 0.75, "b": 0.5}),
    ]
    row = row_of(records, "emitdiff (from scratch)")
    assert [row[f"dice_difference{end}"] for end in ("", "_low", "_high")] == [0.25] * 3
    one = row_of(
        [make_record("none", rows={"a": 0.5}), make_record("emitdiff", rows={"a": 0.75})],
        "emitdiff (from scratch)",
    )
    assert one["dice_difference"] == 0.25 and math.isnan(one["dice_difference_low"])


def test_the_interval_of_one_fold_and_seed_agrees_with_another_implementation():
    rng = np.random.default_rng(3)
    a, b = (
        {f"c{place}": float(value) for place, value in enumerate(rng.uniform(0.4, 0.9, 40))}
        for _ in range(2)
    )
    records = [make_record("emitdiff", rows=a), make_record("none", rows=b)]
    row, again = (
        row_of(records, "emitdiff (from scratch)"),
        row_of(records[::-1], "emitdiff (from scratch)"),
    )
    ends = ("dice_difference_low", "dice_difference_high")
    assert [row[end] for end in ends] == [again[end] for end in ends]
    differences = np.array([a[case] - b[case] for case in a])
    theirs = stats.bootstrap(
        (differences,), np.mean, method="percentile", rng=1
    ).confidence_interval
    assert [row[end] for end in ends] == [pytest.approx(value, abs=0.006) for value in theirs]


def test_seconds_are_means_per_run_by_kind_of_stage():
    row = row_of(table2_records(folds=(0, 1)), "emitdiff (from scratch)")
    assert (row["generator_seconds"], row["segmenter_seconds"]) == (40.0, 20.0)


def test_missed_predictions_are_counted_over_all_runs():
    missed = case_row("a", 0.0, missed=True, prediction_voxels=0)
    records = [
        make_record(rows=[missed, case_row("b", 0.5)]),
        make_record(rows=[missed, case_row("b", 0.5)], seed=1),
    ]
    assert row_of(records, "none")["missed_predictions"] == 2


def test_failed_and_missing_runs_are_named():
    records = [make_record("none", fold=fold, seed=seed) for fold in range(3) for seed in (0, 1)]
    row = row_of(
        [
            *records,
            make_record("emitdiff", fold=0, error="loss is NaN"),
            make_record("emitdiff", fold=1),
        ],
        "emitdiff (from scratch)",
    )
    assert row["failed"] == "fold 0 seed 0: loss is NaN"
    assert row["missing"] == "fold 2 seed 0; all folds of seed 1"


def test_a_group_of_failures_alone_has_rows_and_no_numbers():
    summary = summary_of([make_record(error="x"), make_record("emitdiff", error="y")])
    assert list(summary.rows["cases"]) == [0, 0]
    assert summary.rows["dice_mean"].isna().all()
    assert summary.labels == []


@pytest.mark.parametrize(
    ("dataset", "gain"), [("prostate", 7.78), ("spleen", 0.38), ("breast", 13.87)]
)
def test_the_paper_s_headline_gains_follow_from_its_table(dataset, gain):
    assert paper_gain_percent(dataset, "DiffBoost") == pytest.approx(gain, abs=0.01)


def test_every_method_of_table_2_has_its_published_values():
    records = table2_records(folds=(0,))
    rows = summary_of(records).rows.set_index("method")
    named = [name for name in rows["paper_method"] if name]
    assert sorted(named) == sorted({method for _, method, _ in table2()})
    assert len(table2()) == 11 * 3 * 5
    assert (
        rows.loc["none", "paper_dice_mean"],
        rows.loc["emitdiff (from scratch)", "paper_dice_mean"],
    ) == (
        78.46,
        84.56,
    )
    assert (
        rows.loc["classic scale", "paper_dice_mean"],
        rows.loc["classic noise", "paper_hd95_mean"],
    ) == (
        83.11,
        12.04,
    )
    assert math.isnan(rows.loc["unconditional", "paper_dice_mean"])


def test_settings_that_are_not_the_preset_s_stand_beside_no_published_value():
    spec = make_record("emitdiff", ratio=5).spec
    assert paper_method(spec.method, spec.preset) is None
    assert paper_method(make_record("emitdiff", "deepstack").spec.method, spec.preset) is None


def test_only_the_paper_s_own_images_and_size_are_comparable():
    def reasons(**options):
        return "; ".join(one_group([make_record(**options)]).not_comparable)

    paper = {"source": MSD_PROSTATE, "preset_name": "paper"}
    # and 2 of training
    whole = make_record(**paper, rows={f"case {number}": 0.5 for number in range(30)})
    assert one_group([whole]).not_comparable == ()
    assert "3 cases, not 32" in reasons(**paper, rows={"a": 0.5})
    assert "source is phantom" in reasons(preset_name="paper")
    assert "not MSD Task05_Prostate" in reasons(
        source=MSD_PROSTATE.model_copy(update={"title": "PROMISE12"})
    )
    assert "preset is smoke" in reasons(source=MSD_PROSTATE)
    assert "architecture is unet" in reasons(**paper, architecture="unet")
    assert "50 % of the training cases" in reasons(**paper, training_share=0.5)
    breast = MSD_PROSTATE.model_copy(update={"kind": "busi", "title": "BUSI (malignant)"})
    assert "does not name its breast images" in reasons(
        source=breast, dataset="breast", preset_name="paper"
    )


def test_cases_of_one_patient_count_as_one_unit():
    def summary(patient):
        rows = {
            "none": [case_row(f"c{n}", 0.5 + n / 40, patient=patient(n)) for n in range(12)],
            "emitdiff": [case_row(f"c{n}", 0.6 + n / 50, patient=patient(n)) for n in range(12)],
        }
        return summary_of([make_record(name, rows=found) for name, found in rows.items()])

    alone, shared = summary(lambda number: ""), summary(lambda number: f"P{number // 4}")
    label = next(name for name in shared.labels if name != "none")
    few, many = (one.dice.of(label, "none") for one in (shared, alone))
    assert (few.n, many.n, few.mean) == (12, 12, many.mean)
    assert (few.degrees, many.degrees) == (pytest.approx(2), pytest.approx(11))
    assert few.error > many.error


def test_a_copy_of_none_at_one_of_its_seeds_gains_exactly_nothing():
    records = [make_record("none", seed=seed, fold=fold) for seed in range(3) for fold in range(3)]
    copies = [
        make_record("emitdiff", ratio=0, fold=one.spec.fold, rows=list(one.cases))
        for one in records
        if one.spec.seed == 0
    ]
    summary = summary_of(records + copies)
    (row,) = [row for row in summary.rows.to_dict("records") if row["name"] == "emitdiff"]
    names = ("dice_difference", "dice_difference_low", "dice_difference_high", "gain_percent")
    assert [row[name] for name in names] == [0.0] * 4
    assert row["paired_seeds"] == "0"
