"""CSV files hold no cell that a spreadsheet would take for a formula."""

import codecs
import csv

import pandas as pd
import pytest

from reports.tables.csv_files import plain_cell, write_frame
from reports.tables.tables import write_tables
from tests.support.made_records import PHANTOM, make_record, summary_of

HOSTILE = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "\r=1",
    "-x",
    "＝1+1",
    "＋1+x",
    "－1-x",
    "＠SUM(A1)",
    "﹦1+1",
    "\u3000=1",
    "\u00a0＝1",
    "\u202f+x",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_formula_becomes_text(text):
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", ["", "a=b", "+1.9 [-0.4, +4.2]", "-0.5", "+12.3e-5", "–", -1.5, None, True]
)
def test_other_cells_stay(value):
    assert plain_cell(value) is value or plain_cell(value) == value


def test_numbers_keep_their_digits_and_headings_are_checked_too(tmp_path):
    frame = pd.DataFrame({"=x": ["a", None], "n": [-0.1 + 0.3, float("nan")]})
    write_frame(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes().startswith(codecs.BOM_UTF8 + b"'=x")
    text = (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    assert text == f"'=x,n\na,{-0.1 + 0.3!r}\n,\n"


def test_no_table_of_a_hostile_record_holds_a_formula(tmp_path):
    source = PHANTOM.model_copy(update={"title": "=HYPERLINK(0)"})
    rows = {"=1+1": 0.8, "@case": 0.7, "-case": 0.6}
    records = [make_record(method, source=source, rows=rows) for method in ("none", "emitdiff")]
    records.append(make_record("none", source=source, fold=1, error="-1+cmd|' /C calc'!A0"))
    paths = write_tables(summary_of(records), tmp_path)
    for name in ("summary", "cases", "runs"):
        for row in csv.reader(paths[name].open(newline="", encoding="utf-8-sig")):
            for cell in row:
                assert plain_cell(cell) == cell, (name, cell)
    assert "'=1+1" in paths["cases"].read_text() and "'=HYPERLINK" in paths["summary"].read_text()
