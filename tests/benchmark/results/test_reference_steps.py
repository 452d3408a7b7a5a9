"""The reference of a machine: measured, noted in the store, and told by records made afterwards."""

import json

import pytest

from benchmark.commands.compare import _cost_lines
from benchmark.core.provenance import machine_name
from benchmark.record.record import Record
from benchmark.results import reference_steps
from benchmark.results.reference_steps import known, measure, note, told_in_record
from tests.support.made_records import make_record


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(reference_steps, "STEPS", 2)
    monkeypatch.setattr(reference_steps, "WARM_UP", 1)


def test_more_steps_take_longer(quick, monkeypatch):
    short = measure("cpu")
    monkeypatch.setattr(reference_steps, "STEPS", 12)
    assert 0 < short < measure("cpu")


def test_a_store_notes_each_machine_and_keeps_the_others(quick, tmp_path):
    assert known(tmp_path) == {} and told_in_record(tmp_path, [machine_name("cpu")]) == {}
    seconds = note(tmp_path, "cpu")
    path = tmp_path / "reference.json"
    noted = json.loads(path.read_text())
    noted["machines"]["another"] = {"seconds": 1.0}
    path.write_text(json.dumps(noted))
    note(tmp_path, "cpu")
    assert set(known(tmp_path)) == {machine_name("cpu"), "another"} and seconds > 0
    assert set(told_in_record(tmp_path, ["another"])["reference"]["machines"]) == {"another"}


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 0, "machines": {"a": {}}}'])
def test_a_note_of_other_steps_or_none_counts_for_nothing(text, tmp_path):
    (tmp_path / "reference.json").write_text(text)
    assert known(tmp_path) == {}


def test_a_run_tells_hours_energy_and_units_of_each_machine_apart():
    record = make_record("none")
    slow = record.stages[0].model_copy(update={"machine": "a CPU", "seconds": 20.0})
    gpu = {"machine": "a GPU", "seconds": 36.0, "gpu_memory_mb": 9.0, "energy_joules": 3000.0}
    stages = (slow, slow.model_copy(update=gpu))
    provenance = {"reference": {"version": 1, "machines": {"a CPU": {"seconds": 4.0}}}}
    told = record.model_copy(update={"stages": stages, "provenance": provenance})
    assert list(_cost_lines(told)) == [
        "a CPU: 0.00556 hours, 5 reference units",
        "a GPU: 0.01 GPU hours, 3 kJ in 1 of 1 stages",
    ]
    assert told.key == record.key == told.spec.key  # costs and provenance are in no key


def test_a_record_with_an_impossible_reference_is_none():
    wrong = {"reference": {"version": 1, "machines": {"a": {"seconds": 0.0}}}}
    values = make_record("none").model_dump(mode="json") | {"provenance": wrong}
    with pytest.raises(ValueError, match="greater than 0"):
        Record.model_validate(values)
