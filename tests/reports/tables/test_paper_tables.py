"""Tables I and II in the paper's shape: both definitions of mean and SD, missing rows visible,
LaTeX that holds."""

import numpy as np
import pytest

from reports.comparison.study import Study
from reports.tables.latex import latex, latex_text
from reports.tables.paper import (
    edition_frame,
    edition_table,
    editions,
    write_paper_tables,
)
from reports.tables.tables import Table
from tests.support.made_records import PHANTOM
from tests.support.study import architectures, table2


@pytest.fixture(scope="module")
def study():
    records = [*table2("prostate", seeds=1), *table2("breast", seeds=1), *architectures(seeds=1)]
    records = [record for record in records if record.spec.method.transform != "gamma"]
    records += table2("prostate", seeds=1, source=PHANTOM)
    return Study(list({record.key: record for record in records}.values()))


def test_an_edition_joins_datasets_and_keeps_phantoms_apart(study):
    found = editions(study)
    assert [[one.group.spec.dataset for one in edition.summaries] for edition in found] == [
        ["prostate", "breast"],
        ["prostate"],
    ]
    assert ["synthetic images" in edition.title for edition in found] == [False, True]
    assert len({edition.slug for edition in found}) == 2


def test_both_definitions_stand_beside_the_printed_values(study):
    frame = edition_frame(editions(study)[0])
    assert len(frame) == 2 * 11 * 5
    row = frame[
        (frame["dataset"] == "prostate")
        & (frame["row"] == "DiffBoost")
        & (frame["metric"] == "dice")
    ].iloc[0]
    done = study.comparisons[0].group.by_label["emitdiff (from scratch)"].done
    folds = [[100 * case.dice for case in record.cases] for record in done]
    assert row["mean_cases"] == pytest.approx(np.mean(np.concatenate(folds)))
    assert row["sd_cases"] == pytest.approx(np.std(np.concatenate(folds), ddof=1))
    assert row["mean_folds"] == pytest.approx(np.mean([np.mean(fold) for fold in folds]))
    assert row["sd_folds"] == pytest.approx(np.sqrt(np.mean([np.var(fold) for fold in folds])))
    assert (row["printed_mean"], row["printed_sd"], row["cases"], row["runs_done"]) == (
        84.56,
        6.69,
        32,
        3,
    )
    gamma = frame[frame["row"] == "RandomGamma"]
    assert set(gamma["absent_runs"]) == {"not run"} and gamma["mean_cases"].isna().all()


def test_the_table_has_the_papers_rows_twice(study):
    table = edition_table(editions(study)[0])
    assert len(table.rows) == 2 * 2 * 11
    assert [row[table.columns.index("from")] for row in table.rows[:2]] == ["ours", "paper"]
    assert "78.46 ± 10.36" in table.rows[1] and "11.93 ± 8.04 mm" in table.rows[1]


def test_files_of_every_table(study, tmp_path):
    found = write_paper_tables(study, tmp_path)
    assert len(found) == 3
    for one in found:
        table, paths = one.table, one.files
        assert sorted(paths) == ["csv", "md", "tex"] and all(
            path.stat().st_size for path in paths.values()
        )
        text = paths["tex"].read_text(encoding="utf-8")
        body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(lines) == len(table.rows) + 1
        assert {line.count(" & ") for line in lines} == {len(table.columns) - 1}


def test_latex_text_holds_back_everything_special():
    assert latex_text("a_b & 5 % of $x$ {y} #1 ~ ^ \\z ± –") == (
        r"a\_b \& 5 \% of \$x\$ \{y\} \#1 \textasciitilde{} \textasciicircum{} \textbackslash{}z"
        r" $\pm$ --"
    )
    assert latex(Table(("a", "b", "c"), (("1", "2", "3"),)), "x").count(r"\\") == 2
