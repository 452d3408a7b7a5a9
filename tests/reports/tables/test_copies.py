"""Gains with and without near copies: an arithmetic by hand, and the published records of BUSI
against values that were computed without this program."""

from pathlib import Path

import pytest

from reports.comparison.groups import make_groups
from reports.comparison.study import Study
from reports.comparison.summaries import summarise
from reports.pages.build import build
from reports.records.load import load_records
from reports.tables.copies import copy_gains, copy_sentence, copy_table
from tests.support.made_records import make_record

PUBLISHED = Path(__file__).resolve().parents[3] / "reports" / "published" / "cpu-128px" / "records"
# The clusters that were known first; the finder finds these and five more.
FIRST_KNOWN = (
    (3, 4, 5, 6, 7, 8, 9),
    *((10, 112), (12, 110), (13, 109), (14, 123), (15, 111), (17, 88)),
    *((18, 116), (34, 92), (39, 42), (96, 97), (118, 119)),
)


def made(method: str, copies=None, **dice: float):
    record = make_record(method, rows=dice)
    split = record.split.model_copy(
        update={"train": ("t",), "validation": ("v",), "test": tuple(dice)}
    )
    return record.model_copy(update={"split": split, "copies": copies})


def gains_of(copies):
    records = [
        made("none", copies, a=0.5, b=0.5, c=0.8),
        made("emitdiff", copies, a=0.6, b=0.5, c=0.9),
    ]
    (group,) = make_groups(records)
    summary = summarise(group)
    return copy_gains(summary), summary


def test_gains_are_told_apart_by_copies_in_training_and_validation():
    gains, summary = gains_of((("c", "v"), ("a", "b")))
    assert (gains.copied, gains.clean) == (1, 2)
    table = copy_table(gains, summary)
    assert table.columns == ("method", "all 3 cases", "1 with a near copy", "2 clean")
    assert table.rows[0] == ("none: Dice, %", "60.0", "80.0", "50.0")
    assert table.rows[1][1:] == ("+6.7", "+10.0", "+5.0")
    assert copy_sentence(gains).startswith("1 of the 3 test images have a near copy")


@pytest.mark.parametrize("copies", [None, (), (("a", "b"),)])
def test_without_copies_across_the_fold_nothing_is_said(copies):
    assert gains_of(copies)[0] is None


def breast(copies=None):
    records = [one for one in load_records([PUBLISHED]).records if one.spec.dataset == "breast"]
    if copies is not None:
        records = [one.model_copy(update={"copies": copies}) for one in records]
    (group,) = make_groups(records)
    gains = copy_gains(summarise(group))
    rounded = {
        label: tuple(round(100 * value, 1) for value in (means.all, means.copied, means.clean))
        for label, means in gains.gains.items()
    }
    return gains, rounded


def test_the_published_gains_are_those_that_were_computed_elsewhere():
    clusters = tuple(tuple(map("malignant ({})".format, numbers)) for numbers in FIRST_KNOWN)
    gains, rounded = breast(clusters)
    assert (gains.copied, gains.clean) == (21, 126)
    assert rounded["classic deepstack"] == (5.5, 1.1, 6.3)
    assert (5.0, -1.1, 6.0) in rounded.values()  # emitdiff + deepstack, n = 4
    assert (-0.6, 2.6, -1.1) in rounded.values()  # emitdiff, n = 10


def test_published_records_know_the_copies_that_were_found_since():
    gains, rounded = breast()
    assert (gains.copied, gains.clean) == (33, 114)
    assert rounded["classic deepstack"] == (5.5, 1.6, 6.7)


def test_the_page_and_the_markdown_show_the_gains_beside_the_results(tmp_path):
    copies = (("c", "v"),)
    records = [made(name, copies, a=0.5, b=0.4, c=0.9) for name in ("none", "emitdiff")]
    build(Study(records), tmp_path)
    for place in ("groups/*.html", "tables/*.md"):
        shown = "".join(path.read_text() for path in tmp_path.glob(place))
        assert "1 of the 3 test images have a near copy" in shown
        assert "1 with a near copy" in shown and "2 clean" in shown
