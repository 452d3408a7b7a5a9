"""The `leaderboard` commands as a user meets them: from a run to somebody else's page."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from reports.comparison.links import run_page
from reports.records.load import load_records
from tests.reports.submission import mutations
from tests.reports.submission.hostile import TEXTS, write_hostile
from tests.reports.submission.made import tiny_store
from tests.support.browser import CHROMIUM, Browser
from tests.test_own_method import RUN, example, write

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "submit.md"


@pytest.fixture
def folder(tmp_path):
    """A store s, and a submission mine.zip of its runs with masks."""
    tiny_store(tmp_path / "s")
    return tmp_path


def submit(call, *words):
    return call("leaderboard", "submit", "--store", "s", "--out", "mine.zip", *words)


@pytest.mark.slow
def test_ones_own_method_from_the_guide_to_the_board(call, tmp_path):
    """The commands of the guide's first section, in its order."""
    section = GUIDE.read_text().split("# Submit your results")[1].split("\n## ")[0]
    commands = re.findall(r"^ *python cli\.py (leaderboard .*?)(?:  +#.*)?$", section, re.MULTILINE)
    assert [words.split()[1] for words in commands] == ["submit", "validate", "build"]
    write(tmp_path / "shaken.py", example())
    code, _, err = call(*RUN[: RUN.index("--store")], "--method", "shaken.py:Shaken")
    assert code == 0, err
    (record,) = load_records([tmp_path / "store"]).records
    tiny_store(tmp_path / "ours", ("none",), (0,))
    said = []
    for words in commands:
        code, out, err = call(*words.replace('"', "").replace("A. Author", "A._Author").split())
        assert code == 0, err
        said.append(out)
    assert (
        "1 runs, " in said[0]
        and "valid" in said[1]
        and "case rows recomputed, 1 of 1 records in full" in said[1]
    )
    page = next(tmp_path.glob("*/index.html"))
    row = next(part for part in page.read_text().split("<tr")[1:] if ">shaken</a>" in part)
    assert "by A._Author" in row and re.search(
        '<span class="badge good" title="[^"]*masks">verified</span>', row
    )
    assert "by A._Author" in (page.parent / run_page(record.key)).read_text()
    code, out, err = call(
        "leaderboard", "build", "mine.zip", "--store", "store", "--store", "ours", "--out", "both"
    )
    assert (
        code == 1 and "2 runs, 0 of them submitted" in out and "already, by our own records" in err
    )
    assert list((tmp_path / "both" / "panels").glob("*-predictions.png"))


@pytest.mark.slow
def test_runs_of_the_released_protocol_are_verified_too(call, tmp_path):
    """Foreground slices alone, stretched to the volume's depth, in folds of the data set's own
    order."""
    assert call(*RUN, "--method", "none", "--protocol", "released")[0] == 0
    code, _, err = submit(call, "--with-masks")
    assert code == 0, err
    code, out, _ = call("leaderboard", "validate", "mine.zip")
    assert code == 0 and "2 case rows recomputed, 1 of 1 records in full" in out


def test_submit_chooses_rows_and_says_what_it_wrote(call, folder):
    code, out, err = submit(
        call, "--method", "emitdiff", "--dataset", "breast", "--owner", "A", "--with-masks"
    )
    assert code == 0 and "2 runs, 6 masks" in out, err
    code, out, _ = submit(call)
    assert code == 0 and "4 runs, no masks" in out and "It names nobody" in out
    with zipfile.ZipFile(folder / "mine.zip") as archive:
        assert (
            json.loads(archive.read("manifest.json"))["masks"] == []
            and len(archive.namelist()) == 5
        )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--method", "emitdif"),
            "'emitdif' in s; there are: emitdiff, emitdiff (from scratch), none.",
        ),
        (("--dataset", "brest"), "did you mean 'breast'?"),
        (("--dataset", "spleen"), "s holds no finished run of spleen"),
        (("--owner", "a" * 81), "--owner has 81 letters; give at most 80."),
        (("--note", "a" * 401), "--note has 401 letters; give at most 400."),
        (("--out", "."), "is a folder; --out is the file to write"),
        (("--out", "nowhere/a.zip"), "nowhere/a.zip cannot be written (No such file or directory)"),
        (("--store", "nowhere"), "nowhere does not exist"),
    ],
)
def test_calls_that_are_wrong(call, folder, words, says):
    code, _, err = submit(call, *words)
    assert (
        code == 2
        and says in err
        and err.startswith("error: ")
        and not (folder / "mine.zip").exists()
    )


def test_records_that_would_be_refused_are_not_written(call, folder):
    path = next((folder / "s" / "records").glob("*.json"))
    record = json.loads(path.read_text())
    record["cases"][0]["dice"] = 0.999
    path.write_text(json.dumps(record))
    code, _, err = submit(call)
    assert code == 2 and "these records would be refused" in err and "dice 0.999 where" in err
    assert not (folder / "mine.zip").exists()


def test_an_older_file_stays_where_a_new_one_is_refused(call, folder):
    assert submit(call, "--owner", "A")[0] == 0
    older = (folder / "mine.zip").read_bytes()
    path = next((folder / "s" / "records").glob("*.json"))
    record = json.loads(path.read_text())
    record["cases"][0]["dice"] = 0.999
    path.write_text(json.dumps(record))
    there = sorted(folder.iterdir())
    assert submit(call)[0] == 2
    assert (folder / "mine.zip").read_bytes() == older and sorted(folder.iterdir()) == there
    for words in (("--owner", "a" * 81), ("--method", "x")):
        assert submit(call, *words)[0] == 2 and (folder / "mine.zip").read_bytes() == older


def test_file_names_are_printed_plainly(call, folder):
    name = "a\x1b[31m\nb\u202e.zip"
    (folder / name).write_text("no zip")
    _, out, err = call("leaderboard", "validate", name)
    assert not {"\x1b", "\u202e"} & set(out + err) and "a [31m b" in out


def test_what_cannot_be_read_in_a_folder_is_refused_and_the_others_stand(call, folder, monkeypatch):
    submit(call, "--owner", "A")
    (folder / "sub" / "a.zip").mkdir(parents=True)
    shutil.move(folder / "mine.zip", folder / "sub" / "mine.zip")
    (folder / "sub" / "link.zip").symlink_to("nowhere")
    code, out, err = call("leaderboard", "build", "sub", "--out", "page")
    assert code == 1 and "4 runs, 4 of them submitted" in out
    assert "a.zip: " in err and "link.zip: " in err and "is no file" in err
    assert "2 submissions refused" in (folder / "page" / "index.html").read_text()


def test_a_check_that_fails_is_a_refusal(call, folder, monkeypatch):
    """Of whatever kind: one file must not keep the others from the board."""
    from benchmark.commands import leaderboard

    submit(call, "--owner", "A")
    real = leaderboard.validate

    def validate(path, *rest):
        if path.name == "bad.zip":
            raise MemoryError
        return real(path, *rest)

    monkeypatch.setattr(leaderboard, "validate", validate)
    shutil.copy(folder / "mine.zip", folder / "bad.zip")
    code, out, err = call("leaderboard", "build", "bad.zip", "mine.zip", "--out", "page")
    assert code == 1 and "4 runs" in out
    assert "bad.zip: its check came to no end (MemoryError)." in err


def test_a_submission_of_which_no_page_can_be_made_is_left_out(call, folder, monkeypatch):
    from reports.pages import run

    submit(call, "--owner", "A", "--method", "emitdiff")
    shutil.move(folder / "mine.zip", folder / "bad.zip")
    submit(call, "--owner", "B", "--method", "none")
    real = run._settings

    def settings(record):
        if record.spec.method.name == "emitdiff":
            raise TypeError
        return real(record)

    monkeypatch.setattr(run, "_settings", settings)
    code, out, err = call("leaderboard", "build", "bad.zip", "mine.zip", "--out", "page")
    assert code == 1 and "2 runs, 2 of them submitted" in out, err
    assert "bad.zip: no page can be made of its records (TypeError)." in err
    assert len(list((folder / "page" / "runs").glob("*.html"))) == 2


def test_validate_names_case_and_metric_and_ends_with_1(call, folder):
    submit(call, "--with-masks", "--owner", "A")
    entries = mutations.entries_of((folder / "mine.zip").read_bytes())
    name = next(name for name in entries if name.startswith("records/"))
    record = json.loads(entries[name])
    record["cases"][1]["hd95"] *= 0.9
    (folder / "edited.zip").write_bytes(mutations.signed(entries, name, record))
    code, out, _ = call("leaderboard", "validate", "mine.zip", "edited.zip")
    assert code == 1 and "mine.zip by A: valid" in out and "edited.zip by A: REFUSED" in out
    words = " ".join(out.replace("│", " ").split())  # the table's cells are folded
    assert (
        f"case {record['cases'][1]['case']}: hd95 {record['cases'][1]['hd95']} where the mask gives"
        in words
    )


def test_validate_finds_repeated_runs(call, folder):
    submit(call, "--owner", "A")
    code, _, err = call("leaderboard", "validate", "mine.zip", "--store", "s")
    assert code == 1 and "is on the board already, by our own records" in err
    shutil.copy(folder / "mine.zip", folder / "again.zip")
    assert call("leaderboard", "validate", "mine.zip")[0] == 0
    code, _, err = call("leaderboard", "validate", "mine.zip", "again.zip")
    assert code == 1 and "by the submission mine.zip" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("validate", "nowhere.zip"),
            "nowhere.zip is no file; give the file that `leaderboard submit` wrote.",
        ),
        (("validate", "s"), "s holds no submission (*.zip)"),
        (("build", "bad.zip", "--out", "page"), "no submission is valid and no --store is given"),
        (("validate", "bad.zip", "--data-root", "nowhere"), "the data root nowhere is no folder"),
        (("validate", "bad.zip", "--source", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_places_that_are_not_there(call, folder, words, says):
    (folder / "bad.zip").write_text("no zip")
    code, _, err = call("leaderboard", *words)
    assert code == 2 and says in err and "Traceback" not in err


def test_verify_computes_the_tables_of_a_report_and_of_a_leaderboard_again(call, folder):
    submit(call, "--owner", "A", "--method", "emitdiff", "--with-masks")
    shutil.copytree(folder / "s", folder / "ours")
    for path in (folder / "ours" / "records").glob("*.json"):
        if json.loads(path.read_text())["spec"]["method"]["name"] == "emitdiff":
            path.unlink()
    assert call("leaderboard", "build", "mine.zip", "--store", "ours", "--out", "page")[0] == 0
    again = ("verify", "--store", "ours", "--report", "page")
    code, out, err = call(*again, "--submission", "mine.zip")
    assert code == 0 and "computed again from 4 records: none differ" in out, err
    code, out, err = call(*again)
    assert code == 1 and "computed again from 2 records" in out
    path = next((folder / "page" / "tables").glob("*-cases.csv"))
    lines = path.read_text().splitlines()
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    path.write_text(path.read_text().replace(row["dice"], "0.123", 1))
    code, out, err = call(*again, "--submission", "mine.zip")
    assert code == 1 and "1 differs" in out
    assert f"column 'dice': '0.123' where the case rows give '{row['dice']}'." in err
    assert call("verify", "--store", "ours", "--report", "nowhere")[2].startswith(
        "error: nowhere holds no report"
    )
    assert "holds no records" in call("verify", "--store", "nowhere", "--report", "page")[2]


@pytest.fixture(scope="module")
def hostile_board(tmp_path_factory):
    """A page of a store, a submission full of markup, and refused files with such names; and the
    hostile records."""
    from benchmark.commands.leaderboard import build_board

    folder = tmp_path_factory.mktemp("hostile")
    tiny_store(folder / "s", ("none",))
    (folder / "sub").mkdir()
    records = write_hostile(folder, "sub/a.zip")
    for number, name in enumerate(
        ("<img src=x onerror=window.hacked=7>.zip", "[bold]<script>window.hacked=8<script>[x].zip")
    ):
        (folder / "sub" / name).write_bytes(b"PK" * (number + 20))
    code = build_board([folder / "sub"], folder / "page", [folder / "s"], [], [])
    return folder / "page", records, code


def test_hostile_texts_are_shown_as_they_are(hostile_board):
    page, records, code = hostile_board
    assert code == 1
    index = (page / "index.html").read_text()
    assert "2 submissions refused" in index and "&lt;img src=x onerror=window.hacked=7&gt;" in index
    assert "by &#34;&#39;&gt;&lt;img src=x onerror" in index and "as submitted" in index
    for path in page.rglob("*.html"):
        assert not any(text in path.read_text() for text in TEXTS[:2] + TEXTS[3:5]), path.name
    for path in page.rglob("*.csv"):
        assert not re.search(r'(^|,)"?=HYPERLINK', path.read_text(), re.MULTILINE), path.name
    assert sorted(path.name for path in page.parent.iterdir()) == [
        "hostile-store",
        "page",
        "s",
        "sub",
    ]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_no_script_of_a_submission_runs(hostile_board, tmp_path):
    page, records, _ = hostile_board
    with Browser(tmp_path / "profile") as browser:
        for path in [
            page / "index.html",
            *(page / run_page(record.key) for record in records),
            *page.glob("groups/*.html"),
        ]:
            browser.open(path)
            browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            browser.run(
                "document.querySelectorAll('a, img, td, th').forEach(one => one.dispatchEvent(new"
                " Event('mouseover')))"
            )
            assert browser.run("window.hacked === undefined"), path.name
            assert browser.run(
                "[...document.links].every(link => link.protocol === 'file:' || link.protocol ==="
                " 'https:')"
            )
            assert (
                browser.run(
                    "document.querySelectorAll('[onerror], [onclick], [onload],"
                    " svg[onload]').length"
                )
                == 0
            )
            hostile = path.parent.name != "groups" or "-folder-" in path.name
            assert ("window.hacked" in browser.run("document.body.innerText")) == hostile, path.name
        assert browser.problems == []
        assert all(address.startswith(("file:", "data:")) for address in browser.requests)
        assert not any("evil" in address for address in browser.requests)
