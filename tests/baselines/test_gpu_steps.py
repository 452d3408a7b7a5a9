"""Training steps of every objective, transform and generator on tensors that say they lie on a GPU
(tests/support/fake_gpu.py).

Without a GPU this still shows the faults that only a GPU would: an operation that mixes devices, a
number read back, a tensor of the CPU made or copied, a shape that depends on values. Each of them
makes a step wait, or keeps it from being recorded as one CUDA graph. Not shown: backward passes
(fake tensors know none), kernels, speed.
"""

import inspect

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from baselines.generators.base import TrainingSlices
from baselines.generators.catalogue import generator_class, generators
from baselines.generators.places import Places
from baselines.networks.architectures import ARCHITECTURES, build
from baselines.objectives import objectives
from baselines.objectives.sample_filter import SampleFilter
from baselines.pix2pix import training as pix2pix
from baselines.pix2pix.networks import PatchDiscriminator, UNetGenerator
from baselines.scratch import diffusion, slice_augmentation, style
from baselines.scratch.emitdiff_network import EmitDiffNetwork
from baselines.scratch.emitdiff_training import TrainingBatches
from baselines.scratch.phrases import join_phrase
from baselines.scratch.text_encoder import STYLE, Vocabulary
from baselines.scratch.unconditional_network import GridUNet, PairNetwork
from baselines.seg_guided.training import TrainingBatches as SegGuidedBatches
from baselines.stable.ahead import Drawn
from baselines.stable.loss import LatentLoss
from baselines.stable.parts import load_parts
from baselines.transforms.augmenter import Augmenter, make_augmenter
from baselines.transforms.catalogue import transforms
from benchmark.training.segmenter import Phases
from benchmark.training.to_device import sent
from datasets.prompts import AUGMENTATION_PHRASES
from tests.support import tiny_stable
from tests.support.fake_gpu import GPU, GpuGenerator, Leaves, Recorded, Waits, moved

SIZE, SLICES, BATCH = 64, 20, 8
PROMPT = "MRI, prostate, whole gland"


@pytest.fixture(scope="module")
def gpu():
    """Inside, new tensors are fake."""
    patch = pytest.MonkeyPatch()
    patch.setattr(
        diffusion,
        "signal_shares",
        lambda device, schedule="cosine": torch.empty(diffusion.TIMESTEPS, device=device),
    )
    yield FakeTensorMode(allow_non_fake_inputs=True)
    patch.undo()
    style._jitter_on.cache_clear()


# --- segmenters


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.uint8, device=GPU)


def augment(transform: str | None, renormalise: bool = False) -> Augmenter:
    """As the stage makes it on a GPU, with a generator of its own."""
    return make_augmenter(transform, renormalise=renormalise, own=GpuGenerator())


def shown(changed: Augmenter | None = None) -> dict:
    return {
        "images": zeros(SLICES, SIZE, SIZE),
        "masks": zeros(SLICES, SIZE, SIZE),
        "loss": objectives.dice_ce(False),
        "augment": changed,
    }


def variants(**more) -> dict:
    return {"variants": zeros(4, SLICES, SIZE, SIZE), "alpha": 0.6, **more}


def filtered() -> dict:
    data = shown()
    agreement = np.random.default_rng(0).random((4, SLICES), np.float32)
    return data | variants(
        variants=SampleFilter(agreement, 0.3, GPU).over(
            zeros(4, SLICES, SIZE, SIZE), data["images"]
        )
    )


OBJECTIVES = {
    "real": lambda: objectives.RealObjective(**shown()),
    **{
        f"real, {name}": lambda name=name: objectives.RealObjective(**shown(augment(name)))
        for name in transforms()
    },
    "real, Dice of the batch": lambda: objectives.RealObjective(
        **shown() | {"loss": objectives.dice_ce(True, of_batch=True)}
    ),
    "real, renormalised": lambda: objectives.RealObjective(
        **shown(augment("deepstack", renormalise=True))
    ),
    "merged images": lambda: objectives.MergedImages(**shown(), **variants(patch_size=8)),
    "merged images, all variants": lambda: objectives.MergedImages(
        **shown(), **variants(patch_size=8, all_variants=True)
    ),
    "merged images, filtered": lambda: objectives.MergedImages(**filtered(), patch_size=8),
    "merged logits": lambda: objectives.MergedLogits(
        **shown(augment("deepstack")), **variants(patch_size=8)
    ),
    "joined pairs": lambda: objectives.JoinedPairs(
        **shown(), **variants(variant_masks=zeros(4, SLICES, SIZE, SIZE))
    ),
    "pairs alone": lambda: objectives.SyntheticAlone(
        **shown(augment("rotate")),
        variants=zeros(4, SLICES, SIZE, SIZE),
        variant_masks=zeros(4, SLICES, SIZE, SIZE),
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_step_of_the_segmenter_stays_on_the_gpu(gpu, name):
    network = build("unet", SIZE)
    with gpu:
        objective, rows = OBJECTIVES[name](), torch.arange(BATCH, device=GPU)
        moved(network)
        with Recorded():
            loss, presented = objective(network, rows, GpuGenerator())
    assert loss.device == GPU and BATCH in presented.values()


def test_every_objective_has_a_step_above(gpu):
    with gpu:
        tried = {type(make()) for make in OBJECTIVES.values()}
    assert tried == {one for one in built_in(objectives.SliceObjective) if not abstract(one)}


def built_in(kind: type) -> set[type]:
    """The class and all that inherit from it, without those of tests."""
    found = {kind}.union(*(built_in(one) for one in kind.__subclasses__()))
    return {one for one in found if one.__module__.startswith("baselines.")}


def abstract(kind: type) -> bool:
    """Whether it has no step of its own."""
    if issubclass(kind, Phases):
        return True
    return inspect.isabstract(kind) or kind.__call__ is objectives.SliceObjective.__call__


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_network_stays_on_the_gpu(gpu, architecture):
    network = build(architecture, SIZE)
    with gpu:
        objective, rows = objectives.RealObjective(**shown()), torch.arange(BATCH, device=GPU)
        moved(network)
        with Recorded():
            loss, _ = objective(network, rows, GpuGenerator())
    assert loss.device == GPU


# --- generators

EVERY_CHANGE = {"style": True, "edge_warp": 0.04, "edge_thinning": 0.3, "rotation_degrees": 20.0}


def settings_of(kind: str, preset: str = "smoke", **more):
    cls = generator_class(kind)
    return cls.settings(**cls.numbers(preset, "rigorous", "") | more)


def emitdiff(gpu, tmp_path, preset="smoke", **more):
    settings = settings_of("emitdiff", preset, **more)
    stack = np.zeros((SLICES, SIZE, SIZE), np.uint8)
    ids = [f"case_{row}/z1" for row in range(SLICES)]
    data = TrainingSlices(stack, stack, stack, [PROMPT] * SLICES, ids)
    vocabulary = Vocabulary.of(
        [STYLE, *(join_phrase(PROMPT, phrase) for phrase in AUGMENTATION_PHRASES)]
    )
    network = EmitDiffNetwork(settings, SIZE, vocabulary, SLICES)
    with gpu:
        batches = TrainingBatches(moved(network), vocabulary, data, GPU)
    return lambda: batches.loss(torch.arange(BATCH, device=GPU), GpuGenerator())


def unconditional(gpu, tmp_path):
    settings = settings_of("unconditional")
    network = PairNetwork(settings, SIZE)
    with gpu:
        moved(network)
        pairs, shares = torch.zeros(BATCH, 2, SIZE, SIZE, device=GPU), diffusion.signal_shares(GPU)

    def step():
        rng = GpuGenerator()
        planes = slice_augmentation.random_geometry(pairs, settings, rng)
        grid = diffusion.to_grid(planes, settings.unshuffle)
        importance = diffusion.organ_importance(planes[:, 1:], settings).repeat(1, 2, 1, 1)
        return diffusion.denoising_loss(network, grid, importance, shares, settings, rng)

    return step


def seg_guided(gpu, tmp_path, **more):
    settings = settings_of("seg-guided", "compact", **more)
    stack = np.zeros((SLICES, SIZE, SIZE), np.uint8)
    data = TrainingSlices(stack, stack, stack, [""] * SLICES, [f"c{n}/z1" for n in range(SLICES)])
    network = GridUNet(settings, SIZE, made=1, shown=1)
    with gpu:
        batches = SegGuidedBatches(moved(network), settings, data, GPU)
    return lambda: batches.loss(torch.arange(BATCH, device=GPU), GpuGenerator())


def pair_of_networks(gpu, tmp_path):
    """Both losses of pix2pix; fake tensors know no backward pass."""
    pair = object.__new__(pix2pix._Pair)  # its constructor moves real networks
    pair.settings, pair.rng, pair.descent = settings_of("pix2pix"), GpuGenerator(), (None, None)
    pair.generator, pair.discriminator = (
        UNetGenerator(pair.settings, SIZE),
        PatchDiscriminator(pair.settings),
    )
    with gpu:
        moved(pair.generator), moved(pair.discriminator)
        images, edges = torch.zeros(2, BATCH, 1, SIZE, SIZE, device=GPU)
    return lambda: pair.step(images, edges)


def stable(gpu, tmp_path, kept=False):
    tiny_stable.save_base(tmp_path)
    parts = load_parts(Places({"base": str(tmp_path)}))
    side, (numbers, batch) = tiny_stable.SIZE // parts.latent_factor, ((0, 1), 2)
    with gpu:
        images = torch.zeros(batch, 1, tiny_stable.SIZE, tiny_stable.SIZE)
        drawn = (
            images,
            *torch.zeros(2, batch, 4, side, side),
            *torch.zeros(2, batch, dtype=torch.long),
        )
        # as its constructor leaves it, which moves real parts
        loss = object.__new__(LatentLoss)
        loss.vae, loss.schedule, loss.latent = moved(parts.vae), parts.schedule, (4, side, side)
        loss.text = torch.empty(2, tiny_stable.LIMIT, tiny_stable.WIDTH, device=GPU)
        loss.kept = (
            dict.fromkeys(numbers, torch.zeros(2, 4, side, side, device=GPU)) if kept else None
        )
        moved(parts.denoiser)

    def step():
        made = Drawn(*drawn, loss.moments(images, numbers))
        return loss.of(parts.denoiser, **loss.inputs(made))

    return step


STEPS = {
    "emitdiff": emitdiff,
    "emitdiff, compact": lambda *given: emitdiff(*given, "compact"),
    "emitdiff, every change": lambda *given: emitdiff(*given, **EVERY_CHANGE),
    "emitdiff, compact, every change": lambda *given: emitdiff(*given, "compact", **EVERY_CHANGE),
    "unconditional": unconditional,
    "seg-guided": seg_guided,
    "seg-guided, noise, adaptive": lambda *given: seg_guided(
        *given, objective="noise", loss_weight="adaptive"
    ),
    "pix2pix": pair_of_networks,
}
SENDING = {  # their steps send what they drew on the CPU, and wait for nothing
    "stable-diffusion": stable,
    "stable-diffusion, kept": lambda *given: stable(*given, kept=True),
}


@pytest.mark.parametrize("name", STEPS | SENDING)
def test_a_step_of_a_generator_stays_on_the_gpu(gpu, tmp_path, monkeypatch, name):
    monkeypatch.setattr(pix2pix, "_descend", lambda optimiser, loss: None)
    step = (STEPS | SENDING)[name](gpu, tmp_path)
    with gpu:
        step()  # the first step may send what all steps use
        with Recorded() if name in STEPS else Waits():
            loss = step()
    assert loss.device == GPU


def test_every_generator_has_a_step_above():
    trained = set(generators()) - {"folder"}  # which trains nothing
    assert {name.partition(",")[0] for name in STEPS | SENDING} == trained


# --- what the modes find


def test_what_leaves_the_gpu_is_found(gpu):
    with gpu:
        there, here = torch.zeros(4, device=GPU), torch.zeros(4)
        for leaving in (
            lambda: here.to(GPU, non_blocking=True),
            lambda: torch.zeros(4),
            lambda: there[here.long()],
            lambda: there.copy_(here),
            lambda: there.cpu(),
            lambda: torch.randn(4, generator=GpuGenerator().manual_seed(0), device=GPU),
        ):
            with pytest.raises(Leaves), Recorded():
                leaving()
        for depending in (
            lambda: float(there.sum()),
            lambda: bool(there.any()),
            lambda: there.tolist(),
            lambda: there[there > 0],
            lambda: there.nonzero(),
            lambda: there.unique(),
            lambda: there.repeat_interleave(there.long()),
        ):
            with pytest.raises(Exception, match="aten|data-dependent|item"), Recorded():
                depending()
        with pytest.raises(RuntimeError, match="devices"):
            there + here
        with Recorded():
            assert torch.where(there > 0, 2 * there + 1, 0.5).device == GPU


def test_what_waits_is_found(gpu):
    with gpu:
        there, here = torch.zeros(4, device=GPU), torch.zeros(4)
        for copy in (
            lambda: here.to(GPU),
            lambda: there[here.long()],
            lambda: there.copy_(here),
            lambda: there.cpu(),
        ):
            with pytest.raises(Leaves, match="waits"), Waits():
                copy()
        with Waits():
            assert sent(here, GPU).device == GPU
