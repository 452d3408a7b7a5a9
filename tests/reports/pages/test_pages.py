"""The HTML pages: complete, self-contained, and saying what each group, run and claim is."""

import posixpath
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from benchmark.spec.protocol import differences, named_protocol
from reports.comparison.groups import group_id, make_groups
from reports.comparison.links import run_page
from reports.comparison.study import Study
from reports.figures.panels import Panel
from reports.pages.build import build
from reports.pages.comparison import missing_commands, run_lines
from tests.support.made_records import MSD_PROSTATE, make_record
from tests.support.page_reader import LOADING, SHARED, Page, pages, words


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report with two groups, a panel, a broken file, a failed and some missing runs."""
    out = tmp_path_factory.mktemp("report")
    records = [
        make_record(method, fold=fold) for method in ("none", "emitdiff") for fold in (0, 1, 2)
    ]
    records[-1] = make_record("emitdiff", fold=2, error="RuntimeError: the loss is not finite")
    records += [make_record("none", source=MSD_PROSTATE, protocol="released", fold=1)]
    picture = tmp_path_factory.mktemp("panel") / "some panel.png"
    Image.fromarray(np.arange(64 * 160, dtype=np.uint32).reshape(64, 160).astype(np.uint8)).save(
        picture
    )
    panels = {group_id(records[0].spec): [Panel(picture, "Samples", "Four slices.")]}
    build(Study(records, ["records/x.json is not a readable record (cut off)"]), out, panels)
    return out, records


def test_all_links_and_pictures_are_local_and_there(report):
    out, _ = report
    found = pages(out)
    kinds = {name.split("/")[0] for name in found}
    single = {
        f"{name}.html"
        for name in (
            *("index", "claims", "paper", "settings", "audits", "protocol"),
            *("submissions", "cite", "images"),
        )
    }
    assert kinds == single | {"groups", "methods", "runs", "claims"}
    for name, page in found.items():
        ids = page.values("id")
        assert len(ids) == len(set(ids)), name
        for link in page.values("href") + [
            value for kind in LOADING for value in page.values(kind)
        ]:
            assert "://" not in link and not link.startswith("//")
            address, _, anchor = link.partition("#")
            target = (
                posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(address)))
                if address
                else name
            )
            assert not target.startswith("..") and (out / target).is_file(), (name, link)
            assert not anchor or anchor in found[target].values("id"), (name, link)
        assert "@import" not in page.source and "url(" not in page.source
        loaded = {
            attributes.get("src") or attributes.get("href")
            for tag, attributes in page.tags
            if tag in ("script", "link")
        }
        assert {
            posixpath.normpath(posixpath.join(posixpath.dirname(name), one)) for one in loaded
        } == SHARED
        assert not {"iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
        assert (
            not page.values("style")
            and "'unsafe-inline'" not in page.source
            and "default-src 'none'" in page.source
        )


def test_every_page_can_be_reached_from_the_first(report):
    found = pages(report[0])
    seen, waiting = set(), ["index.html"]
    while waiting:
        name = waiting.pop()
        if name in seen or not name.endswith(".html"):
            continue
        seen.add(name)
        links = (unquote(link.partition("#")[0]) for link in found[name].values("href"))
        waiting += [
            posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
            for link in links
            if link
        ]
    assert seen == set(found)


def test_every_picture_opens_and_shows_something(report):
    out, _ = report
    pictures = sorted(out.glob("figures/*.png")) + sorted(out.glob("panels/*.png"))
    assert len(pictures) == 3 + 2 + 1
    for path in pictures:
        assert np.asarray(Image.open(path).convert("L")).std() > 5
    shown = [
        attributes for page in pages(out).values() for tag, attributes in page.tags if tag == "img"
    ]
    ours = [attributes for attributes in shown if "gallery/" not in attributes["src"]]
    assert len(ours) == 7  # the panel stands on the page of images too
    assert all(attributes["alt"] for attributes in shown)


def test_the_pages_say_what_each_group_is(report):
    out, records = report
    text = words(out)
    for part in (
        "phantom: synthetic images",
        "real images",
        "MSD Task05_Prostate",
        "CC-BY-SA 4.0",
        "protocol released",
        f"{len(differences(named_protocol('released')))} protocol switches not as in rigorous",
        "Test cases choose the checkpoint",
        "not comparable with the paper",
        "records/x.json is not a readable record (cut off)",
        "failed fold 2 seed 0: RuntimeError: the loss is not finite",
        "missing fold 0 seed 0; fold 2 seed 0",
        "6 runs done, 1 failed, 2 missing",
        "84.6 ± 6.7",
        "Four slices.",
    ):
        assert part in text, part
    assert all(record.key[:12] in text for record in records)


def test_the_leaderboard_has_a_row_per_method_and_shows_what_is_absent(report):
    page = pages(report[0])["index.html"]
    rows = [
        attributes
        for tag, attributes in page.tags
        if tag == "tr" and "data-comparison" in attributes
    ]
    # emitdiff failed in a fold
    assert [row["data-state"] for row in rows] == ["incomplete", "incomplete", "complete"]
    assert {row["data-family"] for row in rows} == {"none", "emitdiff"}
    assert page.words.count("failed fold 2 seed 0: RuntimeError") == 1
    assert "◐ 2/3" in page.words and "◐ 1/3" in page.words and "● 3/3" in page.words
    boards = [
        attributes["data-shown"]
        for tag, attributes in page.tags
        if tag == "section" and "data-shown" in attributes
    ]
    assert boards == [group.id for group in make_groups(report[1])]


def test_every_run_has_its_page_with_all_that_is_known_of_it(report):
    out, records = report
    found = pages(out)
    for record in records:
        text = found[run_page(record.key)].words
        assert record.key in text and f"--fold {record.spec.fold} --seeds 0 --protocol" in text
        assert all(row.case in text for row in record.cases)
        if record.status == "done":
            assert (
                "240 optimiser steps; 1920 real and 0 synthetic" in text and "aaaaaaaaaaaa" in text
            )
            rows = [
                row
                for row in found[run_page(record.key)].source.split("<tr><th>")
                if row.startswith("test_")
            ]
            dice = [float(row.split("<td>")[1]) for row in rows]
            assert len(dice) == len(record.cases) and dice == sorted(dice)
        else:
            assert "failed: RuntimeError: the loss is not finite" in text


def test_training_curves_are_drawn_from_the_record(tmp_path):
    record = make_record()
    curve = {"loss": ((10, 0.9), (20, 0.5), (30, 0.4)), "dice": ((10, 0.2), (30, 0.8))}
    stages = [
        stage.model_copy(update={"curve": curve}) if stage.stage == "fit-segmenter" else stage
        for stage in record.stages
    ]
    record = record.model_copy(update={"stages": tuple(stages)})
    build(Study([record]), tmp_path)
    page = Page(tmp_path / run_page(record.key))
    assert list(page.values("d")) == ["M0 0l150 72 150 18", "M0 90l300-90"]
    assert "fit-segmenter: dice last 0.8" in page.words


def test_every_run_has_its_command_the_missing_ones_too(report):
    out, records = report
    real, phantom = make_groups(records)
    assert [(line.fold, line.status) for line in run_lines(real, {})] == [
        (1, "done"),
        (0, "missing"),
        (2, "missing"),
    ]
    [(which, command)] = missing_commands(real)
    assert which.endswith("folds 0, 2, seed 0") and "--source msd --data-root DIR" in command
    assert "--fold 0,2 --seeds 0 --protocol released" in command
    assert [line.status for line in run_lines(phantom, {})][
        -1
    ] == "failed: RuntimeError: the loss is not finite"
    found = pages(out)
    assert found[real.page].text.count("python cli.py run") == 1
    assert (
        sum(
            page.text.count("python cli.py run")
            for name, page in found.items()
            if name.startswith("runs/")
        )
        == 7
    )


def test_tables_and_figures_stand_beside_the_pages(report):
    out, _ = report
    names = sorted(path.name for path in (out / "tables").iterdir())
    groups = make_groups(report[1])
    ends = ("-cases.csv", "-runs.csv", "-summary.csv", ".md")
    assert {f"{group.slug}{end}" for group in groups for end in ends} < {*names}
    assert {"claims.csv", "claims.md", "table1.csv", "table1.md", "table1.tex"} < {*names}
    assert [name for name in names if name.endswith("-statistics.csv")] == [
        f"{groups[1].slug}-statistics.csv"
    ]
    assert all(
        len(list((out / "figures").glob(f"*.{kind}"))) == 5 for kind in ("svg", "png", "pdf")
    )


def test_claims_statistics_and_the_papers_tables_have_their_pages(report):
    found = pages(report[0])
    assert {"claim-gain-prostate-diffboost", "claim-row-spleen-randommirror"} <= {
        *found["claims.html"].values("id")
    }
    tally = "As printed: 0 of 19 claims tested. Elsewhere: 19 not run."
    assert tally in found["index.html"].words and tally in found["claims.html"].words
    claim = found["claims/gain-prostate-diffboost.html"].words
    assert "As printed not run" in claim and "Elsewhere not run" in claim
    assert "source is phantom" in claim and "synthetic images answer nothing" in claim
    assert "Holds if the 95 % interval excludes 0 on the printed side" in claim  # the rule
    runs = [
        link
        for link in found["claims/gain-prostate-diffboost.html"].values("href")
        if "/runs/" in link
    ]
    assert len(runs) == 5  # the finished runs of none and emitdiff
    assert (
        "What may be concluded" in words(report[0])
        and "Table I: image fidelity" in found["paper.html"].words
    )
    assert "No setting was swept here yet" in found["settings.html"].words


def test_the_protocol_page_explains_every_switch_quirk_and_number(report):
    page = pages(report[0])["protocol.html"]
    assert {f"Q{number}" for number in range(1, 35)} <= {*page.values("id")}
    for part in (
        "selection",
        "generator_cases",
        "Cases that choose the checkpoint",
        "nsd_tolerance",
        "hd95_max",
    ):
        assert part in page.words
