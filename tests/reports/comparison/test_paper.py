"""The quirk list names every quirk once, and only switches and values that exist."""

import re

import pytest
import yaml

from baselines.transforms.catalogue import transforms
from benchmark.spec.protocol import Protocol, named_protocol
from reports.comparison.paper_files import FOLDER, transform_rows

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (FOLDER / "QUIRKS.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| Q")
]
SWITCHES = [(row[0], *found) for row in ROWS for found in re.findall(r"`(\w+)=([\w-]+)`", row[3])]


def test_quirks_are_numbered_from_1_to_40_and_each_has_an_answer():
    assert [row[0] for row in ROWS] == [f"Q{number}" for number in range(1, 41)]
    assert all(len(row) == 4 and row[1] and row[3] for row in ROWS)


@pytest.mark.parametrize(("quirk", "name", "value"), SWITCHES)
def test_a_named_switch_takes_the_named_value(quirk, name, value):
    assert name in Protocol.model_fields
    Protocol(**{name: yaml.safe_load(value)})


def test_every_switch_of_the_release_is_explained_by_its_quirk():
    explained = {name for _, name, _ in SWITCHES}
    # that one is printed in the paper
    apart = set(named_protocol("released").model_fields_set) - {"generator_cases"}
    assert apart <= explained


def test_the_source_of_the_numbers_stands_beside_them():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "2310.12868" in text and "10.1109/TMI.2024.3519307" in text


def test_every_transform_of_table_2_is_built_in():
    assert transform_rows().keys() < transforms().keys()
    assert transform_rows()["resolution"] == "RandomResolution"
    assert list(transform_rows())[-1] == "deepstack"
