"""A training whose network is compiled ends with nearly the weights of the plain one, and says that
it was compiled."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from baselines.generators.base import TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.generators.job import TrainingJob
from baselines.objectives.objectives import RealObjective
from benchmark.results.assembly import _compile_notes
from benchmark.training import number_format, segmenter
from benchmark.training.graphs import Graphs, read_graphs
from benchmark.training.segmenter import fit, make_fabric
from tests.benchmark.training.test_static_step import SEED, TRAINING, network, shown

CPU = torch.device("cpu")


def without_inductor(monkeypatch):
    """torch traces and differentiates the network, and calls its kernels as they are."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))


def fitted(compiles: bool) -> segmenter.Fit:
    objective, model = RealObjective(**shown()), network()
    modes: list[bool] = []

    def select(chosen: nn.Module) -> float:
        modes.append(torch.compiler.is_compiling())
        return float(len(modes))

    found = fit(
        model,
        objective,
        objective.items,
        TRAINING.model_copy(update={"batch_size": objective.items, "epochs": 3}),
        select=select,
        fabric=make_fabric("cpu"),
        seed=SEED,
        compiles=compiles,
    )
    assert modes and not any(modes)
    return found


def test_what_was_compiled_is_told(tmp_path):
    graphs, layer = Graphs(), nn.Linear(2, 1)
    assert graphs.told == {}
    graphs.compile(layer)  # nothing is compiled before the first pass
    graphs.write(tmp_path)
    assert graphs.told == read_graphs(tmp_path) == {"compiled": True}
    with graphs.uncompiled():
        assert layer(torch.ones(3, 2)).shape == (3, 1)
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_the_notes_of_a_record_name_what_was_compiled():
    made = [
        {"stage": stage, "results": results}
        for stage, results in (
            ("prepare", {}),
            ("fit-generator", {"compiled": True}),
            ("fit-segmenter", {"compiled": True}),
        )
    ]
    (note,) = _compile_notes(made)
    assert note.startswith("The networks of fit-generator and fit-segmenter were compiled")
    assert _compile_notes(made[:1]) == ()


def check_segmenter(atol: float) -> None:
    plain, compiled = fitted(False), fitted(True)
    assert compiled.graphs == {"compiled": True} and plain.graphs == {}
    losses = [[row["loss"] for row in one.curve] for one in (plain, compiled)]
    assert len(losses[0]) == 3 and losses[1] == pytest.approx(losses[0], rel=1e-4)
    # not the bias below the batch normalisation, whose gradient is but rounding error
    for name in ("0.weight", "1.weight", "1.bias", "3.weight", "3.bias"):
        assert torch.allclose(plain.state[name], compiled.state[name], atol=atol), name


def test_a_traced_segmenter_ends_with_the_weights_of_the_plain_one(monkeypatch):
    without_inductor(monkeypatch)
    check_segmenter(atol=1e-6)


@pytest.mark.slow  # a C++ compiler works for half a minute
@pytest.mark.timeout(1200)
def test_a_compiled_segmenter_ends_with_nearly_the_weights_of_the_plain_one():
    check_segmenter(atol=1e-3)


@pytest.mark.slow
def test_a_traced_generator_ends_with_nearly_the_weights_of_the_plain_one(tmp_path, monkeypatch):
    without_inductor(monkeypatch)
    monkeypatch.setattr(number_format, "native_dtype", lambda device: torch.float32)
    stack = np.random.default_rng(0).integers(0, 256, (4, 16, 16), dtype=np.uint8)
    ids = [f"case{row}/z0" for row in range(4)]
    data = TrainingSlices(stack, stack // 128, stack, [""] * 4, ids)
    kind = generator_class("unconditional")
    settings = kind.settings(channels=(8,), unshuffle=2, steps=3, batch=2, norm_groups=4)
    found = []
    for compiles in (False, True):
        job = TrainingJob(tmp_path / str(compiles), CPU, 0, compiles=compiles)
        job.out.mkdir()
        kind.fit(data, settings, job)
        sampler = kind.load(job.out, CPU).sampler
        found.append(sampler.network.state_dict())
        assert read_graphs(job.out) == ({"compiled": True} if compiles else {})
    for name, value in found[0].items():
        assert torch.allclose(value, found[1][name], atol=1e-3), name
