"""Pages of methods, submissions, images and citation."""

import json

import pytest

from reports.comparison.badges import AS_SUBMITTED, VERIFIED, Mark, Refused, Submission
from reports.comparison.groups import make_groups
from reports.comparison.links import method_page, run_page
from reports.comparison.study import Study
from reports.pages.build import build
from reports.pages.gallery import SHIPPED
from reports.pages.methods import description
from tests.support.made_records import make_record
from tests.support.page_reader import pages
from tests.support.study import BUSI


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Two comparisons; emitdiff was submitted, one of its runs verified."""
    out = tmp_path_factory.mktemp("report")
    records = [
        *(make_record(name, fold=fold) for name in ("none", "emitdiff") for fold in (0, 1, 2)),
        make_record("classic", "gamma", error="RuntimeError: no more"),
        make_record("none", dataset="breast", source=BUSI),
        make_record("emitdiff", dataset="breast", source=BUSI),
    ]
    theirs = [one.key for one in records[3:5]]
    marks = {
        theirs[0]: Mark("B. Builder", VERIFIED, "With masks."),
        theirs[1]: Mark("B. Builder", AS_SUBMITTED, ""),
    }
    checks = (("split", "passed", "drawn again"), ("masks", "not checked", "of one run: no mask"))
    one = Submission(
        "My File.zip", "B. Builder", "With masks.", "2026-11-27", checks, tuple(theirs)
    )
    refused = [Refused("x.zip", ("a summary differs",))]
    study = Study(records, marks=marks, refused=refused, submissions=[one])
    build(study, out, figures="page")
    return pages(out), records


def test_a_method_has_one_page_with_all_its_comparisons_and_runs(report):
    found, records = report
    page = found["methods/emitdiff.html"]
    groups = make_groups(records)
    assert {group.id for group in groups} <= set(page.values("id"))
    ours = [one for one in records if one.spec.method.name == "emitdiff"]
    assert {f"../{run_page(one.key)}" for one in ours} <= set(page.values("href"))
    assert "is trained on the training cases of the fold alone" in page.words
    assert "4 runs in 2 comparisons" in page.words and "MSD" not in page.words
    failed = found["methods/classic_gamma.html"]
    assert "failed fold 0 seed 0: RuntimeError: no more" in failed.words


def test_the_board_links_a_method_to_its_page(report):
    found, records = report
    links = found["index.html"].values("href")
    for group in make_groups(records):
        for runs in group.methods:
            assert f"{method_page(runs.method)}#{group.id}" in links


def test_pages_of_methods_are_told_apart_whatever_their_names_hold():
    usual = make_record("classic", "gamma").spec.method
    odd = [usual.model_copy(update={"transform": text}) for text in ("a/b", "a-b", "../x", "a b")]
    found = [method_page(one) for one in odd]
    assert len(set(found)) == 4
    assert all(page.count("/") == 1 and ".." not in page for page in found)
    own = make_record("emitdiff").spec.method.model_copy(update={"own": True})
    assert method_page(own) == "methods/emitdiff_own.html"


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (("none", None), "No augmentation"),
        (("classic", "mirror"), "transform mirror"),
        (("unconditional", None), "bring masks of their own"),
        (("emitdiff", "deepstack"), "deepstack is applied on top"),
    ],
)
def test_a_method_is_described_by_what_its_settings_say(method, words):
    assert words in " ".join(description(make_record(*method).spec.method))


def test_a_submission_has_a_page_of_what_was_checked_and_what_not(report):
    found, records = report
    listed = found["submissions.html"]
    assert "My File.zip B. Builder 2026-11-27 2 1 emitdiff, n = 2 masks" in listed.words
    assert "x.zip: a summary differs" in listed.words and "What the badges mean" in listed.words
    page = found["submissions/my-file-1.html"]
    assert "by B. Builder, packed on 2026-11-27" in page.words
    assert "masks not checked of one run: no mask" in page.words
    assert "2 runs on the board, 1 of them verified" in page.words
    assert f"../{run_page(records[3].key)}" in page.values("href")


def test_images_of_a_phantom_are_shipped_and_the_page_says_why_others_are_not(report):
    page = report[0]["images.html"]
    told = json.loads((SHIPPED / "gallery.json").read_text(encoding="utf-8"))
    tiles = [tile for one in told["sets"] for tile in one["tiles"]]
    assert len(tiles) >= 10 and all((SHIPPED / tile["file"]).is_file() for tile in tiles)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 300_000
    assert len([tag for tag, _ in page.tags if tag == "img"]) == len(tiles)
    assert any('prompt: "' in tile["words"] for tile in tiles)
    assert any("Dice" in tile["words"] for tile in tiles)
    assert "BUSI (malignant), licence x: three public copies" in page.words


def test_the_page_of_citation_has_the_data_in_use_and_the_commits(report):
    page = report[0]["cite.html"]
    assert "@article{diffboost2025" in page.text and "@software{augbench" in page.text
    assert "@article{busi2020" in page.text and "aaaaaaaaaaaa (8 runs)" in page.words
