"""A sampler's denoising steps over buffers that stay where they are: the same samples as plainly,
and as a recording of a whole batch that is replayed, batch after batch; and batches that are begun
before the last one has ended."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from baselines.generators.base import Conditions
from baselines.generators.catalogue import generator_class
from baselines.generators.job import TrainingJob
from baselines.generators.queued import QueuedGenerator
from baselines.pix2pix import sampling as pix2pix_sampling
from baselines.pix2pix.settings import Pix2PixSettings
from baselines.scratch import diffusion, emitdiff_sampling, unconditional_network
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from baselines.seg_guided import sampling as seg_guided_sampling
from baselines.seg_guided.settings import SegGuidedSampling, SegGuidedSettings
from baselines.stable import sampling as stable_sampling
from baselines.stable.settings import StableSampling, StableSettings
from benchmark.training import static_pass
from benchmark.training.graphs import Graphs
from benchmark.training.static_pass import MOST_PASSES, StaticPasses
from benchmark.training.to_device import fetched
from tests.baselines.generators.discs import CPU, conditions_of, disc_slices
from tests.baselines.stable import discs
from tests.support import tiny_stable
from tests.support.taped import Tapes

SCRATCH = GeneratorSettings(unshuffle=2, channels=(16, 16), text_width=16, steps=2, phrases=4)
PIX2PIX = Pix2PixSettings(
    channels=(8, 16, 16), discriminator_channels=(8,), dropout_layers=2, steps=1, batch=4
)
MODULES = {
    "emitdiff": emitdiff_sampling,
    "unconditional": unconditional_network,
    "seg-guided": seg_guided_sampling,
    "pix2pix": pix2pix_sampling,
    "stable-diffusion": stable_sampling,
}
BATCH, COUNT = 3, 10  # the last batch of four is shorter


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folder and places of each generator, hardly trained."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("fits")
    tiny_stable.save_base(root / "base")
    tiny_stable.save_controlnet(root / "control")
    made = {"base": str(root / "base"), "controlnet": str(root / "control"), "epochs": 1}
    settings, places = StableSettings(**made, batch=4).pinned(None)
    chosen = {
        "emitdiff": SCRATCH,
        "unconditional": SCRATCH,
        "seg-guided": SegGuidedSettings(unshuffle=2, channels=(16, 16), steps=2),
        "pix2pix": PIX2PIX,
    }
    for name, numbers in chosen.items():
        job = TrainingJob(seed=0, device=CPU, out=root / name)
        job.out.mkdir()
        generator_class(name).fit(disc_slices(8), numbers, job)
    job = TrainingJob(seed=0, device=CPU, out=root / "stable-diffusion", places=places)
    job.out.mkdir()
    generator_class("stable-diffusion").fit(discs.disc_slices(4), settings, job)
    yield {name: (root / name, places) for name in MODULES}
    torch.set_num_threads(threads)


SAMPLING = {
    "emitdiff": (SamplingSettings(steps=4), SamplingSettings(steps=4, guidance_scale=1)),
    "unconditional": (SamplingSettings(steps=4, sampler="unipc"),),
    "seg-guided": (SegGuidedSampling(steps=4),),
    "pix2pix": (None,),
    "stable-diffusion": (
        StableSampling(steps=4),
        StableSampling(steps=4, guidance_scale=1, sampler="ddim"),
    ),
}
CASES = [(name, numbers) for name, given in SAMPLING.items() for numbers in given]


def sample(name, folders, sampling):
    folder, places = folders[name]
    generator = generator_class(name).load(folder, CPU, places)
    stable = name == "stable-diffusion"
    made = (
        discs if stable else SimpleNamespace(disc_slices=disc_slices, conditions_of=conditions_of)
    )
    conditions = made.conditions_of(made.disc_slices(COUNT, seed=3))
    samples = generator.sample(
        conditions, variants=[5] * COUNT, key="k", batch_size=BATCH, sampling=sampling
    )
    return generator, samples


@pytest.mark.parametrize("name, sampling", CASES)
def test_buffers_and_replays_give_the_samples_of_the_plain_pass(
    name, sampling, folders, monkeypatch
):
    _, plain = sample(name, folders, sampling)
    tapes = Tapes()
    with monkeypatch.context() as patch:
        patch.setattr(MODULES[name], "make_graphs", lambda *_, **__: Graphs(tapes))
        generator, replayed = sample(name, folders, sampling)
        assert generator.told()["graphs"]["how"] == ("graph" if tapes.replays else "plain")
    with monkeypatch.context() as patch:
        patch.setattr(MODULES[name], "make_graphs", lambda *_, **__: Graphs(Tapes()))
        patch.setattr(static_pass, "WARM_UP_STEPS", 10**6)  # all is eager, over the buffers
        _, buffered = sample(name, folders, sampling)
    for one, other, third in zip(plain, buffered, replayed, strict=True):
        assert np.array_equal(one, other) and np.array_equal(one, third)
    # of the three whole batches the first is plain; a single pass needs more plain calls
    assert (tapes.recordings, tapes.replays) == ((1, 2) if sampling else (0, 0))
    assert len(np.unique(plain[0])) > 2


def test_each_shape_has_its_buffers_and_a_shortage_forgets_them():
    def double(x, y):
        if len(x) > 3:
            raise MemoryError
        return x * 2 + y

    graphs = Graphs(Tapes())
    passes = StaticPasses(double, graphs)
    ones = torch.ones(2)
    first, second = passes(x=torch.zeros(2), y=ones), passes(x=torch.full((2,), 5.0), y=ones)
    assert first.tolist() == [1, 1] and second.tolist() == [11, 11]
    assert passes(x=torch.zeros(2), y=torch.full((2,), 3.0)).tolist() == [3, 3]
    assert passes(x=torch.zeros(3), y=torch.ones(3)).tolist() == [1, 1, 1]
    assert len(passes._buffers) == 2
    with pytest.raises(MemoryError):
        passes(x=torch.zeros(4), y=torch.ones(4))
    assert not passes._buffers and graphs.backend is None
    assert passes(x=torch.zeros(2), y=ones).tolist() == [1, 1]


@pytest.mark.parametrize("steps, plain", [(1, 4), (3, 2), (20, 1)])
def test_a_call_of_many_passes_is_recorded_early(steps, plain):
    tapes = Tapes()
    passes = StaticPasses(torch.neg, graphs := Graphs(tapes), steps)
    for number in range(6):
        assert passes(input=torch.full((2,), float(number))).tolist() == [-number, -number]
    assert (tapes.plain, tapes.recordings, tapes.replays) == (plain, 1, 6 - plain)
    assert graphs.told == {"graphs": {"how": "graph"}}


def test_a_call_of_too_many_passes_is_not_recorded_and_the_record_says_so():
    graphs = Graphs(Tapes())
    passes = StaticPasses(torch.neg, graphs, MOST_PASSES + 1)
    assert [passes(input=torch.ones(1)).item() for _ in range(9)] == [-1] * 9
    assert graphs.told["graphs"]["how"] == "plain"
    assert graphs.told["graphs"]["reason"] == "101 denoising steps are too many for one graph"


class Queue(QueuedGenerator):
    """Notes when batches begin and when they are waited for; `room`: rows that fit."""

    name, version, joins = "queue", 1, "patches"
    settings = GeneratorSettings
    room = 99

    def __init__(self):
        self.events = []

    def fit(self, *_): ...
    def load(self, *_): ...

    def begin_batch(self, conditions, *, variants, key, sampling):
        first = int(conditions.ids[0])
        self.events.append(f"begin {first}")
        if len(conditions.ids) > self.room:
            raise MemoryError

        def wait():
            self.events.append(f"end {first}")
            numbers = np.array([int(one) for one in conditions.ids], np.uint8)
            return numbers[:, None, None] + 0 * conditions.masks, conditions.masks

        return wait


class InItsOwnWay(Queue):
    def sample_batch(self, conditions, **_):
        return conditions.edges, conditions.masks


def numbered(count: int) -> Conditions:
    masks = np.zeros((count, 4, 4), np.uint8)
    return Conditions([str(n) for n in range(count)], masks, masks + 7, [""] * count)


def queued(generator, batch_size, told):
    return generator.sample(
        numbered(5),
        variants=[0] * 5,
        key="k",
        batch_size=batch_size,
        sampling=SamplingSettings(),
        report=lambda done, total: told.append(done),
    )


def test_a_batch_begins_before_the_one_before_is_waited_for():
    generator, told = Queue(), []
    images, _ = queued(generator, 2, told)
    assert generator.events == ["begin 0", "begin 2", "end 0", "begin 4", "end 2", "end 4"]
    assert images[:, 0, 0].tolist() == [0, 1, 2, 3, 4] and told == [2, 4, 5]
    generator.room = 1
    with pytest.raises(MemoryError):
        queued(generator, 2, [])


def test_a_subclass_may_sample_in_its_own_way():
    images, _ = queued(InItsOwnWay(), 2, [])
    assert (images == 7).all()


def test_what_goes_to_the_host_is_made_and_there_when_it_is_waited_for():
    planes = torch.arange(4.0).reshape(1, 2, 2) / 3
    assert fetched(diffusion.to_uint8(planes))().tolist() == [[[0, 85], [170, 255]]]
    assert fetched(planes, diffusion.to_uint8)().tolist() == [[[0, 85], [170, 255]]]
