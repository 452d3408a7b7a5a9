"""A metric is added in two files, and goes through run, record, report and submission check."""

import json

import pandas as pd
import pytest

from benchmark.core.files import read_json
from reports.comparison.links import run_page
from tests.reports.submission import mutations
from tests.support.added_metric import call as call_of
from tests.support.added_metric import program_with_iou
from tests.support.runs import TINY

RUN = ("run", "--dataset", "prostate", "--source", "phantom", "--method", "none")
SMALL = ("--architecture", "unet", "--device", "cpu", "--store", "s")
SETS = tuple(word for text in TINY[:4] for word in ("--set", text))


@pytest.mark.slow
def test_a_metric_is_a_row_and_a_function(call, tmp_path):
    assert call(*RUN, *SMALL, *SETS, "--fold", "0")[0] == 0
    (older,) = (tmp_path / "s" / "records").glob("*.json")
    program = program_with_iou(tmp_path / "program")
    code, said = call_of(program, *RUN, *SMALL, *SETS, "--fold", "1")
    assert code == 0, said
    (newer,) = {*(tmp_path / "s" / "records").glob("*.json")} - {older}
    for row in read_json(newer)["cases"]:
        assert row["iou"] == pytest.approx(row["dice"] / (2 - row["dice"]))

    code, said = call_of(program, "report", "--store", "s", "--out", "page", "--figures", "page")
    assert code == 0, said
    page = tmp_path / "page"
    (table,) = page.rglob("*-cases.csv")
    frame = pd.read_csv(table)
    assert frame.groupby("fold")["iou"].count().to_dict() == {0: 0, 1: 2}, "fold 0 has none"
    assert "<dt>iou<" in (page / "protocol.html").read_text()
    (markdown,) = (path.read_text() for path in table.parent.glob("prostate-*.md"))
    assert "NSD, % | IoU, % |" in markdown
    shown = {
        path: (page / run_page(path.stem)).read_text().count("<td>–") for path in (older, newer)
    }
    assert shown == {older: 2, newer: 0}, "a case without the metric shows a dash"

    code, said = call_of(
        program, "leaderboard", "submit", "--store", "s", "--out", "a.zip", "--with-masks"
    )
    assert code == 0, said
    entries = mutations.entries_of((tmp_path / "a.zip").read_bytes())
    name = f"records/{newer.stem}.json"
    record = json.loads(entries[name])
    record["cases"][0]["iou"] = 0.123
    (tmp_path / "edited.zip").write_bytes(mutations.signed(entries, name, record))
    code, said = call_of(program, "leaderboard", "validate", "a.zip", "edited.zip")
    assert code == 1 and "a.zip: valid" in said and "2 of 2 records in full" in said
    assert "iou 0.123 where the mask gives" in said
