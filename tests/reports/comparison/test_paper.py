"""The quirk list names every quirk once, and only switches and values that exist."""

import re
from pathlib import Path

import pytest
import yaml

from benchmark.spec.protocol import Protocol, named_protocol
from reports.comparison import paper_numbers

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (paper_numbers.FOLDER / "QUIRKS.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| Q")
]
SWITCHES = [(row[0], *found) for row in ROWS for found in re.findall(r"`(\w+)=([\w-]+)`", row[3])]


def test_quirks_are_numbered_from_1_to_34_and_each_has_an_answer():
    assert [row[0] for row in ROWS] == [f"Q{number}" for number in range(1, 35)]
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
    text = (Path(paper_numbers.FOLDER) / "README.md").read_text(encoding="utf-8")
    assert "2310.12868" in text and "10.1109/TMI.2024.3519307" in text
