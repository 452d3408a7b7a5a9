"""The gate on speed ratios: a clear fall in every round fails, one unlucky round does not."""

import argparse
import json

import pytest

from tests.bench import ratios


def finished(tmp_path, last, *rounds, **more):
    """(exit code, number of measurements) of a program whose rounds find these ratios."""
    file = tmp_path / "last.json"
    file.write_text(json.dumps(last))
    parser = argparse.ArgumentParser()
    ratios.add_options(parser)
    options = parser.parse_args(
        ["--compare", str(file), *(f"--{name}={value}" for name, value in more.items())]
    )
    asked = []

    def measure():
        asked.append(0)
        return rounds[len(asked) - 1]

    with pytest.raises(SystemExit) as stopped:
        ratios.finish(measure, options)
    return stopped.value.code, len(asked)


def test_a_fall_in_every_round_fails(tmp_path, capsys):
    slow = {"a": 1.0, "b": 3.0}
    assert finished(tmp_path, {"a": 2.0, "b": 3.0}, slow, slow, slow) == (1, ratios.ROUNDS)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if "FELL" in line] == [
        "a"
    ]


def test_one_unlucky_round_is_measured_again(tmp_path):
    assert finished(tmp_path, {"a": 2.0}, {"a": 0.5}, {"a": 1.9}) == (0, 2)


def test_what_is_not_clearly_slower_passes_at_once(tmp_path):
    assert finished(
        tmp_path, {"a": 2.0, "other program": 9.0}, {"a": 2.0 * ratios.FLOOR + 0.01, "new": 0.1}
    ) == (0, 1)


def test_nothing_to_compare_with_is_no_pass(tmp_path):
    assert finished(tmp_path, {"a": 2.0}, {"renamed": 5.0}) == (1, 1)


def test_ratios_stand_beside_those_of_other_programs(tmp_path):
    file = tmp_path / "kept.json"
    file.write_text('{"other": 1.5, "a": 9}')
    finished(tmp_path, {"a": 2.0}, {"a": 1.23456}, json=file)
    assert json.loads(file.read_text()) == {"a": 1.23, "other": 1.5}


def test_the_committed_ratios_are_those_of_all_four_programs():
    last = json.loads(ratios.BASELINE.read_text())
    assert {name.split()[0] for name in last} == {"metrics", "augment", "training", "sampling"}
    assert all(ratio > 0.5 for ratio in last.values())
