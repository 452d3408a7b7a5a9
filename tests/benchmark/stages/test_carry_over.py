"""Variants that one process computes in a row share their generator, by every engine; samples stay
what they are alone."""

import itertools
import json

import numpy as np
import pytest

from baselines.scratch import emitdiff
from benchmark.commands.store import run_stages
from benchmark.stages.carry_over import Kept
from benchmark.stages.execution import Execution
from benchmark.store.store import Store
from tests.support.runs import compute, tiny

REQUEST = tiny("emitdiff", ratio=4)


def run(store, engine: str = "inline", **options) -> int:
    return compute(store, REQUEST, engine=engine, **options)


def variants(store) -> dict[int, str]:
    """Variant number -> key of its stage."""
    found = Store(store)
    return {
        found.manifest(stage, key)["spec"]["variant"]: key
        for stage, key in found.all_stages()
        if stage == "synthesize"
    }


def processes(store) -> list[str]:
    """The process that computed each variant, in their order."""
    logs = [
        Store(store).notes.log_path("synthesize", key).read_text()
        for _, key in sorted(variants(store).items())
    ]
    return [log.partition(", process ")[2].split()[0] for log in logs]


def images(store) -> np.ndarray:
    """uint8 (variants, N, S, S)."""
    folders = [Store(store).folder("synthesize", key) for _, key in sorted(variants(store).items())]
    return np.stack([np.load(folder / "images.npy") for folder in folders])


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """To rounding, as with another batch size."""
    difference = np.abs(one.astype(int) - other.astype(int))
    return one.shape == other.shape and difference.max() <= 1 and (difference > 0).mean() < 0.001


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A store whose variants were computed one by one, each by itself."""
    store = tmp_path_factory.mktemp("alone")
    assert run(store) == 0
    for key in variants(store).values():
        Store(store).remove("synthesize", key)
        assert run_stages([key], store, Execution("cpu", logger="none")) == 0
    return store


@pytest.fixture
def counted(monkeypatch):
    """(loads, the variant numbers of each call) of the generator, as they happen."""
    loads, calls = [], []
    load, sample = emitdiff.EmitDiff.load.__func__, emitdiff.EmitDiff.sample
    monkeypatch.setattr(
        emitdiff.EmitDiff, "load", classmethod(lambda cls, *a: loads.append(1) or load(cls, *a))
    )
    monkeypatch.setattr(
        emitdiff.EmitDiff,
        "sample",
        lambda self, given, *, variants, **names: (
            calls.append(variants) or sample(self, given, variants=variants, **names)
        ),
    )
    return loads, calls


def test_the_inline_engine_loads_once_and_fills_its_batches(alone, counted, tmp_path):
    assert run(tmp_path) == 0
    loads, calls = counted
    slices = images(alone).shape[1]
    assert slices < 32, "else no batch holds two variants"
    assert len(loads) == 1 and max(len(set(numbers)) for numbers in calls) > 1
    assert sum(len(numbers) for numbers in calls) == 4 * slices, "every sample is made once"
    assert alike(images(tmp_path), images(alone))


def test_deterministic_samples_are_bit_for_bit_those_made_alone(alone, counted, tmp_path):
    assert run(tmp_path, deterministic=True) == 0
    loads, calls = counted
    assert len(loads) == 1 and all(len(set(numbers)) == 1 for numbers in calls)
    assert np.array_equal(images(tmp_path), images(alone))


def test_a_row_of_stages_by_hand_shares_too(alone, counted, tmp_path, capsys):
    assert run(tmp_path) == 0
    keys = [key for _, key in sorted(variants(tmp_path).items())]
    for key in keys:
        Store(tmp_path).remove("synthesize", key)
    counted[0].clear(), capsys.readouterr()
    assert run_stages(keys, tmp_path, Execution("cpu", logger="none"), as_json=True) == 0
    said = [json.loads(line)["outcome"]["kind"] for line in capsys.readouterr().out.splitlines()]
    assert (
        said == ["computed"] * 4 and len(counted[0]) == 1 and alike(images(tmp_path), images(alone))
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_compute_rows(alone, tmp_path, workers):
    assert run(tmp_path, "processes", workers=workers) == 0
    found = processes(tmp_path)
    rows = 1 + sum(one != other for one, other in itertools.pairwise(found))
    # two workers: 2 variants to the first, 1 of the others to the second
    assert rows <= 3 if workers == 2 else rows == 1
    assert alike(images(tmp_path), images(alone))


@pytest.mark.slow
def test_a_row_is_one_task_of_ray(alone, tmp_path):
    assert run(tmp_path, "ray", workers=1) == 0
    assert len(set(processes(tmp_path))) == 1 and alike(images(tmp_path), images(alone))


def test_what_is_kept_goes_when_another_stage_comes():
    kept = Kept()
    kept.begin("a", ["b"])
    assert kept.generator("here", lambda: "loaded") == "loaded"
    kept.early["b"] = (np.zeros(1), np.zeros(1))
    kept.end()
    kept.begin("b", [])
    assert kept.generator("here", lambda: "loaded again") == "loaded" and "b" in kept.early
    assert kept.generator("there", lambda: "another") == "another"
    kept.end()
    kept.begin("c", [])
    assert not kept.early and kept.generator("there", lambda: "anew") == "anew"


def test_nothing_is_kept_for_a_stage_that_did_not_come():
    kept = Kept()
    kept.begin("a", ["b"])
    kept.early["b"] = (np.zeros(1), np.zeros(1))
    kept.end()
    kept.begin("x", [])
    assert not kept.early
