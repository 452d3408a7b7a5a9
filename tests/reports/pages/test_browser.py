"""The pages in Chromium: they sort, filter and open, ask nothing of the network, and fit a phone,
by keyboard, in the dark."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.record.samples import HELD_OUT, TRAINING
from reports.comparison.badges import VERIFIED, Mark, Refused
from reports.comparison.links import run_page
from reports.comparison.study import Study
from reports.pages.build import build
from tests.support import browser as browser_support
from tests.support.browser import CHROMIUM, Browser
from tests.support.made_records import MSD_PROSTATE, case_row, make_record, table2_records
from tests.support.page_reader import HOSTILE, Page
from tests.support.sampled import sample_row, with_samples

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
SHOWN = (
    "[...document.querySelectorAll('table.leaders tbody tr')].map(row => row.querySelector('th"
    " a').textContent)"
)
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Table II of a phantom in two protocols, one run of it failed, one audited, and a hostile run
    of another source."""
    out = tmp_path_factory.mktemp("report")
    records = [
        *table2_records(),
        *(make_record(name, protocol="released") for name in ("none", "emitdiff")),
    ]
    records[3] = make_record(
        "classic", "contrast", fold=0, error="RuntimeError: the loss is not finite"
    )
    curve = {"loss": ((10, 0.9), (20, 0.5)), "dice": ((10, 0.2), (20, 0.8))}
    stages = [
        one.model_copy(update={"curve": curve}) if one.stage == "fit-segmenter" else one
        for one in records[0].stages
    ]
    records[0] = records[0].model_copy(update={"stages": tuple(stages)})
    rows = [
        sample_row(HOSTILE, TRAINING, agreement_volume=0.1),
        sample_row("a", HELD_OUT, copied=0.5),
    ]
    records[-1] = with_samples(records[-1], rows=rows)
    source = records[0].spec.source.model_copy(update={"title": "z" + HOSTILE})
    records.append(
        make_record("none", rows=[case_row(HOSTILE, 0.5), case_row("b", 0.4)], source=source)
    )
    marks = {records[0].key: Mark(HOSTILE, VERIFIED, HOSTILE)}
    build(
        Study(records, [HOSTILE], marks=marks, refused=[Refused(HOSTILE, (HOSTILE,))]),
        out,
        figures="page",
    )
    return out, records


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def wide(browser):
    """The browser, with a desktop's width and light colours; afterwards nothing may have gone
    wrong."""
    browser.resize(1280, 900)
    browser.prefer("light")
    browser.problems.clear()
    browser.requests.clear()
    yield browser
    assert browser.problems == []
    assert all(address.startswith(("file:", "data:")) for address in browser.requests)


def kinds_of_page(out, records):
    whole = [
        out / f"{name}.html"
        for name in (
            *("index", "claims", "paper", "settings", "audits", "protocol"),
            *("submissions", "cite", "images"),
        )
    ]
    runs = [
        out / run_page(record.key) for record in (records[0], records[3], records[-2], records[-1])
    ]
    return [
        *whole,
        *runs,
        *sorted(out.glob("groups/*.html")),
        *sorted(out.glob("methods/emitdiff*.html")),
        out / "claims" / "gain-prostate-diffboost.html",
    ]


def test_every_kind_of_page_runs_without_errors_or_requests_and_fits_a_phone(report, wide):
    for page in kinds_of_page(*report):
        for width in (1280, 390):
            wide.resize(width, 900)
            wide.open(page)
            assert wide.run(OVERFLOW) <= 0, (page.name, width)
    assert (
        wide.run(
            "window.hacked === undefined && document.querySelectorAll('img[src*=evil]').length"
        )
        == 0
    )
    assert {address.rsplit("/", 1)[1] for address in wide.requests if address.endswith(".js")} == {
        "page.js",
    }


def test_the_first_screen_holds_the_answer_the_cards_and_the_first_rows(wide, tmp_path):
    methods = (("none", None), ("classic", "deepstack"), ("emitdiff", None))
    cells = [(fold, seed) for fold in (0, 1, 2) for seed in (0, 1)]
    records = [
        make_record(*method, fold=fold, seed=seed, source=MSD_PROSTATE)
        for method in (*methods, ("emitdiff", "deepstack"))
        for fold, seed in cells
    ]
    build(Study(records), tmp_path, figures="page")
    for width, height in ((1440, 900), (390, 844)):
        wide.resize(width, height)
        wide.open(tmp_path / "index.html")
        for part in ("h1 em", ".card:last-child", ".scope", "table.leaders tbody tr"):
            top = wide.run(f"document.querySelector('{part}').getBoundingClientRect().top")
            assert 0 < top < height, (width, part)
    assert "Is EMIT-Diff worth your GPU hours?" in wide.run(
        "document.querySelector('h1').innerText"
    )
    # a phone shows rows as cards: no cell lies beside the screen
    cells = "[...document.querySelectorAll('.board tbody td, .board tbody th')]"
    ends = f"Math.max(...{cells}.map(cell => cell.getBoundingClientRect().right))"
    assert wide.run(ends) <= 390


def test_every_text_stands_out_from_its_ground_in_light_and_dark(report, wide):
    script = (Path(browser_support.__file__).parent / "contrast.js").read_text(encoding="utf-8")
    script = script.partition("*/")[2].strip()
    for scheme in ("light", "dark"):
        wide.prefer(scheme)
        for page in kinds_of_page(*report):
            wide.open(page)
            wide.run("[...document.querySelectorAll('details')].forEach(one => one.open = true), 1")
            assert wide.run(script) == [], (scheme, page.name)


def test_the_leaderboard_opens_with_one_comparison_and_shows_all_on_demand(report, wide):
    wide.open(report[0] / "index.html")
    first = wide.run("document.querySelectorAll('.board')[0].querySelectorAll('tbody tr').length")
    assert first == 12 and "emitdiff" in wide.run(SHOWN)
    assert "released" not in wide.run("document.querySelector('.board tbody').innerText")
    choose(wide, "comparison", "")
    assert wide.run("document.querySelector('.board').querySelectorAll('tbody tr').length") == 14
    # the protocol's column is back
    assert "released" in wide.run("document.querySelector('.board tbody').innerText")


def choose(browser, name, value):
    browser.run(
        f"{{ const one = document.querySelector('.board [data-filter={name}]'); one.value ="
        f" {value!r};"
        " one.dispatchEvent(new Event('input', {bubbles: true})); }"
    )


def test_filters_leave_the_rows_that_fit(report, wide):
    wide.open(report[0] / "index.html")
    choose(wide, "family", "emitdiff")
    rows = "document.querySelector('.board').querySelectorAll('tbody tr')"
    assert wide.run(f"[...{rows}].map(row => row.dataset.family)") == ["emitdiff"]
    choose(wide, "family", "")
    choose(wide, "state", "incomplete")
    assert wide.run(f"{rows}.length") == 1 and "failed fold 0 seed 0" in wide.run(
        f"{rows}[0].innerText"
    )
    choose(wide, "state", "")
    choose(wide, "text", "no such word")
    empty = "document.querySelector('.board td.dt-empty')"
    assert "No row fits" in wide.run(f"{empty}.innerText")
    assert wide.run(f"getComputedStyle({empty}).textAlign") == "left"
    assert "no row shown of" in wide.run("document.querySelector('.board .dt-info').innerText")
    choose(wide, "text", "deepstack")
    assert wide.run("document.querySelector('.board .dt-info').innerText").startswith("1 row shown")
    assert wide.run(f"[...{rows}].map(row => row.querySelector('a').textContent)") == [
        "classic deepstack"
    ]


def test_columns_sort_by_their_numbers_by_mouse_and_by_keyboard(report, wide):
    wide.open(report[0] / "index.html")
    board = "document.querySelector('.board table')"
    dice = f"[...{board}.tBodies[0].rows].map(row => parseFloat(row.cells[2].textContent))"
    assert wide.run(dice) == sorted(wide.run(dice), reverse=True)
    head, order = f"{board}.tHead.rows[0].cells", "getAttribute('aria-sort')"
    wide.run(f"{head}[2].querySelector('[tabindex]').focus()")
    wide.press("Enter", 13)
    wide.until(f"{head}[2].{order} === 'descending'")  # the best comes first
    wide.press("Enter", 13)
    wide.until(f"{head}[2].{order} === 'ascending'")
    assert wide.run(dice) == sorted(wide.run(dice))
    time = f"[...{board}.tBodies[0].rows].map(row => parseFloat(row.cells[6].textContent))"
    wide.run(f"{head}[6].querySelector('.dt-column-order').click()")
    wide.until(f"{head}[6].{order} === 'ascending'")
    assert wide.run(time) == sorted(wide.run(time))


def test_a_reader_gets_from_the_leaderboard_to_a_run_and_back(report, wide):
    out, records = report
    wide.open(out / "index.html")
    method = wide.run("document.querySelector('.board tbody a').getAttribute('href')")
    page, _, anchor = method.partition("#")
    assert page.startswith("methods/")
    wide.open(out / page, f"#{anchor}")
    group = wide.run(f"document.getElementById('{anchor}').querySelector('.rules a').href")
    group = group.partition("/groups/")[2]
    wide.open(out / "groups" / group)
    runs = wide.run(
        "[...document.querySelectorAll('td, th')].flatMap(c =>"
        " [...c.querySelectorAll('a[href*=\"/runs/\"]')])"
        ".map(a => a.getAttribute('href'))"
    )
    assert f"../{run_page(records[0].key)}" in runs and len(runs) == 36
    wide.open(out / run_page(records[0].key))
    text = wide.run("document.body.innerText")
    assert (
        "verified" in text
        and "python cli.py run --dataset prostate" in text
        and "Training curves" in text
    )
    assert (
        wide.run("document.querySelector('table.cases tbody th').textContent")
        == min(records[0].cases, key=lambda row: row.dice).case
    )
    assert (
        wide.run("document.querySelector('.where a').getAttribute('href')") == f"../groups/{group}"
    )


def test_a_link_into_a_folded_part_opens_it(report, wide):
    page = next(
        path
        for path in report[0].glob("groups/*.html")
        if "split-" in path.read_text(encoding="utf-8")
    )
    wide.open(page)
    split = wide.run("document.querySelector('details[id^=split]').id")
    wide.open(page, "#" + split)
    assert wide.run(f"document.getElementById({split!r}).open")


def test_the_keyboard_reaches_the_skip_link_and_the_scrolled_table(report, wide):
    wide.open(report[0] / "index.html")
    wide.press("Tab", 9)
    assert wide.run("document.activeElement.className") == "skip"
    assert wide.run("document.querySelector('.leaders').closest('.dt-layout-cell').tabIndex") == 0


def test_pages_without_script_keep_their_tables(report, wide):
    wide.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        wide.call("Page.navigate", url=(report[0] / "index.html").as_uri())
    finally:
        wide.call("Emulation.setScriptExecutionDisabled", value=False)
    tags = Page(report[0] / "index.html").tags
    assert sum("data-comparison" in attributes for name, attributes in tags if name == "tr") == 15
    assert ("details", {"class": "filters", "hidden": None}) in tags


def pixels(browser, folder):
    return np.asarray(
        Image.open(browser.picture(folder / "page.png", whole=False)).convert("RGB")
    ).astype(int)


def test_pages_follow_a_dark_desktop_and_print_on_white(report, wide, tmp_path):
    for name, scheme, ground in (("index.html", "light", 240), ("index.html", "dark", 0)):
        wide.prefer(scheme)
        wide.open(report[0] / name)
        image = pixels(wide, tmp_path)
        assert image.shape == (900, 1280, 3)
        assert (image[:20, :8].mean() > 240) if ground else (image[:20, :8].mean() < 60)
        text = (image < 100).all(-1) if ground else (image > 200).all(-1)
        assert text.mean() > 0.004
    assert len(wide.call("Page.printToPDF")["data"]) > 20_000


def test_figures_are_drawn_on_the_page(report, wide, tmp_path):
    page = max(report[0].glob("groups/*.html"), key=lambda path: path.stat().st_size)
    wide.open(page)
    wide.run("document.querySelector('.figures figure').scrollIntoView()")
    wide.run(
        "Promise.all([...document.images].map(image => { image.loading = 'eager'; return"
        " image.decode(); }))"
    )
    image = pixels(wide, tmp_path)
    # the box of emitdiff, seven tenths of its colour on white
    green = (np.abs(image - (77, 187, 157)) < 12).all(-1)
    assert green.sum() > 200
