"""Fine-tuning with a compiled UNet and ControlNet ends with nearly the weights of the plain one,
and says that they were compiled."""

from functools import partial

import pytest
import torch

from baselines.generators.job import TrainingJob
from baselines.stable.generator import StableDiffusion
from benchmark.training.graphs import read_graphs
from tests.baselines.stable.discs import CPU, disc_slices, trained_weights


@pytest.mark.slow  # torch traces for some ten seconds
def test_a_traced_fine_tuning_ends_with_nearly_the_weights_of_the_plain_one(
    settings, weights, tmp_path, monkeypatch
):
    traced = []

    def backend(graph, inputs):
        traced.append(graph)
        return graph.forward

    # what torch traced is computed by its own kernels: no C++ compiler works for minutes
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    pinned, places = settings(controlnet=str(weights / "control"), epochs=2, micro_batch=2)
    found = {}
    for compiles in (False, True):
        out = tmp_path / str(compiles)
        out.mkdir()
        job = TrainingJob(out, CPU, 0, compiles=compiles, places=places)
        StableDiffusion.fit(disc_slices(4), pinned, job)
        found[compiles] = trained_weights(out)
        assert read_graphs(out) == ({"compiled": True} if compiles else {})
        assert bool(traced) == compiles
    assert found[True].keys() == found[False].keys()
    for name, weight in found[False].items():
        assert torch.allclose(weight, found[True][name], atol=1e-5), name
    # a sampler reads the weights of the one as those of the other
    StableDiffusion.load(tmp_path / "True", CPU, places)
