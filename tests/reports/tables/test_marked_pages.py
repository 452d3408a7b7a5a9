"""Numbers between marks of pages are those of the published records, and are written again."""

import re
import shutil

import pytest

from benchmark.core.errors import InputError
from reports.tables.marked_pages import fill_file, filled, marks
from reports.tables.named_numbers import ARCHIVE, PUBLISHED, NamedNumbers
from tests.test_layers import ROOT

PAGES = ("README.md", "reports/published/README.md", "reports/published/archive/README.md")
MARK = "<!-- small/breast/none/dice -->{}<!-- . -->"


@pytest.fixture(scope="module")
def published():
    return NamedNumbers()


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """The six runs of gpu-384px, as a folder of published records."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(PUBLISHED / "gpu-384px", folder / "small")
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_every_marked_number_of_a_page_is_that_of_the_records(page, published):
    text = (ROOT / page).read_text("utf-8")
    assert marks(text), "a page of results has no mark"
    assert {(name, number) for name, number in marks(filled(text, published.text))} == set(
        marks(text)
    ), f"run `python cli.py report --numbers {page}`"


def test_the_count_of_records_follows_the_folder(six):
    assert NamedNumbers(six).text("all/records") == "6"
    assert NamedNumbers(six).text("small/records") == "6"


def test_archived_records_have_their_numbers_and_do_not_count(six, tmp_path):
    shutil.copytree(six / "small", tmp_path / "new")
    shutil.copytree(six / "small", tmp_path / ARCHIVE / "old")
    numbers = NamedNumbers(tmp_path)
    assert list(numbers.folders) == ["new", "old"]
    assert numbers.text("all/records") == numbers.text("old/records") == "6"
    assert numbers.text("old/breast/classic-mirror/gain") == "+9.6 [+7.0, +12.2]"


def test_numbers_of_a_folder_are_those_of_its_runs(six):
    numbers = NamedNumbers(six)
    assert numbers.text("small/breast/none/dice") == "60.4 ± 21.8"
    assert numbers.text("small/breast/classic-mirror/gain") == "+9.6 [+7.0, +12.2]"
    assert numbers.text("small/breast/classic-mirror/gain/points") == "+9.6"
    assert numbers.text("small/breast/none/against/classic-mirror/points") == "-9.6"
    assert numbers.text("small/breast/classic-mirror/gain/runs") == "+10.8, +9.6, +8.5"
    assert numbers.text("small/breast/none/run/1/0") == "56.7"
    assert numbers.text("small/breast/none/seeds") == "1"
    assert numbers.text("small/breast/classic-mirror/gain/verdict") == (
        "too few runs (3 folds, 1 seed)"
    )
    # one seed alone says nothing of the trainings
    assert numbers.text("small/breast/detectable/3") == "–"


def test_a_number_is_bold_exactly_where_the_method_is_better(published):
    better = "cpu-128px/breast/classic-deepstack/gain"
    assert published.text(f"{better}/verdict") == "better"
    assert re.fullmatch(r"\*\*\+[^*]*\*\*", published.text(better))
    worse = "cpu-128px/breast/none/against/classic-deepstack"
    assert published.text(f"{worse}/verdict") == "worse"
    assert "*" not in published.text(worse)


def test_seeds_say_which_folds_were_run(published):
    name = "cpu-128px/prostate/emitdiff-from-scratch-n-2/seeds"
    assert published.text(name) == "1, and seed 1 of folds 0 and 1"


def test_an_unknown_name_is_refused_with_those_near_to_it(six):
    with pytest.raises(InputError, match="near it: small/breast/classic-mirror/gain"):
        NamedNumbers(six).text("small/breast/classic-miror/gain")
    with pytest.raises(InputError, match="no published records are called 'large'; there are sma"):
        NamedNumbers(six).text("large/breast/none/dice")


def test_a_file_is_written_again_only_where_a_number_changed(six, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"Dice {MARK.format('59.9')} here.\r\nMore.\n", "utf-8", newline="")
    assert fill_file(page, NamedNumbers(six).text) == ["small/breast/none/dice"]
    assert page.read_bytes().decode() == (f"Dice {MARK.format('60.4 ± 21.8')} here.\r\nMore.\n")
    assert fill_file(page, NamedNumbers(six).text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a <!-- x/y -->5 and no end\n", "has no partner on its line"),
        ("a <!-- x/y -->5\n<!-- . -->", "has no partner on its line"),
        ("five<!-- . --> of them", "has no partner on its line"),
        ("a\n<!-- x/y -->5<!-- . -->", "starts a line"),
        ("- <!-- x/y -->5<!-- . -->", "starts a line"),
    ],
)
def test_a_broken_mark_is_refused(text, told):
    with pytest.raises(InputError, match=told):
        filled(text, lambda name: "6")


def test_comments_that_are_no_marks_stay():
    page = "| <!-- note: keep --> | a <!-- x/y -->5<!-- . --> |"
    assert filled(page, lambda name: "6") == "| <!-- note: keep --> | a <!-- x/y -->6<!-- . --> |"


def test_a_page_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        fill_file(tmp_path / "none.md", str)
