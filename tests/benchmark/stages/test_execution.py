"""How stages are computed: determinism that reaches every process, curves for TensorBoard, repeats
and their spread."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.commands.run_output import print_reused
from benchmark.commands.store import collect_garbage, run_stages
from benchmark.core.errors import InputError
from benchmark.record.record import Repeat
from benchmark.stages.base import Location
from benchmark.stages.catalogue import STAGES
from benchmark.stages.execute import execute
from benchmark.stages.execution import Execution
from benchmark.store.store import Store
from benchmark.training.determinism import deterministic
from tests.benchmark.engines.test_faults import content
from tests.support.nodes import score_node
from tests.support.runs import compute, tiny
from tests.support.study import whole_study


def flags(store) -> set[bool]:
    """What every stage said of the algorithms it was computed with."""
    found = Store(store)
    return {
        found.manifest(stage, key)["provenance"]["deterministic"]
        for stage, key in found.all_stages()
    }


def test_deterministic_runs_twice_give_the_same_record(tmp_path):
    for name in ("one", "two"):
        assert compute(tmp_path / name, tiny("emitdiff"), deterministic=True) == 0
        assert flags(tmp_path / name) == {True}
    assert content(tmp_path / "one") == content(tmp_path / "two")
    (record,) = (
        Store(tmp_path / "one").notes.record(path.stem)
        for path in (tmp_path / "one" / "records").glob("*.json")
    )
    assert record.provenance["deterministic"] and all(
        stage.deterministic for stage in record.stages
    )


def test_deterministic_forbids_what_is_not_and_ends_with_its_block():
    values, places = torch.zeros(4), torch.tensor([0, 0])
    with (
        deterministic(True),
        pytest.raises(RuntimeError, match="does not have a deterministic implementation"),
    ):
        values.put_(places, torch.ones(2))
    values.put_(places, torch.ones(2))
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()


def test_determinism_reaches_worker_processes_and_single_stages(tmp_path):
    assert (
        compute(
            tmp_path, tiny("none"), engine="processes", workers=1, deterministic=True, logger="csv"
        )
        == 0
    )
    assert flags(tmp_path) == {True} and list((tmp_path / "csv").rglob("metrics.csv"))
    store = Store(tmp_path)
    key = next(key for stage, key in store.all_stages() if stage == "score")
    store.remove("score", key)
    assert run_stages([key], tmp_path, Execution("cpu", True, "none")) == 0
    assert store.manifest("score", key)["provenance"]["deterministic"]
    store.remove("score", key)
    assert run_stages([key], tmp_path, Execution("cpu", logger="none")) == 0
    assert not store.manifest("score", key)["provenance"]["deterministic"]


def test_an_execution_crosses_a_command_line():
    assert Execution("cuda", True, "csv").words() == [
        "--device",
        "cuda",
        "--deterministic",
        "--logger",
        "csv",
    ]
    assert Execution("cpu", no_graphs=True).words()[-1] == "--no-graphs"
    assert Execution("cpu", compile=True).words()[-1] == "--compile"
    with pytest.raises(
        InputError, match="unknown logger 'tensorbord' \\(did you mean 'tensorboard'"
    ):
        Execution("cpu", logger="tensorbord")


@pytest.mark.parametrize("no_graphs, compiles", [(False, True), (True, False)])
def test_a_stage_is_told_how_its_steps_are_run(tmp_path, monkeypatch, no_graphs, compiles):
    store, node, told = Store(tmp_path), score_node(), []
    score = STAGES["score"]
    monkeypatch.setitem(
        STAGES, "score", replace(score, run=lambda *given: told.append(given[-1]) or {})
    )
    monkeypatch.setattr("benchmark.stages.execute._input_folders", lambda *given: [])
    store.notes.write_plan(node.key, node.as_json() | {"location": Location().model_dump()})
    how = Execution("cpu", no_graphs=no_graphs, compile=compiles, logger="none")
    assert execute(store, node.key, how)
    (context,) = told
    assert (context.graphs, context.compiles) == (not no_graphs, compiles)


def test_reused_stages_that_were_not_deterministic_are_said(tmp_path, capsys):
    store, node = Store(tmp_path), score_node()
    store.compute(node.stage, node.key, lambda folder: {"provenance": {"deterministic": False}})
    print_reused([node], store, Execution(deterministic=True))
    assert "computed without --deterministic are reused: 1 score" in " ".join(
        capsys.readouterr().out.split()
    )
    print_reused([node], store, Execution())
    assert not capsys.readouterr().out


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """A store whose trainings went to TensorBoard."""
    folder = tmp_path_factory.mktemp("curves")
    assert compute(folder, tiny("emitdiff"), logger="tensorboard") == 0
    return folder


def test_training_curves_go_to_tensorboard(curves):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for stage, names in (("fit-segmenter", {"loss", "dice"}), ("fit-generator", {"loss"})):
        (folder,) = (curves / "tensorboard" / stage).iterdir()
        (key,) = (key for name, key in Store(curves).all_stages() if name == stage)
        assert folder.name.endswith(key[:12])
        events = EventAccumulator(str(folder))
        events.Reload()
        assert set(events.Tags()["scalars"]) == names
        shown = {event.step: event.value for event in events.Scalars("loss")}
        with (Store(curves).folder(stage, key) / "curve.csv").open() as file:
            last = list(csv.DictReader(file))[-1]
        assert shown[int(last["step"])] == pytest.approx(float(last["loss"]), rel=1e-5)


def test_the_logger_is_in_no_key_and_no_record(curves, tmp_path):
    assert compute(tmp_path, tiny("emitdiff")) == 0
    assert content(tmp_path) == content(curves) and not (tmp_path / "tensorboard").exists()


def test_gc_drops_the_curves_of_stages_that_no_run_needs(curves, capsys):
    left = curves / "tensorboard" / "fit-segmenter" / "unet-0123456789ab"
    left.mkdir()
    (left / "events").write_text("x")
    assert collect_garbage(curves, True) == 0
    assert not left.exists() and len(list((curves / "tensorboard").glob("*/*"))) == 2
    assert "curves of a training" in capsys.readouterr().out


def test_random_numbers_of_layers_follow_from_the_stage_alone(tmp_path, monkeypatch):
    """What dropout would draw does not depend on what the process did before."""
    drawn = []

    def draws(spec, inputs, out, context):
        drawn.append((torch.rand(()).item(), np.random.rand()))
        return {}

    monkeypatch.setitem(STAGES, "score", replace(STAGES["score"], run=draws))
    store = Store(tmp_path)
    for number in (1, 2, 1):
        node = score_node(number)
        store.notes.write_plan(node.key, node.as_json() | {"location": {}})
        torch.rand(number)
        store.remove("score", node.key)
        execute(store, node.key, Execution("cpu", logger="none"))
    assert drawn[0] == drawn[2] != drawn[1]


def test_repeats_are_stores_of_their_own_and_their_spread_is_shown(tmp_path, capsys, monkeypatch):
    real, calls = STAGES["score"].run, []

    def noisy(spec, inputs, out, context):
        """The second computation finds another Dice in its first case."""
        results = real(spec, inputs, out, context)
        rows = json.loads((out / "cases.json").read_text())
        calls.append(rows[0]["dice"])
        rows[0]["dice"] = 0.5 + 0.1 * len(calls)
        (out / "cases.json").write_text(json.dumps(rows))
        return results

    monkeypatch.setitem(STAGES, "score", replace(STAGES["score"], run=noisy))
    assert compute(tmp_path, tiny("none"), actions={"repeat": 2}) == 0
    assert len(calls) == 2 and Store(tmp_path / "repeats" / "2").notes.runs()
    (record,) = (
        Store(tmp_path).notes.record(path.stem) for path in (tmp_path / "records").glob("*.json")
    )
    (again,) = record.repeats
    assert again.dice[0] - record.cases[0].dice == pytest.approx(0.1)
    assert again.dice[1:] == tuple(row.dice for row in record.cases[1:]) and not again.deterministic
    shown = " ".join(capsys.readouterr().out.split())
    assert f"differs by {10 / len(record.cases):.3f} points" in shown and "1 runs, 1 pairs" in shown


def test_equal_repeats_are_said_to_be_equal(tmp_path, capsys):
    assert compute(tmp_path, tiny("none"), actions={"repeat": 2}) == 0
    assert "the repeats are equal in every case" in " ".join(capsys.readouterr().out.split())


def test_the_report_shows_the_spread_of_repeats():
    from reports.comparison.groups import make_groups
    from reports.comparison.inference import noise_floor
    from reports.comparison.summaries import summarise

    record = next(one for one in whole_study() if one.status == "done")
    dice = tuple(max(0.0, row.dice - 0.01) for row in record.cases)
    record = record.model_copy(
        update={"repeats": (Repeat(machine="a", deterministic=False, dice=dice),)}
    )
    (noise,) = noise_floor(summarise(make_groups([record])[0]))
    assert noise.what.startswith("the same run computed again") and noise.comparisons == 1
    assert noise.typical == pytest.approx(0.01, abs=1e-3)
