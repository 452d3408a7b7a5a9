"""Citations: entries of what was used and nothing else, and numbers that lead back to their
records."""

import re

import pytest

from benchmark.core.errors import InputError
from reports.comparison.study import Study
from reports.tables.cite import bibtex, numbers_table, software
from tests.support.made_records import MSD_PROSTATE, PHANTOM, make_record, row_of

RECORDS = [
    make_record(method, fold=fold, source=MSD_PROSTATE)
    for method in ("none", "emitdiff")
    for fold in range(3)
]


def entries(text):
    return re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE)


def test_the_paper_the_software_and_the_data_in_use_are_cited():
    assert entries(bibtex([])) == ["diffboost2025", "augbench"]
    assert entries(bibtex([make_record("none", source=PHANTOM)])) == ["diffboost2025", "augbench"]
    assert entries(bibtex(RECORDS)) == ["diffboost2025", "augbench", "msd2022"]
    images = MSD_PROSTATE.model_copy(update={"kind": "busi", "title": "BUSI (malignant)"})
    busi = make_record("none", dataset="breast", source=images)
    assert entries(bibtex([busi, *RECORDS])) == ["diffboost2025", "augbench", "busi2020", "msd2022"]
    own = PHANTOM.model_copy(
        update={"kind": "folder", "title": "ours\n@article{x,", "synthetic": False}
    )
    text = bibtex([make_record("none", source=own)])
    assert entries(text) == ["diffboost2025", "augbench"] and "% cite the source" in text


def test_images_of_a_challenge_are_cited_by_its_paper_and_not_by_that_of_the_release():
    source = MSD_PROSTATE.model_copy(update={"title": "PROMISE12 (resampled to 128x128x32)"})
    text = bibtex([make_record(source=source)])
    assert entries(text) == ["diffboost2025", "augbench", "promise12"]
    assert "Litjens, Geert and Toth, Robert" in text and " and others" not in text
    own = MSD_PROSTATE.model_copy(update={"title": "MSD Task05_Prostate (own cases)"})
    text = bibtex([make_record(source=own)])
    assert entries(text) == ["diffboost2025", "augbench"] and "cite the source of these" in text
    part = MSD_PROSTATE.model_copy(update={"title": "MSD Task05_Prostate (6 of 32 cases)"})
    assert entries(bibtex([make_record(source=part)]))[-1] == "msd2022"


def test_braces_balance_and_the_commit_is_named():
    text = bibtex(RECORDS, "c" * 40)
    assert text.count("{") == text.count("}")
    assert f"Commit {'c' * 40}" in software("c" * 40) and "version" in software()


def test_numbers_lead_back_to_their_records():
    text = numbers_table(Study(RECORDS), ["emitdiff"], "2026-11-23")
    (line,) = [line for line in text.splitlines() if line.startswith("emitdiff (from scratch) &")]
    cells = line.removesuffix(r" \\").split(" & ")
    row = row_of(RECORDS, "emitdiff (from scratch)")
    assert cells[1] == rf"{100 * row['dice_mean']:.1f} $\pm$ {100 * row['dice_sd']:.1f}"
    assert f"{100 * row['dice_difference']:+.1f} [" in cells[2]
    assert cells[4].split() == [record.key[:8] for record in RECORDS[3:]]
    assert cells[5] == "a" * 10
    assert "2026-11-23" in text and "none &" not in text
    assert "none &" in numbers_table(Study(RECORDS), [], "2026-11-23")


def test_a_method_alone_means_all_its_rows():
    records = [make_record("emitdiff", ratio=ratio, source=MSD_PROSTATE) for ratio in (2, 5)]
    lines = [
        line
        for line in numbers_table(Study(records), ["emitdiff"], "2026-11-23").splitlines()
        if line.startswith("emitdiff")
    ]
    assert len(lines) == 2
    (line,) = [
        line
        for line in numbers_table(
            Study(records), ["emitdiff (from scratch, n = 5)"], "x"
        ).splitlines()
        if line.startswith("emitdiff")
    ]
    assert records[1].key[:8] in line


def test_a_method_that_is_not_there_is_an_input_error():
    with pytest.raises(InputError, match="there are: none, emitdiff"):
        numbers_table(Study(RECORDS), ["pix2pix"], "2026-11-23")
    with pytest.raises(InputError, match="no finished run"):
        numbers_table(Study([make_record(error="x")]), [], "2026-11-23")
