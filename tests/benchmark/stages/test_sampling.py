"""A variant is sampled batch by batch: killed and started again, it goes on, and ends with the same
images."""

import itertools

import numpy as np
import pytest

from baselines.generators.base import Conditions
from baselines.generators.catalogue import GENERATORS
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from benchmark.core.frozen import Frozen
from benchmark.stages import sampling
from benchmark.stages.sampling import Variant
from benchmark.training.checkpoint import Checkpoint
from tests.baselines.generators.test_generators import CPU, conditions_of, disc_slices

SLICES, SIDE = 200, 8


class Killed(Exception):
    pass


class Echo:
    """Images that show which slice they are of; remembers what it was asked for."""

    def __init__(self, room: int = 10**9):
        self.asked, self.room = [], room
        self.batches = []

    def sample(self, conditions, *, variants, key, batch_size, sampling):
        if batch_size > self.room:
            raise MemoryError
        self.asked += list(conditions.ids)
        self.batches.append(variants)
        assert all(
            prompt == f"prompt {slice_id}"
            for prompt, slice_id in zip(conditions.prompts, conditions.ids, strict=True)
        )
        numbers = np.array([int(slice_id) for slice_id in conditions.ids], np.uint8)
        return numbers[:, None, None] * np.ones(
            (1, SIDE, SIDE), np.uint8
        ), conditions.masks + conditions.edges


def conditions() -> Conditions:
    masks = np.zeros((SLICES, SIDE, SIDE), np.uint8)
    return Conditions(
        [str(n) for n in range(SLICES)], masks, masks + 1, [f"prompt {n}" for n in range(SLICES)]
    )


def sample_all(generator, wanted=None, **options):
    return sampling.sample_all(
        generator,
        wanted or Variant("s0", 0, conditions()),
        key="k",
        sampling=Frozen(),
        **options,
    )


def test_all_slices_are_sampled_once_and_in_order():
    generator, told = Echo(), []
    images, masks = sample_all(generator, report=lambda done, total: told.append((done, total)))
    assert generator.asked == conditions().ids
    assert images[:, 0, 0].tolist() == list(range(SLICES)) and (masks == 1).all()
    assert [len(batch) for batch in generator.batches] == [64, 64, 64, 8]
    assert told == [(64, 200), (128, 200), (192, 200), (200, 200)]


def test_a_killed_variant_goes_on_behind_the_slices_that_were_kept(tmp_path):
    def kill(done, total):
        if done == 128:
            raise Killed

    with pytest.raises(Killed):
        sample_all(Echo(), report=kill, checkpoint=Checkpoint(tmp_path, every_seconds=0))
    again = Echo()
    images, masks = sample_all(again, checkpoint=Checkpoint(tmp_path))
    assert again.asked == conditions().ids[128:]
    assert images[:, 0, 0].tolist() == list(range(SLICES)) and (masks == 1).all()


@pytest.mark.parametrize("name", ["emitdiff", "unconditional"])
def test_a_resumed_variant_of_a_real_generator_is_bit_for_bit_the_whole_one(
    name, tmp_path, monkeypatch
):
    monkeypatch.setattr(sampling, "AT_ONCE", 4)
    kind, data = GENERATORS.load(name), disc_slices(10)
    settings = GeneratorSettings(channels=(8, 8), unshuffle=2, text_width=8, steps=2)
    kind.fit(data, settings, seed=0, device=CPU, out=tmp_path / "fit")
    wanted = Variant("s1", 1, conditions_of(data))
    options = {"key": "k", "sampling": SamplingSettings(steps=3)}
    whole = sampling.sample_all(kind.load(tmp_path / "fit", CPU), wanted, **options)
    calls = []

    def kill(done, total):
        calls.append(done)
        if calls == [4]:
            raise Killed

    for attempt in range(2):
        generator, checkpoint = (
            kind.load(tmp_path / "fit", CPU),
            Checkpoint(tmp_path / "partial", every_seconds=0),
        )
        try:
            found = sampling.sample_all(
                generator, wanted, checkpoint=checkpoint, report=kill, **options
            )
        except Killed:
            assert attempt == 0
    assert calls == [4, 8, 10]
    assert all(np.array_equal(one, other) for one, other in zip(whole, found, strict=True))


def test_where_memory_runs_out_the_later_batches_stay_small():
    asked = []
    generator = Echo(room=20)
    real = generator.sample
    generator.sample = lambda part, **options: (
        asked.append(options["batch_size"]),
        real(part, **options),
    )[1]
    images, _ = sample_all(generator)
    assert images[:, 0, 0].tolist() == list(range(SLICES))
    assert asked == [64, 32, 16, 16, 16, 16]


def few(number: int, count: int = 20) -> Variant:
    return Variant(f"s{number}", number, conditions().part(slice(count)))


def test_a_batch_with_room_takes_slices_of_the_variants_to_come():
    generator, early = Echo(), {}
    variants = [few(number) for number in range(5)]
    for number, variant in enumerate(variants):
        images, masks = sample_all(
            generator, variant, following=variants[number + 1 :], early=early
        )
        assert images[:, 0, 0].tolist() == list(range(20)) and (masks == 1).all()
    assert generator.batches == [[0] * 20 + [1] * 20 + [2] * 20 + [3] * 4, [3] * 16 + [4] * 20]
    assert not early


def test_what_follows_is_not_looked_at_before_there_is_room():
    def never():
        raise AssertionError("looked at")
        yield

    assert len(sample_all(Echo(), wanted=few(0, 128), following=never())[0]) == 128


def test_samples_of_an_interrupted_variant_count_more_than_fewer_early_ones(tmp_path):
    variant, early = few(0, 100), {}

    def kill(done, total):
        raise Killed

    with pytest.raises(Killed):
        sample_all(
            Echo(), wanted=variant, report=kill, checkpoint=Checkpoint(tmp_path, every_seconds=0)
        )
    sample_all(Echo(), wanted=few(9, 44), following=[variant], early=early)
    assert len(early["s0"][0]) == 20
    again = Echo()
    images, _ = sample_all(again, wanted=variant, early=early, checkpoint=Checkpoint(tmp_path))
    assert again.asked == conditions().ids[64:100] and images[:, 0, 0].tolist() == list(range(100))


@pytest.mark.parametrize("name", ["emitdiff", "unconditional"])
def test_variants_made_together_are_those_made_alone(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "AT_ONCE", 8)
    kind, data = GENERATORS.load(name), disc_slices(5)
    kind.fit(
        data,
        GeneratorSettings(channels=(8, 8), unshuffle=2, text_width=8, steps=2),
        seed=0,
        device=CPU,
        out=tmp_path,
    )
    generator, early = kind.load(tmp_path, CPU), {}
    variants = [Variant(f"s{number}", number, conditions_of(data)) for number in range(4)]
    options = {"key": "k", "sampling": SamplingSettings(steps=3)}
    made = []
    for place, variant in enumerate(variants):
        together = sampling.sample_all(
            generator, variant, following=variants[place + 1 :], early=early, **options
        )
        alone = sampling.sample_all(generator, variant, **options)
        # to rounding, as with any other batch size
        for one, other in zip(together, alone, strict=True):
            difference = np.abs(one.astype(int) - other.astype(int))
            assert difference.max() <= 1 and (difference > 0).mean() < 0.001
        made.append(together[0])
    assert not any(np.array_equal(one, other) for one, other in itertools.combinations(made, 2))


def test_on_a_cpu_fewer_large_slices_go_through_the_network_at_once():
    sizes = [sampling.batch_size(size, "cpu") for size in (32, 64, 128, 256, 384)]
    assert sizes == [64, 64, 16, 4, 2] and sampling.batch_size(384, "cuda") == 64
    asked, generator = [], Echo()
    real = generator.sample
    generator.sample = lambda part, **options: (
        asked.append(options["batch_size"]),
        real(part, **options),
    )[1]
    sample_all(generator, at_once=16)
    assert asked == [16] * 4
