"""Training steps on tensors that say they lie on a GPU (torch's fake tensors: shapes and devices
without numbers).

Without a GPU this still shows two faults that only a GPU would: an operation that mixes devices
raises, and one that makes the host wait for the GPU - a number read back, an ordinary copy to it -
is found by `Waits`. Not shown: backward passes, kernels, speed.
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from baselines.generators.base import TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.generators.places import Places
from baselines.networks.architectures import ARCHITECTURES, build
from baselines.objectives import objectives
from baselines.objectives.sample_filter import SampleFilter
from baselines.scratch import diffusion, slice_augmentation, style
from baselines.scratch.emitdiff_network import EmitDiffNetwork
from baselines.scratch.emitdiff_training import TrainingBatches
from baselines.scratch.phrases import join_phrase
from baselines.scratch.settings import GeneratorSettings
from baselines.scratch.text_encoder import STYLE, Vocabulary
from baselines.scratch.unconditional_network import PairNetwork
from baselines.stable.batches import Drawn
from baselines.stable.loss import LatentLoss
from baselines.stable.parts import load_parts
from baselines.transforms import augmenter
from baselines.transforms.augmenter import Augmenter, make_augmenter
from baselines.transforms.catalogue import transforms
from baselines.transforms.single import noise
from baselines.transforms.stacks import trivial_augment
from benchmark.training.to_device import sent
from datasets.prompts import AUGMENTATION_PHRASES
from tests.support import tiny_stable

GPU = torch.device("cuda", 0)
SIZE, SLICES, BATCH = 64, 20, 8


class GpuGenerator(torch.Generator):
    """A CPU generator that says it is a GPU's; fake tensors draw no numbers from it."""

    device = property(lambda self: GPU)


class Waits(TorchDispatchMode):
    """Collects the operations for which the host would wait: blocking copies between devices. (A
    number read back from a fake tensor raises.)"""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        given, made = (
            [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
            for tree in ((args, kwargs), result)
        )
        sources, targets = ({tensor.device for tensor in tensors} for tensors in (given, made))
        copied = given and targets - sources and not (kwargs or {}).get("non_blocking")
        # a number of the host may go along
        if copied or len({tensor.device for tensor in given if tensor.dim()}) > 1:
            self.found.append(str(func))
        return result


@pytest.fixture(scope="module")
def gpu():
    """Inside, new tensors are fake."""
    patch = pytest.MonkeyPatch()
    # its seed is made on the host
    patch.setattr(augmenter, "_own_generator", lambda rng: torch.Generator())
    # its seed is a number of the host, which fake tensors do not have
    for module in (noise, trivial_augment):
        patch.setattr(
            module,
            "normal_field",
            lambda images, rng: torch.randn(images.shape, device=images.device),
        )
    patch.setattr(
        diffusion, "signal_shares", lambda device: torch.empty(diffusion.TIMESTEPS, device=device)
    )
    yield FakeTensorMode(allow_non_fake_inputs=True)
    patch.undo()
    style._jitter_on.cache_clear()


def moved(network: nn.Module) -> nn.Module:
    """The network with fake parameters and buffers on the GPU (fake tensors cannot be swapped in by
    `Module.to`)."""
    for module in network.modules():
        for name, value in [*module._parameters.items()]:
            module._parameters[name] = (
                value if value is None else nn.Parameter(torch.empty(value.shape, device=GPU))
            )
        for name, value in [*module._buffers.items()]:
            module._buffers[name] = (
                value if value is None else torch.empty(value.shape, dtype=value.dtype, device=GPU)
            )
    return network


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.uint8, device=GPU)


def shown(augment: Augmenter | None = None) -> dict:
    return {
        "images": zeros(SLICES, SIZE, SIZE),
        "masks": zeros(SLICES, SIZE, SIZE),
        "loss": objectives.dice_ce(False),
        "augment": augment,
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
    **{
        f"real, {name}": lambda name=name: objectives.RealObjective(**shown(make_augmenter(name)))
        for name in (None, *transforms())
    },
    "real, renormalised": lambda: objectives.RealObjective(
        **shown(make_augmenter("deepstack", renormalise=True))
    ),
    "merged images": lambda: objectives.MergedImages(**shown(), **variants(patch_size=8)),
    "merged images, all variants": lambda: objectives.MergedImages(
        **shown(), **variants(patch_size=8, all_variants=True)
    ),
    "merged images, filtered": lambda: objectives.MergedImages(**filtered(), patch_size=8),
    "merged logits": lambda: objectives.MergedLogits(
        **shown(make_augmenter("deepstack")), **variants(patch_size=8)
    ),
    "joined pairs": lambda: objectives.JoinedPairs(
        **shown(), **variants(variant_masks=zeros(4, SLICES, SIZE, SIZE))
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_step_of_the_segmenter_stays_on_the_gpu_and_waits_for_nothing(gpu, name):
    network = build("unet", SIZE)
    with gpu:
        objective, rows, waits = OBJECTIVES[name](), torch.arange(BATCH, device=GPU), Waits()
        moved(network)
        with waits:
            loss, _ = objective(network, rows, GpuGenerator())
    assert (loss.device, waits.found) == (GPU, [])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_network_stays_on_the_gpu(gpu, architecture):
    network = build(architecture, SIZE)
    with gpu:
        loss, _ = objectives.RealObjective(**shown())(
            moved(network), torch.arange(BATCH, device=GPU), GpuGenerator()
        )
    assert loss.device == GPU


MORE = {
    "as it is": {},
    "every change": {
        "style": True,
        "edge_warp": 0.04,
        "edge_thinning": 0.3,
        "rotation_degrees": 20.0,
    },
}


@pytest.mark.parametrize("preset", ["smoke", "compact"])
@pytest.mark.parametrize("more", MORE)
def test_a_step_of_the_generator_stays_on_the_gpu_and_waits_for_nothing(gpu, preset, more):
    settings = GeneratorSettings(
        **generator_class("emitdiff").numbers(preset, "rigorous", "") | MORE[more]
    )
    stack, prompt = np.zeros((SLICES, SIZE, SIZE), np.uint8), "MRI, prostate, whole gland"
    data = TrainingSlices(
        stack, stack, stack, [prompt] * SLICES, [f"case_{row}/z1" for row in range(SLICES)]
    )
    vocabulary = Vocabulary.of(
        [STYLE, *(join_phrase(prompt, phrase) for phrase in AUGMENTATION_PHRASES)]
    )
    network = EmitDiffNetwork(settings, SIZE, vocabulary, SLICES)
    with gpu:
        batches, rows = (
            TrainingBatches(moved(network), vocabulary, data, GPU),
            torch.arange(BATCH, device=GPU),
        )
        batches.loss(rows, GpuGenerator())  # the first step may send what all steps use
        waits = Waits()
        with waits:
            loss = batches.loss(rows, GpuGenerator())
    assert (loss.device, waits.found) == (GPU, [])


def test_a_step_of_the_unconditional_generator_stays_on_the_gpu_and_waits_for_nothing(gpu):
    settings = GeneratorSettings(
        **generator_class("unconditional").numbers("smoke", "rigorous", "")
    )
    network = PairNetwork(settings, SIZE)
    with gpu:
        moved(network)
        pairs, shares, rng = (
            torch.zeros(BATCH, 2, SIZE, SIZE, device=GPU),
            diffusion.signal_shares(GPU),
            GpuGenerator(),
        )
        waits = Waits()
        with waits:
            grid = diffusion.to_grid(
                slice_augmentation.random_geometry(pairs, settings, rng), settings.unshuffle
            )
            importance = diffusion.organ_importance(pairs[:, 1:], settings).repeat(1, 2, 1, 1)
            loss = diffusion.denoising_loss(network, grid, importance, shares, settings, rng)
    assert (loss.device, waits.found) == (GPU, [])


@pytest.mark.parametrize("kept", [False, True])
def test_a_step_of_stable_diffusion_stays_on_the_gpu_and_waits_for_nothing(gpu, tmp_path, kept):
    tiny_stable.save_base(tmp_path)
    parts = load_parts(Places({"base": str(tmp_path)}))
    side, (numbers, batch) = tiny_stable.SIZE // parts.latent_factor, ((0, 1), 2)
    with gpu:
        drawn = Drawn(
            numbers,
            *torch.zeros(2, batch, 1, tiny_stable.SIZE, tiny_stable.SIZE),
            *torch.zeros(2, batch, 4, side, side),
            *torch.zeros(2, batch, dtype=torch.long),
        )
        # as its constructor leaves it, which moves real parts
        loss = object.__new__(LatentLoss)
        loss.vae, loss.schedule, loss.latent = moved(parts.vae), parts.schedule, (4, side, side)
        loss.text = torch.empty(2, tiny_stable.LIMIT, tiny_stable.WIDTH, device=GPU)
        loss.kept = dict.fromkeys(numbers, torch.zeros(2, 4, side, side)) if kept else None
        loss(moved(parts.denoiser), drawn)  # the first step may send what all steps use
        waits = Waits()
        with waits:
            found = loss(parts.denoiser, drawn)
    assert (found.shape, found.device, waits.found) == ((batch,), GPU, [])


def test_waits_are_found(gpu):
    with gpu:
        there, here = torch.zeros(4, device=GPU), torch.zeros(4)
        for copy in (
            lambda: here.to(GPU),
            lambda: there[here.long()],
            lambda: there.copy_(here),
            lambda: there.cpu(),
        ):
            waits = Waits()
            with waits:
                copy()
            assert waits.found
        waits = Waits()
        with waits:
            assert sent(here, GPU).device == GPU
        assert not waits.found
        with pytest.raises(RuntimeError, match="devices"):
            there + here
        with pytest.raises(Exception, match="_local_scalar_dense"):
            float(there.sum())
