"""Samples whose generator saw a test case, or that show a test case's mask, never train."""

import json

import pytest

from baselines.generators.fit_folder import IDS_FILE
from benchmark.core.errors import InputError
from benchmark.stages.leaks import SOURCES_FILE, mask_cases, refuse_leaks, seen_cases


@pytest.fixture
def made(tmp_path):
    """made(name, ids, sources) -> a folder of samples as synthesize leaves it."""

    def make(name, ids, sources=None):
        folder = tmp_path / name
        folder.mkdir()
        (folder / IDS_FILE).write_text(json.dumps(ids))
        if sources is not None:
            (folder / SOURCES_FILE).write_text(json.dumps(sources))
        return folder

    return make


def test_cases_are_named_once_in_their_order(made):
    folder = made("a", ["p2/z001", "p2/z002", "p1/z000", "breast image"])
    assert seen_cases(folder) == ["p2", "p1", "breast image"]
    assert mask_cases(folder) == set()
    assert mask_cases(made("b", [], [["p3/z1", "p4/z2"], ["p3/z9"]])) == {"p3", "p4"}


def test_samples_of_training_cases_pass(made):
    folders = [made("a", ["p1/z1", "p2/z1"], [["p1/z1"]]), made("b", ["p2/z3"])]
    refuse_leaks(folders, ["p3", "p4"])
    refuse_leaks(folders, [])
    refuse_leaks([], ["p1"])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_folder_of_samples_is_checked(made, place):
    ids = [["p1/z1"], ["p2/z1"], ["p5/z1"]]
    ids[place] = ["p1/z1", "p3/z1", "p4/z7", "p4/z8"]
    folders = [made(str(number), found) for number, found in enumerate(ids)]
    with pytest.raises(InputError, match=r"trained on 2 of the test cases \(p3, p4\)"):
        refuse_leaks(iter(folders), ("p3", "p4", "p9"))


@pytest.mark.parametrize("place", [0, 1])
def test_masks_of_test_cases_are_refused_in_every_folder(made, place):
    sources = [[["p1/z1"]], [["p2/z1"]]]
    sources[place] = [["p1/z1"], ["p1/z1", "p3/z2"]]
    folders = [made(str(number), ["p1/z1"], found) for number, found in enumerate(sources)]
    with pytest.raises(InputError, match=r"masks of 1 of the test cases \(p3\) .* --force synth"):
        refuse_leaks(folders, ["p3"])


def test_samples_that_say_nothing_of_their_generator_are_refused(made, tmp_path):
    folder = made("a", ["p1/z1"])
    (folder / IDS_FILE).unlink()
    with pytest.raises(InputError, match="nothing says which cases the samples in .*/a come from"):
        refuse_leaks([folder], ["p9"])
