"""Building a report: deaf to what a record says, the same for the same records, small when large,
and plain about what is wrong."""

import pytest
from PIL import Image

from benchmark.core.errors import InputError
from benchmark.record.record import StageCost
from reports.comparison.badges import VERIFIED, Mark, Refused, badges
from reports.comparison.groups import group_id, make_groups
from reports.comparison.links import run_page
from reports.comparison.study import Study
from reports.figures.panels import Panel
from reports.pages.build import build
from reports.pages.comparison import SHOWN_CASES
from reports.pages.parallel import in_order
from reports.pages.site import datatables, used_rules
from tests.support.made_records import PHANTOM, case_row, make_record, table2_records
from tests.support.page_reader import HOSTILE, Page, contents, pages, words


def test_text_of_a_record_never_becomes_markup(tmp_path):
    source = PHANTOM.model_copy(
        update={"title": HOSTILE, "licence": HOSTILE, "fingerprint": HOSTILE}
    )
    common = {
        "source": source,
        "architecture": HOSTILE,
        "numbers": {"name": HOSTILE, "edge": HOSTILE},
        "commit": HOSTILE,
    }
    method = make_record("classic", "gamma").spec.method.model_copy(update={"transform": HOSTILE})
    done = make_record(method, rows=[case_row(HOSTILE, 0.5), case_row("b", 0.25)], **common)
    stage = StageCost(
        stage=HOSTILE,
        key=HOSTILE,
        version=1,
        seconds=1.0,
        peak_memory_mb=1.0,
        machine=HOSTILE,
        curve={HOSTILE: ((0, 1), (1, 2))},
    )
    done = done.model_copy(
        update={
            "notes": (HOSTILE,),
            "key": HOSTILE,
            "stages": (stage,),
            "seeds": {HOSTILE: 1},
            "split": done.split.model_copy(
                update={"hash": HOSTILE, "train": (HOSTILE,), "generator": ("other" + HOSTILE,)}
            ),
            "provenance": {
                HOSTILE: HOSTILE,
                "git": {"commit": HOSTILE},
                "packages": {HOSTILE: HOSTILE},
            },
        }
    )
    none = make_record("none", rows=[case_row(HOSTILE, 0.75), case_row("b", 0.5)], **common)
    generator = make_record("emitdiff").spec.method.model_copy(
        update={"generator": {HOSTILE: HOSTILE}}
    )
    failed = make_record(generator, error=HOSTILE, **common)
    out = tmp_path / "out"
    plain = make_record("none", rows={"a": 0.5, "b": 0.6})
    picture = tmp_path / "p.png"
    Image.new("L", (8, 8)).save(picture)
    marks = {plain.key: Mark(HOSTILE, HOSTILE, HOSTILE), HOSTILE: Mark("x", VERIFIED)}
    panels = {group_id(none.spec): [Panel(picture, HOSTILE, HOSTILE)]}
    build(
        Study(
            [done, none, failed, plain],
            [HOSTILE],
            marks=marks,
            refused=[Refused(HOSTILE, (HOSTILE,))],
        ),
        out,
        panels,
    )
    texts = 0
    for name, page in pages(out).items():
        assert "<script>" not in page.source.lower() and page.source.count("<script") == 1, name
        assert not [
            key for _, attributes in page.tags for key in attributes if key.startswith("on")
        ]
        assert not [value for value in page.values("src") if "evil.example" in value]
        texts += page.text.count("alert(1)")
    assert texts > 60 and "{{ 7 * 7 }}" in words(out)
    assert all(path.resolve().is_relative_to(out.resolve()) for path in out.rglob("*"))


def test_owners_badges_and_refused_submissions_are_shown(tmp_path):
    mine, theirs = make_record("none"), make_record("emitdiff")
    marks = {theirs.key: Mark("B. Builder", VERIFIED, "Masks were sent.")}
    build(
        Study([mine, theirs], marks=marks, refused=[Refused("x.zip", ("a summary differs",))]),
        tmp_path,
    )
    found = pages(tmp_path)
    assert "1 submission refused x.zip: a summary differs" in found["index.html"].words
    assert "emitdiff n = 2 by B. Builder verified" in found["index.html"].words
    assert "Masks were sent." in found[run_page(theirs.key)].words
    assert (
        badges([mine.key, theirs.key], marks) == ["verified: 1 of 2 runs"]
        and badges([mine.key], marks) == []
    )


def test_no_record_gives_a_page_that_says_what_to_do(tmp_path):
    text = Page(build(Study([]), tmp_path / "out")).text
    assert "There are no records here yet" in text and "python cli.py run" in text


def test_only_failures_give_pages_too(tmp_path):
    assert (
        "failed fold 0 seed 0: disk full"
        in Page(build(Study([make_record(error="disk full")]), tmp_path)).words
    )


def test_long_case_lists_are_cut_and_say_so(tmp_path):
    rows = [case_row(f"case {number:03d}", number / 300) for number in range(SHOWN_CASES + 30)]
    record = make_record(rows=rows)
    build(Study([record]), tmp_path)
    page = pages(tmp_path)[make_groups([record])[0].page]
    assert f"The {SHOWN_CASES} lowest of {SHOWN_CASES + 30} rows" in page.words
    assert "<th scope=row>case 099" in page.source and "<th scope=row>case 100" not in page.source
    assert "case 129" in pages(tmp_path)[run_page(record.key)].words


def test_the_same_records_give_the_same_folder(tmp_path):
    records = table2_records(folds=(0,))
    folders = []
    for name, order in (("a", records), ("b", records[::-1])):
        build(Study(order), tmp_path / name, figures="page")
        folders.append(contents(tmp_path / name))
    assert folders[0] == folders[1]


def test_large_reports_keep_their_files_small_and_use_several_processes(tmp_path, monkeypatch):
    records = table2_records(folds=(0, 1, 2))
    monkeypatch.setattr("reports.pages.build.LARGE", 10)
    monkeypatch.setattr("reports.pages.parallel.usable_cores", lambda: 2)
    build(Study(records), tmp_path / "two")
    monkeypatch.setattr("reports.pages.parallel.usable_cores", lambda: 1)
    build(Study(records), tmp_path / "one")
    two = contents(tmp_path / "two")
    assert two == contents(tmp_path / "one")
    assert not [name for name in two if name.endswith((".png", ".pdf", "-cases.csv"))]
    assert len([name for name in two if name.endswith("-cases.csv.gz")]) == 1
    assert "--figures all" in Page(tmp_path / "two" / "index.html").words


def test_work_in_processes_keeps_its_order_and_raises_what_it_raises():
    assert in_order(lambda place: place * place, 5, workers=2) == [0, 1, 4, 9, 16]

    def broken(place):
        raise InputError(f"item {place} is wrong.")

    with pytest.raises(InputError, match="is wrong"):
        in_order(broken, 3, workers=2)


def test_datatables_is_a_plain_script_with_its_licences():
    found = datatables()
    assert (
        "export{" not in found["datatables.js"][-9000:]
        and "window.DataTable=" in found["datatables.js"]
    )
    assert (
        "MIT" in found["LICENCES.txt"]
        and "jQuery" in found["LICENCES.txt"]
        and "DataTables 2" in found["LICENCES.txt"]
    )


def test_style_rules_of_parts_that_no_page_has_are_left_out():
    style = ".a{x:1}.dtsp-b{x:2}.c,.dt-button{x:3}@media print{.dtsb-d{x:4}.e{x:5}}"
    assert used_rules(style) == ".a{x:1}.c{x:3}@media print{.e{x:5}}"


def test_panels_that_are_no_pictures_are_an_input_error(tmp_path):
    record = make_record()
    text = tmp_path / "note.png"
    text.write_text("no picture")
    for path in (text, tmp_path / "absent.png"):
        with pytest.raises(InputError, match=path.name):
            build(
                Study([record]), tmp_path / "out", {group_id(record.spec): [Panel(path, "t", "c")]}
            )
    with pytest.raises(ValueError, match="no record belongs to"):
        build(Study([record]), tmp_path / "out", {"0123": [Panel(text, "t", "c")]})


def test_panels_drawn_into_the_folder_are_not_copied(tmp_path):
    record = make_record()
    (tmp_path / "panels").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "panels" / "mine.png")
    build(
        Study([record]),
        tmp_path,
        {group_id(record.spec): [Panel(tmp_path / "panels" / "mine.png", "t", "c")]},
    )
    assert "../panels/mine.png" in Page(tmp_path / make_groups([record])[0].page).values("src")
    assert len(list((tmp_path / "panels").iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out"):
        build(Study([make_record()]), tmp_path / "file")
