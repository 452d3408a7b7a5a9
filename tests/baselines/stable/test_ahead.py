"""Slices that are drawn and encoded ahead of the steps that use them are those of their
addresses."""

import threading

import pytest
import torch
from diffusers import AutoencoderKL

from baselines.stable import training
from baselines.stable.ahead import Ahead, encoded_at_once
from baselines.stable.batches import Drawer, FoldSlices
from baselines.stable.settings import StableSettings
from tests.baselines.stable.discs import CPU, disc_slices, fit, mean_difference, trained_weights
from tests.support.tiny_stable import SIZE, save_base

SLICES, STEPS, SIDE = 5, 6, 4


def shares(step):
    """Batches of 3 and 2 slices: two steps an epoch."""
    return list(enumerate(range(SLICES)))[3 * (step % 2) :][:3]


def of_image(images, numbers):
    """Moments that tell the image."""
    values = images.mean((1, 2, 3)) + torch.tensor(numbers)
    return values.reshape(-1, 1, 1, 1, 1).expand(-1, 2, 4, SIDE, SIDE)


@pytest.fixture(scope="module")
def drawer():
    return Drawer(FoldSlices(disc_slices(SLICES)), StableSettings(), (4, SIDE, SIDE), 1000, seed=3)


class Encoder:
    """Notes how many slices are encoded at once; `room`: that fit."""

    def __init__(self, room=99):
        self.room, self.sizes = room, []

    def __call__(self, images, numbers):
        if len(images) > self.room:
            raise MemoryError
        self.sizes.append(len(images))
        return of_image(images, numbers)


def same(found, drawer, step, places):
    """Whether a micro-batch is what its addresses say."""
    wanted = [drawer.one(number, step, place) for place, number in places]
    images = torch.stack([one.planes[:1] for one in wanted])
    values = {
        "edges": torch.stack([one.planes[1:] for one in wanted]),
        "noise": torch.stack([one.noise for one in wanted]),
        "posterior": torch.stack([one.posterior for one in wanted]),
        "timesteps": torch.tensor([one.timestep for one in wanted]),
        "text": torch.tensor([one.text for one in wanted]),
        "moments": of_image(images, [one.number for one in wanted]),
    }
    return all(torch.equal(getattr(found, name), value) for name, value in values.items())


@pytest.mark.parametrize("at_once", [1, 4, 99])
@pytest.mark.parametrize("size", [2, 3])
def test_every_micro_batch_is_what_its_addresses_say(drawer, at_once, size):
    encoder = Encoder()
    with Ahead(drawer, shares, STEPS, encoder, CPU, at_once) as ahead:
        for step in range(STEPS):
            parts = list(ahead.of_step(step, size))
            share = shares(step)
            assert [len(part) for part in parts] == (
                [2, 1] if (size, step % 2) == (2, 0) else [len(share)]
            )
            for number, part in enumerate(parts):
                assert same(part, drawer, step, share[size * number :][:size])
    assert sum(encoder.sizes) == 15
    if at_once > 1:
        assert encoder.sizes == {4: [4, 4, 4, 3], 99: [15]}[at_once]


def test_a_step_may_begin_anew_and_a_training_go_on_from_any_step(drawer):
    with Ahead(drawer, shares, STEPS, Encoder(), CPU, 4) as ahead:
        for step in (3, 4):
            next(ahead.of_step(step, 2))  # broken off, as where memory runs out
            (part, *_) = ahead.of_step(step, 1)
            assert len(part) == 1 and same(part, drawer, step, shares(step)[:1])
        assert [len(one) for one in ahead.of_step(1, 9)] == [2]


def test_where_memory_runs_out_fewer_are_encoded_at_once_from_then_on(drawer):
    encoder = Encoder(room=2)
    with Ahead(drawer, shares, STEPS, encoder, CPU, 5) as ahead:
        for step in range(STEPS):
            (part,) = ahead.of_step(step, 3)
            assert same(part, drawer, step, shares(step))
    assert set(encoder.sizes) == {1, 2} and sum(encoder.sizes) == 15


def test_threads_end_with_the_training(drawer):
    before = threading.active_count()
    with Ahead(drawer, shares, STEPS, Encoder(), CPU, 4) as ahead:
        next(ahead.of_step(0, 2))
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_on_a_gpu_many_are_encoded_at_once():
    gpu = torch.device("cuda")
    assert [encoded_at_once(gpu, size) for size in (128, 384, 4096)] == [256, 28, 1]
    assert encoded_at_once(CPU, 128) == 1


def test_a_training_with_slices_encoded_ahead_ends_with_the_same_weights(tmp_path, monkeypatch):
    base = str(save_base(tmp_path / "base"))
    numbers = {"epochs": 2, "batch": 5, "micro_batch": 2, "learning_rate": 1e-3}
    chosen = StableSettings(base=base, **numbers).pinned(None)
    seen, real = [], AutoencoderKL.encode
    monkeypatch.setattr(
        AutoencoderKL, "encode", lambda self, x: seen.append(len(x)) or real(self, x)
    )
    usual = fit(chosen, tmp_path / "usual")
    assert set(seen) == {1, 2} and SIZE == 32
    seen.clear()
    monkeypatch.setattr(training, "encoded_at_once", lambda device, size: 8)
    ahead = fit(chosen, tmp_path / "ahead")
    assert seen == [8, 8, 8]
    assert trained_weights(usual) and mean_difference(usual, ahead) < 1e-6
