"""The HTML page: complete, self-contained, and deaf to what a record says."""

from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from benchmark.errors import InputError
from benchmark.record import StageCost
from reports.groups import group_id, make_groups
from reports.marks import VERIFIED, Mark, Refused, badges
from reports.page import SHOWN_CASES, build, run_lines
from reports.panels import Panel
from tests.reports.made import MSD_PROSTATE, PHANTOM, case_row, make_record, table2_records

HOSTILE = "\"'><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>{{ 7 * 7 }}"
LOADING = ("src", "srcset", "data", "poster", "action", "background", "formaction")


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self.source = [], "", path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def values(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A page with two groups, a panel, a broken file, a failed and some missing runs."""
    out = tmp_path_factory.mktemp("report")
    records = [make_record(method, fold=fold) for method in ("none", "emitdiff") for fold in (0, 1, 2)]
    records[-1] = make_record("emitdiff", fold=2, error="RuntimeError: the loss is not finite")
    records += [make_record("none", source=MSD_PROSTATE, protocol="released", fold=1)]
    picture = tmp_path_factory.mktemp("panel") / "some panel.png"
    Image.fromarray(np.arange(64 * 160, dtype=np.uint32).reshape(64, 160).astype(np.uint8)).save(picture)
    panels = {group_id(records[0].spec): [Panel(picture, "Samples", "Four slices.")]}
    build(records, ["records/x.json is not a readable record (cut off)"], out, panels)
    return out, records


def test_all_links_and_pictures_are_local_and_there(report):
    out, _ = report
    page = Page(out / "index.html")
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    links = page.values("href") + [value for name in LOADING for value in page.values(name)]
    assert links
    for link in links:
        assert "://" not in link and not link.startswith("//")
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            assert (out / unquote(link)).is_file(), link
    assert "@import" not in page.source and "url(" not in page.source
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}


def test_every_picture_opens_and_shows_something(report):
    out, _ = report
    pictures = sorted(out.glob("figures/*.png")) + sorted(out.glob("panels/*.png"))
    assert len(pictures) == 3 + 2 + 1
    for path in pictures:
        assert np.asarray(Image.open(path).convert("L")).std() > 5
    shown = [attributes for tag, attributes in Page(out / "index.html").tags if tag == "img"]
    assert len(shown) == 6
    assert all(attributes["alt"] for attributes in shown)


def test_the_page_says_what_each_group_is(report):
    out, records = report
    text = " ".join(Page(out / "index.html").text.split())
    for words in (
        "phantom: synthetic images", "real images", "MSD Task05_Prostate", "CC-BY-SA 4.0", "protocol released",
        "15 protocol switches not as in rigorous", "Test cases choose the checkpoint", "not comparable with the paper",
        "records/x.json is not a readable record (cut off)",
        "failed fold 2 seed 0: RuntimeError: the loss is not finite",
        "missing fold 0 seed 0; fold 2 seed 0", "6 runs done, 1 failed, 2 missing in 2 tables", "84.6 ± 6.7",
        "Four slices.",
    ):  # fmt: skip
        assert words in text, words
    assert all(record.key[:12] in text for record in records)


def test_every_run_has_its_command_the_missing_ones_too(report):
    _, records = report
    real, phantom = make_groups(records)
    assert [(line.fold, line.status) for line in run_lines(real)] == [(1, "done"), (0, "missing"), (2, "missing")]
    assert "--source msd --data-root DIR" in run_lines(real)[1].command
    assert "--fold 0 --seeds 0 --protocol released" in run_lines(real)[1].command
    assert [line.status for line in run_lines(phantom)][-1] == "failed: RuntimeError: the loss is not finite"
    page = Page(report[0] / "index.html")
    assert page.text.count("python cli.py run") == 9


def test_tables_and_figures_stand_beside_the_page(report):
    out, _ = report
    names = sorted(path.name for path in (out / "tables").iterdir())
    groups = make_groups(report[1])
    ends = ("-cases.csv", "-runs.csv", "-summary.csv", ".md")
    assert {f"{group.slug}{end}" for group in groups for end in ends} < {*names}
    assert {"claims.csv", "claims.md", "table1.csv", "table1.md", "table1.tex"} < {*names}
    assert [name for name in names if name.endswith("-statistics.csv")] == [f"{groups[1].slug}-statistics.csv"]
    assert len(list((out / "figures").glob("*.svg"))) == 5


def test_claims_statistics_and_the_papers_tables_stand_on_the_page(report):
    page = Page(report[0] / "index.html")
    text = " ".join(page.text.split())
    ids = {"claims", "paper-tables", "claim-gain-prostate-diffboost", "claim-row-spleen-randommirror"}
    assert ids <= {*page.values("id")}
    assert "0 reproduced, 0 not reproduced, 17 not testable yet" in text
    assert "No comparable runs: source is phantom" in text
    assert "Shown here: phantom, synthetic images" in text
    assert "What may be concluded" in text and "Table I: image fidelity" in text
    assert "One setting at a time" not in text  # no setting was swept


def test_text_of_a_record_never_becomes_markup(tmp_path):
    source = PHANTOM.model_copy(update={"title": HOSTILE, "licence": HOSTILE, "fingerprint": HOSTILE})
    common = {
        "source": source,
        "architecture": HOSTILE,
        "numbers": {"name": HOSTILE, "edge": HOSTILE},
        "commit": HOSTILE,
    }
    method = make_record("classic", "gamma").spec.method.model_copy(update={"transform": HOSTILE})
    done = make_record(method, rows=[case_row(HOSTILE, 0.5), case_row("b", 0.25)], **common)
    stage = StageCost(stage=HOSTILE, key="x", version=1, seconds=1.0, peak_memory_mb=1.0, machine=HOSTILE)
    done = done.model_copy(update={"notes": (HOSTILE,), "key": HOSTILE, "stages": (stage,)})
    none = make_record("none", rows=[case_row(HOSTILE, 0.75), case_row("b", 0.5)], **common)
    failed = make_record("emitdiff", error=HOSTILE, **common)
    out = tmp_path / "out"
    plain = make_record("none", rows={"a": 0.5, "b": 0.6})
    picture = tmp_path / "p.png"
    Image.new("L", (8, 8)).save(picture)
    build([done, none, failed, plain], [HOSTILE], out, {group_id(none.spec): [Panel(picture, HOSTILE, HOSTILE)]})
    page = Page(out / "index.html")
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags and "<script" not in page.source.lower()
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not [value for value in page.values("src") if "evil.example" in value]
    assert "{{ 7 * 7 }}" in page.text and page.text.count("alert(1)") > 10
    assert all(path.resolve().is_relative_to(out.resolve()) for path in out.rglob("*"))


def test_owners_badges_and_refused_submissions_are_shown_as_text(tmp_path):
    mine, theirs = make_record("none"), make_record("emitdiff")
    marks = {theirs.key: Mark(HOSTILE, VERIFIED, HOSTILE)}
    page = Page(build([mine, theirs], [], tmp_path, marks=marks, refused=[Refused(HOSTILE, ("summary differs", HOSTILE))]))
    assert "script" not in {tag for tag, _ in page.tags} and "1 submission refused" in page.text
    assert "verified" in page.text and "summary differs" in page.text
    assert badges([mine.key, theirs.key], marks) == ["verified: 1 of 2 runs"] and badges([mine.key], marks) == []


def test_no_record_gives_a_page_that_says_what_to_do(tmp_path):
    text = Page(build([], [], tmp_path / "out")).text
    assert "There are no records here yet" in text and "python cli.py run" in text


def test_only_failures_give_a_page_too(tmp_path):
    text = Page(build([make_record(error="disk full")], [], tmp_path)).text
    assert "failed fold 0 seed 0: disk full" in " ".join(text.split())


def test_long_case_lists_are_cut_and_say_so(tmp_path):
    rows = [case_row(f"case {number:03d}", number / 300) for number in range(SHOWN_CASES + 30)]
    text = " ".join(Page(build([make_record(rows=rows)], [], tmp_path)).text.split())
    assert f"The {SHOWN_CASES} lowest of {SHOWN_CASES + 30} rows" in text
    assert "case 199" in text and "case 200" not in text


def test_the_same_records_give_the_same_page(tmp_path):
    records = table2_records(folds=(0,))
    pages = [build(order, [], tmp_path / name).read_bytes() for name, order in (("a", records), ("b", records[::-1]))]
    assert pages[0] == pages[1]


def test_panels_that_are_no_pictures_are_an_input_error(tmp_path):
    record = make_record()
    text = tmp_path / "note.png"
    text.write_text("no picture")
    for path in (text, tmp_path / "absent.png"):
        with pytest.raises(InputError, match=path.name):
            build([record], [], tmp_path / "out", {group_id(record.spec): [Panel(path, "t", "c")]})
    with pytest.raises(ValueError, match="no record belongs to"):
        build([record], [], tmp_path / "out", {"0123": [Panel(text, "t", "c")]})


def test_panels_drawn_into_the_folder_are_not_copied(tmp_path):
    record = make_record()
    (tmp_path / "panels").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "panels" / "mine.png")
    page = Page(
        build([record], [], tmp_path, {group_id(record.spec): [Panel(tmp_path / "panels" / "mine.png", "t", "c")]})
    )
    assert "panels/mine.png" in page.values("src")
    assert len(list((tmp_path / "panels").iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out"):
        build([make_record()], [], tmp_path / "file")
