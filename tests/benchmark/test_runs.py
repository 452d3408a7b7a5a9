"""Whole runs of every method through the real stages, store and records."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.engines import attempt
from benchmark.metrics.definitions import METRICS
from benchmark.store.store import Store
from benchmark.training.number_format import native_format
from tests.support.runs import run, scores, tiny

METHODS = ("none", "classic", "unconditional", "emitdiff")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A store with one tiny run of each method."""
    folder = tmp_path_factory.mktemp("store")
    code, records = run(folder, *(tiny(method) for method in METHODS))
    assert code == 0
    return folder, {record.spec.method.name: record for record in records}


def test_every_method_gives_a_complete_record(finished):
    _, records = finished
    assert set(records) == set(METHODS)
    for record in records.values():
        assert record.status == "done" and record.key == record.spec.key
        assert [row.case for row in record.cases] == list(record.split.test)
        assert all(
            np.isfinite([getattr(row, name) for name in METRICS]).all() for row in record.cases
        )
        assert all(
            stage.seconds >= 0 and stage.peak_memory_mb > 0 and stage.machine
            for stage in record.stages
        )
        curves = {stage.stage: set(stage.curve) for stage in record.stages if stage.curve}
        assert curves.pop("fit-segmenter") == {"loss", "dice"} and set(
            map(tuple, curves.values())
        ) <= {("loss",)}
        assert bool(curves) == (record.spec.method.name in ("unconditional", "emitdiff"))
        assert record.provenance["instructions"] == torch.backends.cpu.get_cpu_capability()
        assert record.provenance["packages"]["torch"] and record.provenance["git"].keys() == {
            "commit",
            "dirty",
        }


def test_methods_have_the_same_budget_and_split(finished):
    _, records = finished
    assert len({record.budget.optimiser_steps for record in records.values()}) == 1
    assert len({record.budget.real_presentations for record in records.values()}) == 1
    assert len({record.split.hash for record in records.values()}) == 1
    synthetic = {name: record.budget.synthetic_presentations for name, record in records.items()}
    assert synthetic["none"] == synthetic["classic"] == 0
    assert (
        synthetic["emitdiff"]
        == synthetic["unconditional"]
        == records["none"].budget.real_presentations
    )


def test_no_generator_saw_a_test_or_validation_case(finished):
    _, records = finished
    for name in ("unconditional", "emitdiff"):
        split = records[name].split
        assert set(split.generator) == set(split.train)
        assert not set(split.generator) & {*split.test, *split.validation}


def test_the_same_command_again_only_reads(finished, monkeypatch):
    folder, before = finished
    files = {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*.json")
        if "fingerprints" not in path.name
    }
    monkeypatch.setattr(
        attempt, "execute", lambda *_: pytest.fail("a finished stage was computed again")
    )
    code, records = run(folder, *(tiny(method) for method in METHODS))
    assert code == 0 and {record.spec.method.name: record for record in records} == before
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_runs_share_what_they_have_in_common(finished):
    folder, _ = finished
    stages = [stage for stage, _ in Store(folder).all_stages()]
    assert stages.count("prepare") == 1
    assert stages.count("fit-segmenter") == 4 and stages.count("fit-generator") == 2


def test_a_second_computation_gives_the_same_numbers(finished, tmp_path):
    _, records = finished
    for method in ("none", "emitdiff"):
        _, (again,) = run(tmp_path / method, tiny(method))
        assert scores(again) == scores(records[method])
        assert again.key == records[method].key


def test_a_lost_record_is_rebuilt_from_its_stages(finished):
    folder, records = finished
    key = records["classic"].key
    Store(folder).notes.record_path(key).unlink()
    run(folder, tiny("classic"))
    assert Store(folder).notes.record(key) == records["classic"]


def test_force_computes_a_stage_and_what_follows_again(finished, monkeypatch):
    folder, records = finished
    computed = []
    real = attempt.execute
    monkeypatch.setattr(
        attempt,
        "execute",
        lambda store, key, *rest: (computed.append(key), real(store, key, *rest)),
    )
    code, _ = run(folder, tiny("none"), force=("predict",))
    stages = {stage.key: stage.stage for stage in records["none"].stages}
    assert code == 0 and [stages[key] for key in computed] == ["predict", "score"]
    assert scores(Store(folder).notes.record(records["none"].key)) == scores(records["none"])


def test_brightness_is_cancelled_exactly_under_renormalise(tmp_path):
    """Q3: RandomBrightness before min-max normalisation is no augmentation at all."""
    _, records = run(
        tmp_path,
        tiny("none", "renormalise=true"),
        tiny("classic", "renormalise=true", transform="brightness"),
        tiny("classic", "renormalise=true", transform="gamma"),
    )
    by_label = {record.spec.method.label: scores(record) for record in records}
    assert by_label["classic brightness"] == by_label["none"]
    assert by_label["classic gamma"] != by_label["none"]


def test_released_rules_run_and_differ(tmp_path):
    code, records = run(
        tmp_path,
        tiny("emitdiff", protocol="released"),
        tiny("none", protocol="released"),
        tiny("classic", protocol="released"),
    )
    assert code == 0
    by_name = {record.spec.method.name: record for record in records}
    # The leak: selection on the test cases themselves (Q1); no validation cases are held out.
    store = Store(tmp_path)
    fitted = next(stage for stage in by_name["none"].stages if stage.stage == "fit-segmenter")
    assert store.manifest("fit-segmenter", fitted.key)["spec"]["select_on"] == list(
        by_name["none"].split.test
    )
    # DeepStack ends in no augmentation (Q2): the very same stage as none.
    assert by_name["classic"].stages[-1].key == by_name["none"].stages[-1].key
    assert scores(by_name["classic"]) == scores(by_name["none"])
    # Slices without foreground are gone from training and test (Q9).
    prepared = by_name["none"].stages[0]
    slices = store.manifest("prepare", prepared.key)["results"]["slices"]
    fitted_slices = store.manifest("fit-segmenter", fitted.key)["results"]["slices"]
    assert fitted_slices < slices * len(by_name["none"].split.train) / 4


def test_all_variants_of_a_slice_make_an_epoch_longer(tmp_path):
    _, records = run(tmp_path, tiny("emitdiff", "pairing=all", ratio=2), tiny("emitdiff", ratio=2))
    steps = {record.spec.protocol.pairing: record.budget for record in records}
    assert steps["all"].real_presentations == 2 * steps["one"].real_presentations


def test_a_failing_stage_fails_its_runs_alone(tmp_path, monkeypatch):
    from benchmark.stages.catalogue import STAGES

    def broken(*_):
        raise RuntimeError("out of order")

    monkeypatch.setitem(STAGES, "fit-generator", replace(STAGES["fit-generator"], run=broken))
    code, records = run(tmp_path, tiny("none"), tiny("emitdiff"))
    states = {record.spec.method.name: (record.status, record.error) for record in records}
    assert code == 1
    assert states == {"none": ("done", None), "emitdiff": ("failed", "RuntimeError: out of order")}
    monkeypatch.undo()
    code, records = run(tmp_path, tiny("none"), tiny("emitdiff"))
    assert code == 0 and all(record.status == "done" for record in records)


def test_a_record_file_is_plain_json_with_everything_in_it(finished):
    folder, records = finished
    data = json.loads(Store(folder).notes.record_path(records["emitdiff"].key).read_text())
    assert data["schema_version"] == 2
    assert data["spec"]["method"]["generator"]["steps"] == 4
    assert set(data["seeds"]) == {"split", "generator", "weights", "order", "step"}


def test_the_precision_of_a_training_is_in_the_record(tmp_path, finished):
    def stage_results(record, name):
        return next(stage.results for stage in record.stages if stage.stage == name)

    code, (half,) = run(tmp_path, tiny("none", "precision=bfloat16"))
    found = [
        stage_results(record, "fit-segmenter")["precision"]
        for record in (half, finished[1]["none"])
    ]
    assert code == 0 and found == ["bf16-mixed", "32-true"]
    assert half.spec.preset.precision == "bfloat16"
    native = native_format(torch.device("cpu"))
    assert stage_results(finished[1]["emitdiff"], "fit-generator")["number_format"] == native
