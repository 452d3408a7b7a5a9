"""Audits of synthetic images in the report: Table I, what the paper lacks, warnings and
figures."""

import csv

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from benchmark.record.samples import AGREEMENT_BINS, DISTANCE_BINS, HELD_OUT, TRAINING
from reports.comparison.sample_numbers import sample_warnings
from reports.comparison.study import Study
from reports.figures.samples import sample_figures
from reports.pages.build import build
from reports.pages.samples import run_samples
from reports.tables.paper import write_paper_tables
from reports.tables.samples import (
    dropped_text,
    fidelity_frame,
    fidelity_notes,
    fidelity_table,
    label_table,
    memory_table,
)
from tests.support.made_records import PHANTOM
from tests.support.page_reader import pages
from tests.support.sampled import audited_study, sample_row, with_filter, with_samples
from tests.support.study import study_record

PAPER = {"preset_name": "paper", "numbers": {"edge": "hed", "edge_weights": "5" * 64}}


def samples_of(records):
    (found,) = Study(records).audited
    return found


def cell(table, column, **where):
    """The one cell of `column` in the row whose cells are those of `where` ('from_' stands for
    from)."""
    wanted = {name.rstrip("_"): value for name, value in where.items()}
    (row,) = [
        row
        for row in table.rows
        if all(row[table.columns.index(name)] == value for name, value in wanted.items())
    ]
    return row[table.columns.index(column)]


@pytest.fixture(scope="module")
def samples():
    return samples_of(audited_study())


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"rows": [sample_row("a", TRAINING), sample_row("a", TRAINING)]}, "stands twice"),
        ({"agreement_histogram": {TRAINING: (1,) * 19}}, "agreement_histogram"),
        ({"agreement_histogram": {TRAINING: (-1,) * AGREEMENT_BINS}}, "agreement_histogram"),
        ({"distance_histogram": {"elsewhere": (1,) * DISTANCE_BINS}}, "distance_histogram"),
        ({"frechet": {TRAINING: float("nan")}}, "frechet"),
        ({"copy_threshold": -1.0}, "copy_threshold"),
        ({"rows": []}, "rows"),
    ],
)
def test_impossible_audits_are_no_records(changes, where):
    with pytest.raises(ValidationError, match=where):
        with_samples(study_record("emitdiff"), **changes)


@pytest.mark.parametrize(
    ("name", "value"), [("mae", -0.1), ("ssim", 1.1), ("agreement", float("inf")), ("nearest", 3.0)]
)
def test_impossible_numbers_are_no_rows(name, value):
    with pytest.raises(ValidationError, match=name):
        sample_row("a", TRAINING, **{name: value})


def test_no_audit_no_group():
    assert Study([study_record("none"), study_record("emitdiff")]).audited == []
    assert run_samples(study_record("emitdiff")) is None


def test_table_1_stands_by_case_and_by_image(samples):
    frame = fidelity_frame(samples)
    row = frame[
        (frame["generator"] == "pix2pix")
        & (frame["part"] == HELD_OUT)
        & (frame["metric"] == "ssim")
    ].iloc[0]
    records = next(runs.done for runs in samples.methods if runs.label == "pix2pix")
    rows = [one for record in records for one in record.samples.rows if one.part == HELD_OUT]
    values = np.array([one.ssim for one in rows])
    assert (row["cases"], row["images"], row["folds"], row["absent_runs"]) == (32, 640, 3, "")
    assert (row["mean_cases"], row["sd_cases"]) == (
        pytest.approx(values.mean()),
        pytest.approx(values.std(ddof=1)),
    )
    # The SD over images, from images drawn to have the rows' means and SDs exactly.
    drawn = np.random.default_rng(0).normal(size=(len(rows), 20))
    drawn = (drawn - drawn.mean(1, keepdims=True)) / drawn.std(1, keepdims=True)
    images = values[:, None] + 0.02 * drawn
    assert (row["mean_images"], row["sd_images"]) == (
        pytest.approx(images.mean()),
        pytest.approx(images.std(ddof=1)),
    )
    assert (row["printed_generator"], row["printed_mean"], row["printed_sd"]) == (
        "Pix2Pix",
        0.4583,
        0.1105,
    )
    table = fidelity_table(samples)
    printed = f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"
    assert cell(table, "SSIM", generator="pix2pix", samples="held-out, by case") == printed
    assert (
        cell(table, "MAE", generator="emitdiff", from_="paper (not comparable)")
        == "0.0873 ± 0.0363"
    )


def test_a_training_case_of_several_folds_is_one_case(samples):
    frame = fidelity_frame(samples)
    row = frame[
        (frame["generator"] == "emitdiff (from scratch)")
        & (frame["part"] == TRAINING)
        & (frame["metric"] == "mae")
    ].iloc[0]
    assert (row["cases"], row["images"], row["folds"]) == (3, 3 * 3 * 20, 3)


def test_pairs_have_dashes_and_no_held_out_row(samples):
    rows = [row for row in fidelity_table(samples).rows if row[0] == "unconditional"]
    assert len(rows) == 1 and rows[0][2] == "training, by case" and set(rows[0][3:8]) == {"–"}


def test_what_is_missing_is_said():
    records = [
        record
        for record in audited_study(audits=("emitdiff",))
        if record.spec.method.name != "unconditional"
    ]
    lacking = [
        one for one in records if not (one.spec.method.name == "emitdiff" and one.spec.fold == 2)
    ]
    plain = study_record("emitdiff", fold=2)
    table = fidelity_table(samples_of([*lacking, plain]))
    assert cell(table, "MAE", generator="pix2pix", from_="ours") == "not audited"
    assert cell(table, "MAE", generator="unconditional") == "not run"
    emitdiff = {"generator": "emitdiff (from scratch)", "samples": "held-out, by case"}
    assert cell(table, "runs", **emitdiff) == "2 of 3"
    assert cell(table, "absent runs", **emitdiff) == "not audited: fold 2 seed 0"
    assert (
        cell(fidelity_table(samples_of(lacking)), "absent runs", **emitdiff)
        == "missing fold 2 seed 0"
    )


def test_groups_never_share_a_table(tmp_path):
    records = [*audited_study(), *audited_study(dataset="breast"), *audited_study(source=PHANTOM)]
    found = [
        one
        for one in write_paper_tables(Study(records), tmp_path)
        if one.title.startswith("Table I,")
    ]
    assert len(found) == 3 and len({one.files["csv"] for one in found}) == 3
    for one in found:
        with one.files["csv"].open(encoding="utf-8-sig", newline="") as file:
            assert len({(row["dataset"], row["source"]) for row in csv.DictReader(file)}) == 1
        # One rule below the heading and one between every two generators.
        assert one.files["tex"].read_text(encoding="utf-8").count(r"\midrule") == 3
        assert "Not comparable" in one.files["md"].read_text(encoding="utf-8")


def test_without_audits_table_1_is_the_printed_one(tmp_path):
    table = write_paper_tables(Study([study_record("none")]), tmp_path)[0]
    assert cell(table.table, "MS-SSIM", generator="emitdiff", from_="paper") == "0.6666 ± 0.1491"
    assert (
        cell(table.table, "MAE", generator="emitdiff", from_="ours") == "not run"
        and "suite table1" in table.notes[0]
    )


def test_notes_name_scales_and_reasons(samples):
    notes = " ".join(fidelity_notes(samples))
    assert (
        "MS-SSIM has 4 scales at 128 px" in notes
        and "edges are scharr, not HED" in notes
        and "preset is compact" in notes
    )
    assert "Not comparable" not in " ".join(fidelity_notes(samples_of(audited_study(**PAPER))))


def test_what_the_paper_lacks(samples):
    labels, memory = label_table(samples), memory_table(samples)
    assert (
        cell(labels, "agreement, volumes", method="emitdiff (from scratch)", samples=TRAINING)
        == "0.750"
    )
    assert cell(labels, "agreement, volumes", method="unconditional", samples=TRAINING) == "–"
    assert (
        cell(
            labels,
            "segmenter's validation Dice",
            method="emitdiff (from scratch)",
            samples=TRAINING,
        )
        == "0.800"
    )
    assert cell(labels, "below 0.7, %", method="emitdiff (from scratch)", samples=HELD_OUT) == "70"
    assert cell(memory, "ratio", method="emitdiff (from scratch)", samples=HELD_OUT) == "1.00"
    assert cell(memory, "real, %", method="emitdiff (from scratch)", samples=HELD_OUT) == "1.0"
    assert (
        cell(memory, "Frechet distance (ours, no FID)", method="pix2pix", samples=HELD_OUT)
        == "2.50"
    )


def test_the_filter_is_counted_over_its_runs():
    counts = {"offered": 100, "kept": 88, "dropped": 12, "slices_real_only": 3}
    records = [
        with_filter(with_samples(study_record("emitdiff", fold=fold)), 0.7, counts)
        for fold in range(3)
    ]
    (runs,) = samples_of(records).methods
    assert (
        dropped_text(runs) == "36 of 300 (9 slices keep none)"
        and "least agreement = 0.7" in runs.label
    )
    view = run_samples(records[0])
    assert (
        view["facts"]["dropped by the filter"] == "12 of 100"
        and view["facts"]["slices that keep no sample"] == "3"
    )


def test_a_filter_leaves_the_samples_so_they_stand_once():
    plain = [with_samples(study_record("emitdiff", fold=fold)) for fold in range(3)]
    counts = {"offered": 100, "dropped": 12, "slices_real_only": 3}
    twins = [with_filter(one, 0.7, counts) for one in plain]
    samples = samples_of([*plain, *twins])
    assert len(samples.methods) == 2 and len(samples.distinct) == 1
    for table, rows in (
        (fidelity_table(samples), 3),
        (memory_table(samples), 2),
        (label_table(samples), 4),
    ):
        assert (
            sum(
                row[0].startswith("emitdiff") and row[1] != "paper (not comparable)"
                for row in table.rows
            )
            == rows
        )
    fewer = samples_of([*plain[:2], *twins])
    assert len(fewer.distinct) == 2, "other runs, another row"


def warned(**changes):
    """Warnings of a run whose held-out rows hold these values."""
    record = study_record("emitdiff")
    rows = [
        sample_row("train_a", TRAINING),
        *(sample_row(case, HELD_OUT, **changes) for case in record.split.test),
    ]
    return sample_warnings(with_samples(record, rows=rows).samples)


def test_sound_samples_have_no_warning():
    assert warned() == []
    assert warned(agreement_volume=0.69) == [], "0.86 of the real"


def test_samples_that_do_not_show_their_label_or_repeat_images_are_warned_of():
    (low,) = warned(agreement_volume=0.6)
    assert "0.60, 0.75 of the segmenter's 0.80 on real images of these cases" in low
    (copied,) = warned(copied=0.2)
    assert (
        "20 % of the held-out samples count as copied" in copied and "of real slices 1 %" in copied
    )
    training = with_samples(
        study_record("emitdiff"), rows=[sample_row("train_a", TRAINING, copied=1.0)]
    )
    assert sample_warnings(training.samples) == [], (
        "samples made from training slices lie near them"
    )
    pairs = [sample_row("train_a", TRAINING, paired=True, copied=1.0)]
    assert (
        "100 % of the training samples"
        in sample_warnings(with_samples(study_record("unconditional"), rows=pairs).samples)[0]
    )
    assert warned(copied=0.2, real_copied=0.15) == [], "near at 32 px is no copy: PROMISE12"
    assert len(warned(copied=0.2, real_copied=None)) == 1, "older audits did not count them"


def test_a_weak_judge_is_named():
    (weak, *_) = sample_warnings(with_samples(study_record("emitdiff"), reference_dice=0.3).samples)
    assert "Dice of 0.30" in weak and "too low" in weak


def test_figures_hold_content_and_say_it(samples, tmp_path):
    drawings = sample_figures(samples, tmp_path)
    assert [one.svg.stem.rsplit("-", 1)[1] for one in drawings] == [
        "agreement",
        "memorisation",
        "tradeoff",
    ]
    for one in drawings:
        image = np.asarray(Image.open(one.png).convert("L"))
        assert image.std() > 20 and "emitdiff" in one.alt
    assert "gain +" in drawings[2].alt
    without = [record for record in audited_study() if record.spec.method.name != "none"]
    assert "gain +" not in sample_figures(samples_of(without), tmp_path / "none")[2].alt


def test_histograms_of_all_runs_are_added(samples):
    counts = samples.histogram("emitdiff (from scratch)", "agreement", HELD_OUT)
    assert len(counts) == AGREEMENT_BINS and counts.sum() == sum(
        20 * n // 20 * 20 for n in (11, 11, 10)
    )


def test_the_pages_show_the_audit_and_warn(tmp_path):
    records = audited_study()
    place = next(number for number, one in enumerate(records) if one.spec.method.name == "pix2pix")
    rows = [
        sample_row("train_a", TRAINING),
        *(sample_row(case, HELD_OUT, copied=0.4) for case in records[place].split.test),
    ]
    records[place] = with_samples(records[place], rows=rows)
    build(Study(records), tmp_path, figures="page")
    found = pages(tmp_path)
    audits = found["audits.html"]
    assert (
        "audit-samples" in audits.values("id")
        and "40 % of the held-out samples count as copied" in audits.words
    )
    assert audits.words.count("count as copied") == 1
    shown = [
        page
        for name, page in found.items()
        if name.startswith("runs/") and "samples" in page.values("id")
    ]
    assert len(shown) == 9 and sum("count as copied" in page.words for page in shown) == 1
    assert "Table I, ours: prostate, MSD Task05_Prostate" in found["paper.html"].words
    hrefs = [link for link in audits.values("href") if "samples" in link]
    assert len(hrefs) == 2 + 3 and all((tmp_path / link).is_file() for link in hrefs)
