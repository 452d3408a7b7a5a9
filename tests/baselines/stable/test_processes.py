"""Training by several processes, as on several GPUs: the same weights, no thread left behind, an
error's own sentence."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.stable import training
from baselines.stable.batches import FoldSlices
from baselines.stable.settings import StableSettings
from benchmark.core.errors import InputError
from benchmark.training import number_format
from tests.baselines.stable.test_stable import CPU, disc_slices, mean_difference
from tests.support.tiny_stable import SIZE, save_base


@pytest.fixture
def job(tmp_path, monkeypatch):
    # in bfloat16, but for rounding
    monkeypatch.setattr(number_format, "native_dtype", lambda device: torch.float32)
    given = {
        "base": str(save_base(tmp_path / "base")),
        "epochs": 3,
        "batch": 5,
        "micro_batch": 4,
        "learning_rate": 1e-3,
    }
    settings, places = StableSettings(**given).pinned(None)
    slices = FoldSlices(disc_slices())  # 12 of them: batches of 5, 5 and 2
    return training.FineTuning(slices, SIZE, settings, places, 0, tmp_path / "one", None)


def train_and_note_threads(fabric, training, said, train=training._train_one_of_several):
    curve = train(fabric, training, said)
    # none where this is not Linux
    names = [name.read_text() for name in Path("/proc/self/task").glob("*/comm")]
    (training.out / f"threads-{fabric.global_rank}").write_text("".join(names))
    return curve


def test_two_processes_train_the_same_weights_as_one(job, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_train_one_of_several", train_and_note_threads)
    told = []
    one = training.run(job, CPU)
    two = training.run(
        replace(job, out=tmp_path / "two"), CPU, report=lambda *a, **k: told.append(a), processes=2
    )
    assert told == [(0, 9), (9, 9)]
    assert np.allclose(one, two, rtol=1e-4)
    assert mean_difference(tmp_path / "one", tmp_path / "two") < 1e-6
    threads = [(tmp_path / f"two/threads-{rank}").read_text() for rank in (0, 1)]
    # such a thread may abort its process at the end
    assert not any("gloo" in names for names in threads), threads


@pytest.mark.slow
def test_an_error_in_one_of_several_processes_is_told_in_its_own_sentence(job, tmp_path):
    shutil.rmtree(tmp_path / "base" / "vae")
    with pytest.raises(
        InputError,
        match=r"^generator.base: .*vae has no config.json; the folder is incomplete, copy it again",
    ):
        training.run(job, CPU, processes=2)
