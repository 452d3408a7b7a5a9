"""A fine-tuning whose micro-batches are recorded and replayed ends with the weights of the plain
one."""

import pytest
import torch

from baselines.generators.job import TrainingJob
from baselines.stable import training
from baselines.stable.generator import StableDiffusion
from baselines.stable.settings import StableSettings
from benchmark.training.graphs import WARM_UP_STEPS, Graphs, read_graphs
from tests.baselines.stable.discs import CPU, disc_slices, trained_weights
from tests.support import tiny_stable
from tests.support.taped import Tapes


@pytest.mark.parametrize("moving", [False, True])
def test_a_recorded_fine_tuning_ends_with_the_weights_of_the_plain_one(
    moving, tmp_path, monkeypatch
):
    tiny_stable.save_base(tmp_path / "base")
    still = {} if moving else {"rotation_degrees": 0, "scale_range": (1, 1)}
    # 5 steps of 4 slices, in micro-batches of 2
    numbers = {"epochs": 5, "batch": 4, "micro_batch": 2, "learning_rate": 1e-3, **still}
    settings, places = StableSettings(base=str(tmp_path / "base"), **numbers).pinned(None)

    def fitted(name):
        job = TrainingJob(seed=0, device=CPU, out=tmp_path / name, places=places)
        job.out.mkdir()
        StableDiffusion.fit(disc_slices(4), settings, job)
        return trained_weights(job.out)

    plain, tapes = fitted("plain"), Tapes()
    assert read_graphs(tmp_path / "plain") == {}
    monkeypatch.setattr(training, "make_graphs", lambda *_, **__: Graphs(tapes))
    recorded = fitted("recorded")
    assert (tapes.plain, tapes.recordings) == (WARM_UP_STEPS, 1)
    assert tapes.replays == 10 - WARM_UP_STEPS
    assert read_graphs(tmp_path / "recorded") == {"graphs": {"how": "graph"}}
    for name, weight in plain.items():
        # the last digits of a sum follow the place of its terms in memory
        assert torch.allclose(weight, recorded[name], atol=1e-5), name
