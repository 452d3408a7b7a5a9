"""A report recomputed from its records: nothing differs as it was written, and every edited number
is named."""

import shutil

import pytest

from benchmark.core.errors import InputError
from reports.comparison.badges import Mark
from reports.comparison.study import Study
from reports.pages.build import build
from reports.pages.recompute import recompute
from tests.support.made_records import make_record

RECORDS = [
    make_record(method, fold=fold, seed=seed)
    for method in ("none", "emitdiff")
    for fold in range(3)
    for seed in (0, 1)
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    build(Study(RECORDS, ["a problem"]), out, figures="page")
    return out


@pytest.fixture
def report(written, tmp_path):
    return shutil.copytree(written, tmp_path / "report")


def only(report, pattern):
    (path,) = report.glob(pattern)
    return path


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) >= 1, (path, old)
    path.write_text(text.replace(old, new, 1))


def test_nothing_differs_as_it_was_written(report):
    found = recompute(report, Study(RECORDS, ["a problem"]))
    assert found.differences == () and found.tables > 20 and found.numbers > 1000


def test_an_edited_number_of_a_csv_is_named_with_row_and_column(report):
    path = only(report, "tables/*-summary.csv")
    head, none, emitdiff = path.read_text().splitlines()
    place = head.split(",").index("dice_mean")
    value = emitdiff.split(",")[place]
    edit(path, value, "0.91")
    (told,) = recompute(report, Study(RECORDS)).differences
    assert (
        told == f"tables/{path.name}, row 3 ('emitdiff (from scratch)'), column 'dice_mean': '0.91'"
        f" where the case rows give '{value}'."
    )


@pytest.mark.parametrize(
    "pattern",
    ["tables/*-cases.csv", "tables/*-runs.csv", "tables/*-statistics.csv", "tables/claims.csv"],
)
def test_a_row_that_was_removed_is_found(report, pattern):
    path = only(report, pattern)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    told = recompute(report, Study(RECORDS)).differences
    assert (
        told
        and all(text.startswith(f"tables/{path.name}, row {len(lines)} ") for text in told)
        and "'nothing'" in told[0]
    )


def test_an_edited_number_of_a_markdown_table_and_of_a_page_is_named(report):
    dice = recompute_dice(report)
    edit(only(report, "tables/prostate-*.md"), dice, "99.9")
    edit(report / "index.html", f">{dice}<", ">99.9<")
    edit(only(report, "groups/*.html"), f">{dice}<", ">99.9<")
    told = recompute(report, Study(RECORDS)).differences
    assert [text.split(",")[0].split("/")[0] for text in told] == ["groups", "index.html", "tables"]
    assert all("99.9" in text and dice in text and "('emitdiff" in text for text in told), told


def recompute_dice(report):
    """The mean Dice of emitdiff, in percent, as the tables show it."""
    rows = [record.cases for record in RECORDS if record.spec.method.name == "emitdiff"]
    by_case = {row.case: [] for cases in rows for row in cases}
    for cases in rows:
        for row in cases:
            by_case[row.case].append(row.dice)
    means = [sum(values) / len(values) for values in by_case.values()]
    return f"{100 * sum(means) / len(means):.1f}"


def test_an_edited_case_on_a_runs_page_is_named(report):
    row = min(RECORDS[0].cases, key=lambda row: row.dice)
    path = next(path for path in report.glob("runs/*.html") if RECORDS[0].key in path.read_text())
    edit(path, f"<th>{row.case}<td>{100 * row.dice:.1f}", f"<th>{row.case}<td>99.9")
    (told,) = recompute(report, Study(RECORDS)).differences
    assert (
        told.startswith(f"runs/{path.name}")
        and f"'99.9' where the case rows give '{100 * row.dice:.1f}'" in told
    )


def test_tables_of_other_records_are_named(report):
    (report / "tables" / "extra.csv").write_text("a,b\n1,2\n")
    only(report, "tables/*-statistics.csv").unlink()
    told = recompute(report, Study(RECORDS)).differences
    assert "tables/extra.csv: no record of these makes this table." in told
    assert any(
        text.endswith("-statistics.csv: is missing; these records make it.") for text in told
    )
    changed = [RECORDS[0].model_copy(update={"cases": RECORDS[0].cases[:-1]}), *RECORDS[1:]]
    assert len(recompute(report, Study(changed)).differences) > 10


def test_owners_of_a_leaderboard_are_compared_too(written, tmp_path):
    marks = {RECORDS[0].key: Mark("A. Author", "verified", "")}
    build(Study(RECORDS, marks=marks), tmp_path, figures="page")
    assert recompute(tmp_path, Study(RECORDS, marks=marks)).differences == ()
    assert any("A. Author" in text for text in recompute(tmp_path, Study(RECORDS)).differences)


def test_large_reports_are_read_as_they_are_packed(tmp_path):
    cells = [
        (method, fold, seed)
        for method in ("none", "emitdiff")
        for fold in range(3)
        for seed in range(34)
    ]
    records = [make_record(method, fold=fold, seed=seed) for method, fold, seed in cells]
    build(Study(records), tmp_path)
    assert list(tmp_path.glob("tables/*.csv.gz"))
    assert recompute(tmp_path, Study(records)).differences == ()


def test_a_folder_without_a_report_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="holds no report"):
        recompute(tmp_path, Study(RECORDS))
