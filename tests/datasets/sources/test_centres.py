"""Centres of cases, and several sources as one: leave-one-centre-out, and external test sets."""

import numpy as np
import pytest
import yaml
from PIL import Image

from benchmark.core.errors import InputError
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from benchmark.record.splits import split_of
from datasets.sources.id_expression import part_of_id
from datasets.sources.open import open_source
from tests.support.made_images import msd_folder
from tests.support.runs import tiny
from tests.test_layers import ROOT

BASIC = "dataset: breast\nimages: images\nmasks: masks\n"
BOTH = "dataset: breast\ntitle: both\nparts: [ours/ours.yaml, theirs/theirs.yaml]\n"


def clinic(folder, count, extra=""):
    """Made images a0, a1, ... with masks of an own size each, described by NAME.yaml."""
    rng = np.random.default_rng(count)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        mask = np.zeros((64, 64), np.uint8)
        mask[20 : 30 + number, 20:40] = 255
        Image.fromarray(mask).save(folder / "masks" / f"a{number}.png")
        image = rng.integers(0, 90, mask.shape, dtype=np.uint8) + mask // 4
        Image.fromarray(image).save(folder / "images" / f"a{number}.png")
    path = folder / f"{folder.name}.yaml"
    path.write_text(f"title: {folder.name}\n{BASIC}{extra}")
    return path


def opened(path):
    return open_source("breast", str(path), None, phantom_cases=1, phantom_size=64)


@pytest.fixture
def joined(tmp_path):
    clinic(tmp_path / "ours", 5)
    clinic(tmp_path / "theirs", 3)
    (tmp_path / "both.yaml").write_text(BOTH)
    return tmp_path


def test_a_centre_is_what_the_expression_finds_or_the_name_of_its_bracket(tmp_path):
    named = opened(clinic(tmp_path / "b", 4, "centre: ^a(?:(?P<north>[01])|(?P<south>[23]))$\n"))
    assert [case.centre for case in named.cases()] == ["north", "north", "south", "south"]
    with pytest.raises(InputError, match="finds nothing in case 'a2'"):
        opened(clinic(tmp_path / "a", 4, "centre: ^(a[01])\n"))
    plain = opened(clinic(tmp_path / "c", 2, "centre: ^(a.)\n"))
    assert [case.centre for case in plain.cases()] == ["a0", "a1"]
    double = clinic(tmp_path / "d", 2, "centre: (?P<one>a)(?P<two>.)\n")
    with pytest.raises(InputError, match="finds several of its names in case 'a0'"):
        opened(double)


def test_centres_are_part_of_the_fingerprint_and_their_absence_is_not(tmp_path):
    path = clinic(tmp_path / "a", 4)
    without = opened(path).fingerprint()
    path.write_text(path.read_text() + "centre: ^(a.)\n")
    assert opened(path).fingerprint() != without


def test_volumes_have_centres_too(tmp_path):
    ids = [f"prostate_{number:02d}" for number in range(4)]
    msd_folder(tmp_path / "volumes", ids)
    (tmp_path / "v.yaml").write_text(
        "dataset: prostate\ntitle: ours\nmsd: volumes\ncentre: _(?:(?P<A>0[01])|(?P<B>0[23]))$\n"
    )
    source = open_source("prostate", str(tmp_path / "v.yaml"), phantom_cases=1, phantom_size=64)
    assert [case.centre for case in source.cases()] == ["A", "A", "B", "B"]


def test_joined_cases_are_those_of_the_parts(joined):
    source = opened(joined / "both.yaml")
    ids = [case.id for case in source.cases()]
    assert ids == [*(f"ours: a{n}" for n in range(5)), *(f"theirs: a{n}" for n in range(3))]
    assert {case.centre for case in source.cases()} == {"ours", "theirs"}
    case = source.load("theirs: a1")
    assert case.info.id == "theirs: a1" and case.mask.sum() == 11 * 20
    np.testing.assert_array_equal(
        case.image, opened(joined / "theirs" / "theirs.yaml").load("a1").image
    )
    whole = source.fingerprint()
    Image.new("L", (64, 64), 7).save(joined / "theirs" / "images" / "a0.png")
    assert opened(joined / "both.yaml").fingerprint() != whole


def test_each_source_is_tested_by_what_was_trained_on_the_other(joined):
    sets = ("folds=centre", "n_folds=2", "validation_share=0.4")
    source = str(joined / "both.yaml")
    request = tiny("none", *sets, dataset="breast", source=source, folds=None)
    settled = settle(request)
    found = open_request(settled)
    first, second = (split_of(run, found.cases, found.copies) for run in resolve(settled, found))
    assert first.test == tuple(f"ours: a{n}" for n in range(5))
    assert {case[:6] for case in first.train + first.validation} == {"theirs"}
    assert second.test == tuple(f"theirs: a{n}" for n in range(3))
    assert {case[:4] for case in second.train + second.validation} == {"ours"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parts: [ours/ours.yaml]\n", "must be two files or more"),
        ("parts: [ours/ours.yaml, ours/ours.yaml]\n", "of different names"),
        ("parts: ours/ours.yaml\n", "must be a list of files"),
        ("parts: [ours/ours.yaml, none.yaml]\n", "none.yaml does not exist"),
        ("parts: [ours/ours.yaml, both.yaml]\n", "is of parts itself"),
        ("parts: [ours/ours.yaml, theirs/theirs.yaml]\nimages: images\n", "images does not go"),
    ],
)
def test_wrong_parts_are_refused(joined, text, told):
    (joined / "both.yaml").write_text("dataset: breast\ntitle: both\n" + text)
    with pytest.raises(InputError, match=told):
        opened(joined / "both.yaml")


def test_a_part_of_another_dataset_is_refused(joined):
    path = joined / "theirs" / "theirs.yaml"
    path.write_text(path.read_text().replace("breast", "thyroid"))
    with pytest.raises(InputError, match="is of the dataset thyroid, not breast"):
        opened(joined / "both.yaml")


def test_the_example_knows_every_case_of_promise12():
    text = (ROOT / "examples" / "promise12-centres.yaml").read_text("utf-8")
    find = part_of_id(yaml.safe_load(text)["centre"], "centre", "example")
    for name in ("promise12_{:02d}", "Case{:02d}"):
        found = [find(name.format(number)) for number in range(50)]
        assert "".join(found) == "A" * 13 + "B" * 12 + "C" * 12 + "D" * 13
