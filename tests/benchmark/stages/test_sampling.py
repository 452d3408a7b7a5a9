"""A block of variants is sampled batch by batch: killed and started again, it goes on, and ends
with the same images."""

import itertools

import numpy as np
import pytest

from baselines.generators.base import Conditions
from baselines.generators.catalogue import generator_class
from baselines.generators.job import TrainingJob
from baselines.scratch.emitdiff import EmitDiff
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from benchmark.core.frozen import Frozen
from benchmark.stages import sampling
from benchmark.stages.sampling import Block
from benchmark.stages.synthesize import BLOCK, SynthesizeSpec, blocks
from benchmark.store.store import Store
from benchmark.training.checkpoint import Checkpoint
from tests.baselines.generators.test_generators import CPU, conditions_of, disc_slices
from tests.support.runs import run, tiny

SLICES, SIDE = 100, 8


class Killed(Exception):
    pass


class Echo:
    """Images that show which slice they are of; remembers what it was asked for."""

    def __init__(self, room: int = 10**9):
        self.asked, self.sizes, self.room = [], [], room

    def sample(self, conditions, *, variants, key, batch_size, sampling):
        self.sizes.append(batch_size)
        if batch_size > self.room:
            raise MemoryError
        self.asked += list(zip(variants, map(int, conditions.ids), conditions.prompts, strict=True))
        numbers = np.array([int(slice_id) for slice_id in conditions.ids], np.uint8)
        images = numbers[:, None, None] * np.ones((1, SIDE, SIDE), np.uint8)
        return images, conditions.masks + conditions.edges


def block(first: int = 0, phrases=("", "darker"), count: int = SLICES) -> Block:
    masks = np.zeros((count, SIDE, SIDE), np.uint8)
    ids, prompts = [str(n) for n in range(count)], [f"prompt {n}" for n in range(count)]
    return Block(Conditions(ids, masks, masks + 1, prompts), first, phrases)


def samples(first: int = 0, phrases=("", ", darker"), count: int = SLICES) -> list[tuple]:
    """(variant, slice, prompt) of every sample of that block, in order."""
    return [
        (first + place, n, f"prompt {n}{phrase}")
        for place, phrase in enumerate(phrases)
        for n in range(count)
    ]


def sample(generator, wanted=None, **options):
    return sampling.sample_block(
        generator, wanted or block(), key="k", sampling=Frozen(), **options
    )


def test_all_samples_are_made_once_and_in_order():
    generator, told = Echo(), []
    images, masks = sample(generator, report=lambda done, total: told.append((done, total)))
    assert generator.asked == samples()
    assert images.shape == masks.shape == (2, SLICES, SIDE, SIDE) and (masks == 1).all()
    assert images[:, :, 0, 0].tolist() == [list(range(SLICES))] * 2
    assert told == [(0, 200), (64, 200), (128, 200), (192, 200), (200, 200)]


def test_a_batch_holds_samples_of_several_variants():
    generator = Echo()
    sample(generator, block(3, ("a", "b", "c"), count=20))
    assert generator.sizes == [64] and generator.asked == samples(3, (", a", ", b", ", c"), 20)


def test_a_killed_block_goes_on_behind_the_samples_that_were_kept(tmp_path):
    def kill(done, total):
        if done == 128:
            raise Killed

    with pytest.raises(Killed):
        sample(Echo(), report=kill, checkpoint=Checkpoint(tmp_path, every_seconds=0))
    again = Echo()
    images, masks = sample(again, checkpoint=Checkpoint(tmp_path))
    assert again.asked == samples()[128:]
    assert images[:, :, 0, 0].tolist() == [list(range(SLICES))] * 2 and (masks == 1).all()


@pytest.fixture
def fitted(tmp_path, request):
    """A small generator of the class that the test names, its folder, and what it samples from."""
    kind, data = generator_class(request.param), disc_slices(10)
    settings = GeneratorSettings(channels=(8, 8), unshuffle=2, text_width=8, steps=2)
    kind.fit(data, settings, TrainingJob(seed=0, device=CPU, out=tmp_path / "fit"))
    return kind, tmp_path / "fit", conditions_of(data)


def sample_real(fitted, first: int, count: int, **options):
    kind, folder, conditions = fitted
    return sampling.sample_block(
        kind.load(folder, CPU),
        Block(conditions, first, [""] * count),
        key="k",
        sampling=SamplingSettings(steps=3),
        **options,
    )


@pytest.mark.parametrize("fitted", ["emitdiff", "unconditional"], indirect=True)
def test_a_resumed_block_of_a_real_generator_is_bit_for_bit_the_whole_one(
    fitted, tmp_path, monkeypatch
):
    monkeypatch.setattr(sampling, "AT_ONCE", 4)
    whole, calls = sample_real(fitted, 1, 2), []

    def kill(done, total):
        calls.append(done)
        if calls == [0, 4]:
            raise Killed

    for attempt in range(2):
        checkpoint = Checkpoint(tmp_path / "partial", every_seconds=0)
        try:
            found = sample_real(fitted, 1, 2, checkpoint=checkpoint, report=kill)
        except Killed:
            assert attempt == 0
    assert calls == [0, 4, 4, 8, 12, 16, 20]  # the second attempt begins with 4
    assert all(np.array_equal(one, other) for one, other in zip(whole, found, strict=True))


@pytest.mark.parametrize("fitted", ["emitdiff", "unconditional"], indirect=True)
def test_variants_made_together_are_those_made_alone(fitted, monkeypatch):
    monkeypatch.setattr(sampling, "AT_ONCE", 8)
    together = sample_real(fitted, 0, 4)
    for variant in range(4):
        alone = sample_real(fitted, variant, 1)
        # to rounding, as with any other batch size
        for one, other in zip(together, alone, strict=True):
            difference = np.abs(one[variant].astype(int) - other[0].astype(int))
            assert difference.max() <= 1 and (difference > 0).mean() < 0.001
    made = together[0]
    assert not any(np.array_equal(one, other) for one, other in itertools.combinations(made, 2))


def test_where_memory_runs_out_the_later_batches_stay_small():
    generator = Echo(room=20)
    images, _ = sample(generator)
    assert images[:, :, 0, 0].tolist() == [list(range(SLICES))] * 2
    assert generator.sizes == [64, 32, 16, 16, 16, 16]


def test_on_a_cpu_fewer_large_slices_go_through_the_network_at_once():
    sizes = [sampling.batch_size(size, "cpu") for size in (32, 64, 128, 256, 384)]
    assert sizes == [64, 64, 16, 4, 2] and sampling.batch_size(384, "cuda") == 64
    generator = Echo()
    sample(generator, at_once=16)
    assert generator.sizes == [16] * 4


def test_the_blocks_of_a_ratio_are_its_first_variants_and_whole_but_the_last():
    for ratio in (0, 1, 4, 5, 7, 50):
        found = blocks(ratio)
        assert [variant for block in found for variant in block] == list(range(ratio))
        assert all(len(block) == BLOCK for block in found[:-1])
    assert blocks(10)[0] == blocks(7)[0] == blocks(5)[0]


def test_a_stage_loads_its_generator_once_for_all_its_variants(tmp_path, monkeypatch):
    loads, load = [], EmitDiff.load.__func__
    monkeypatch.setattr(
        EmitDiff, "load", classmethod(lambda cls, *place: loads.append(1) or load(cls, *place))
    )
    code, (record,) = run(tmp_path, tiny("emitdiff", ratio=4))
    (stage,) = (stage for stage in record.stages if stage.stage == "synthesize")
    folder = Store(tmp_path).folder("synthesize", stage.key)
    images = np.load(folder / "images.npy")
    assert code == 0 and len(loads) == 1
    assert images.shape[0] == len(SynthesizeSpec.read(folder).phrases) == 4
    assert images.dtype == np.uint8 and stage.results["images"] == 4 * images.shape[1]
