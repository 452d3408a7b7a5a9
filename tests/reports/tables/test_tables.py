"""Rounded tables, CSV in full precision, and the notes under them."""

import pandas as pd
import pytest

from benchmark.record.record import Split
from reports.comparison.caveats import notes_on_numbers, warnings
from reports.comparison.study import Study
from reports.tables.tables import (
    case_table,
    comparison_table,
    markdown,
    markdown_text,
    result_table,
    run_table,
    write_tables,
)
from tests.support.made_records import (
    MSD_PROSTATE,
    PHANTOM,
    case_row,
    make_record,
    one_group,
    summary_of,
    table2_records,
)


def records_dict(table):
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_result_table_rounds_and_shows_absent_runs():
    records = [
        make_record("none", fold=0, rows={"a": 0.8, "b": 0.6}),
        make_record("emitdiff", fold=1, error="no | memory"),
    ]
    none, emitdiff = records_dict(result_table(summary_of(records)))
    assert (none["Dice, %"], none["HD95, mm"], none["runs"]) == (
        "70.0 ± 14.1",
        "6.00 ± 2.83",
        "1 of 3",
    )
    assert none["absent runs"] == "missing fold 1 seed 0; fold 2 seed 0"
    assert emitdiff["Dice, %"] == "–"
    assert (
        emitdiff["absent runs"]
        == "missing fold 0 seed 0; fold 2 seed 0; failed fold 1 seed 0: no | memory"
    )


def test_a_complete_table_has_no_column_of_absent_runs():
    records = [make_record(fold=fold) for fold in range(3)]
    assert "absent runs" not in result_table(summary_of(records)).columns


@pytest.mark.parametrize(("unit", "text"), [("mm", "10.00"), ("voxel", "10.00"), ("px", "10.0")])
def test_distances_carry_their_unit(unit, text):
    (row,) = records_dict(
        result_table(summary_of([make_record(rows=[case_row("a", 0.5, unit=unit)])]))
    )
    assert row[f"HD95, {unit}"] == text


def test_comparison_stands_beside_the_paper_and_says_when_it_must_not():
    records = [
        make_record("none", rows={"a": 0.5, "b": 0.5}),
        make_record("emitdiff", rows={"a": 0.6, "b": 0.7}),
    ]
    none, emitdiff = records_dict(comparison_table(summary_of(records)))
    assert none["Dice difference to none, points [95 % CI]"] == "–"
    assert emitdiff["Dice difference to none, points [95 % CI]"] == "+15.0 [-48.5, +78.5]"
    assert (emitdiff["gain, %"], emitdiff["paired cases"]) == ("+30.0", "2")
    assert emitdiff["paper (not comparable): gain, %"] == "+7.8"
    assert emitdiff["paper (not comparable): Dice, %"] == "84.6 ± 6.7"
    whole = make_record(
        source=MSD_PROSTATE, preset_name="paper", rows={f"{n}": 0.5 for n in range(30)}
    )
    assert "paper: Dice, %" in comparison_table(summary_of([whole])).columns


def test_case_table_lists_the_worst_first_and_no_more_than_asked():
    rows = [case_row("good", 0.9), case_row("lost", 0.0, missed=True), case_row("poor", 0.4)]
    table = records_dict(case_table(summary_of([make_record(rows=rows)]), 2))
    assert [(row["case"], row["Dice, %"], row["remark"]) for row in table] == [
        ("lost", "0.0", "missed"),
        ("poor", "40.0", ""),
    ]


def test_csv_keeps_every_digit(tmp_path):
    dice = 0.1234567890123456
    records = [
        make_record("none", rows={"a": dice, "b": 0.3}),
        make_record("emitdiff", rows={"a": 0.5, "b": 0.6}),
    ]
    summary = summary_of(records)
    paths = write_tables(summary, tmp_path / "tables")
    cases = pd.read_csv(paths["cases"], float_precision="round_trip")
    assert cases.loc[cases["case"] == "a", "dice"].tolist() == [dice, 0.5]
    found = pd.read_csv(paths["summary"], float_precision="round_trip")
    assert found["dice_mean"].tolist() == summary.rows["dice_mean"].tolist()
    assert found["source"].unique().tolist() == ["phantom"]
    assert pd.read_csv(paths["runs"])["key"].tolist() == [record.key for record in records]


def test_markdown_has_one_line_per_method_and_cannot_be_broken_by_a_text():
    source = PHANTOM.model_copy(update={"title": "a|b\n# <script>x</script> [y](http://z)"})
    text = markdown(
        summary_of(
            [make_record(source=source), make_record("emitdiff", source=source, error="|\n|")]
        )
    )
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) == 2 * (2 + 2)
    widths = [len(line.replace("\\|", "").split("|")) for line in tables]
    assert widths == [widths[0]] * 4 + [widths[4]] * 4
    assert text.count("\n# ") == 0
    assert "<script" not in text.replace("\\<", "")
    assert markdown_text("a_b*c&d") == "a\\_b\\*c&amp;d"


def test_run_table_has_one_row_per_method_and_group():
    rows = run_table(Study([*table2_records(folds=(0,)), make_record("none", source=MSD_PROSTATE)]))
    assert len(rows) == 13
    assert rows[0]["source"] == "MSD Task05_Prostate, real images"
    emitdiff = rows[-1]
    assert (emitdiff["method"], emitdiff["paper: Dice, %"], emitdiff["paper: HD95"]) == (
        "emitdiff (from scratch)",
        "84.6 ± 6.7",
        "7.75 ± 8.88 mm",
    )
    assert emitdiff["HD95"].endswith(" mm") and " ± " in emitdiff["Dice, %"]
    assert emitdiff["absent runs"] == "missing fold 1 seed 0; fold 2 seed 0"
    assert emitdiff["not comparable"].startswith("source is phantom")


def test_notes_state_the_definition_in_use():
    over_cases = " ".join(notes_on_numbers(summary_of([make_record()])))
    assert "over all cases" in over_cases and "averaged over its seeds" not in over_cases
    both = summary_of([make_record(protocol="released"), make_record(seed=3, protocol="released")])
    over_folds = " ".join(notes_on_numbers(both))
    assert "mean of the fold means" in over_folds and "mean of the two directed means" in over_folds
    assert "averaged over its seeds (0, 3)" in over_folds
    voxels = summary_of([make_record(rows=[case_row("a", 0.5, unit="voxel")])])
    assert any("not millimetres" in note for note in notes_on_numbers(voxels))
    assert any(
        "no difference or gain" in note
        for note in notes_on_numbers(summary_of([make_record("emitdiff")]))
    )


def test_notes_of_records_are_shown_once():
    noted = [
        make_record(fold=fold).model_copy(update={"notes": ("two labels are merged",)})
        for fold in (0, 1)
    ]
    assert notes_on_numbers(summary_of(noted)).count("two labels are merged") == 1


def test_a_sound_group_has_no_warning():
    assert warnings(summary_of(table2_records())) == []


def test_each_defect_is_warned_of():
    record = make_record(rows={"a": 0.5, "b": 0.6})

    def warned(*records):
        return " ".join(warnings(summary_of(records)))

    def changed(**changes):
        return record.model_copy(update=changes)

    leak = Split(hash="x", train=("c",), validation=("d",), test=("a", "b"), generator=("b", "c"))
    assert "trained on test cases of its fold: b" in warned(changed(split=leak))
    lacking = Split(hash="x", train=(), validation=(), test=("a", "z"))
    assert "2 rows for 2 test cases (lacking: z; foreign: b)" in warned(changed(split=lacking))
    other_split = make_record("emitdiff", rows={"a": 0.5, "b": 0.6})
    other_split = other_split.model_copy(
        update={"split": other_split.split.model_copy(update={"hash": "other"})}
    )
    assert "different splits: fold 0" in warned(record, other_split)
    longer = make_record("emitdiff", rows={"a": 0.5, "b": 0.6})
    longer = longer.model_copy(
        update={"budget": longer.budget.model_copy(update={"optimiser_steps": 999})}
    )
    assert "different numbers of optimiser steps: fold 0" in warned(record, longer)
    assert "1 of 1 runs" in warned(changed(provenance={"git": {"commit": "b" * 40, "dirty": True}}))
    assert "contradict" in warned(
        record, changed(cases=make_record(rows={"a": 0.1, "b": 0.6}).cases)
    )
    assert "different units" in warned(
        make_record(rows=[case_row("a", 0.5), case_row("b", 0.5, unit="px")])
    )
    assert "selection = test" in warned(make_record(protocol="released"))


def test_title_names_what_a_reader_must_know():
    title = one_group([make_record(protocol="paper", training_share=0.25)]).title
    rules = "attention-unet, protocol paper, preset smoke, 25 % of the training cases"
    assert title == f"prostate, phantom, synthetic images, {rules}"


def test_many_runs_with_one_defect_are_counted_not_listed():
    lacking = Split(
        hash="x", train=(), validation=(), test=tuple(f"case_{number}" for number in range(50))
    )
    runs = [
        make_record(seed=seed, rows={"a": 0.5}).model_copy(update={"split": lacking})
        for seed in range(9)
    ]
    found = [
        sentence
        for sentence in warnings(summary_of(runs))
        if "rows for 50 test cases" in sentence or "same" in sentence
    ]
    assert len(found) == 6 and found[-1] == "The same is wrong with 4 more runs."
    assert max(map(len, found)) < 500 and "and 30 more" in found[0]
