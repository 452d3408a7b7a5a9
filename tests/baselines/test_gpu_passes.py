"""All denoising steps of every sampler, and the micro-batch of a fine-tuning, on tensors that say
they lie on a GPU (tests/support/fake_gpu.py): nothing in them leaves the GPU or waits for it, or
they could not be recorded."""

from functools import partial

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from baselines.generators.catalogue import generator_class, generators
from baselines.generators.places import Places
from baselines.pix2pix.networks import UNetGenerator
from baselines.scratch import diffusion, emitdiff_sampling
from baselines.scratch.emitdiff_network import EmitDiffNetwork
from baselines.scratch.settings import SolverSettings
from baselines.scratch.solver import Solver
from baselines.scratch.text_encoder import Vocabulary
from baselines.scratch.unconditional_network import PairNetwork
from baselines.seg_guided.sampling import euler
from baselines.seg_guided.training import network_of
from baselines.stable import sampling as stable_sampling
from baselines.stable.loss import LatentLoss
from baselines.stable.parts import load_parts
from tests.support import tiny_stable
from tests.support.fake_gpu import GPU, Recorded, moved

SIZE, BATCH = 64, 3
WORDS = Vocabulary(["mri", "prostate"], 4)


def settings_of(kind: str):
    numbers = generator_class(kind).numbers("smoke", "rigorous", "prostate")
    return generator_class(kind).settings.model_validate(numbers)


def looped(mode, network, denoise=None, sampler="dpm-solver++", prediction="sample", steps=3):
    """The denoising steps of a batch, by a network that is moved to the GPU."""
    settings = SolverSettings(sampler=sampler, steps=steps)
    solver = Solver(diffusion.make_sampler(settings, prediction))
    with mode:
        moved(network)
        return solver.loop(denoise or network, GPU)


def on_gpu(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, device=GPU)


def moments() -> torch.Tensor:
    return torch.zeros(BATCH, dtype=torch.long, device=GPU)


def emitdiff(mode, folder, scale: float):
    settings = settings_of("emitdiff")
    network = EmitDiffNetwork(settings, SIZE, WORDS, 2)
    planes, side = settings.unshuffle**2, SIZE // settings.unshuffle
    shown = BATCH if scale == 1 else 2 * BATCH
    width = network.unet.config.projection_class_embeddings_input_dim - settings.text_width
    loop = looped(mode, network, emitdiff_sampling._guided(network, scale))
    return lambda: loop(
        on_gpu(BATCH, planes, side, side),
        edges=on_gpu(shown, planes * (1 + settings.mask_shown), side, side),
        text=on_gpu(shown, WORDS.length, settings.text_width),
        styles=on_gpu(shown, width),
    )


def unconditional(mode, folder, sampler: str, prediction: str):
    settings = settings_of("unconditional")
    network = PairNetwork(settings, SIZE)
    loop = looped(mode, network, None, sampler, prediction)
    side = SIZE // settings.unshuffle
    return lambda: loop(on_gpu(BATCH, 2 * settings.unshuffle**2, side, side))


def seg_guided(mode, folder, flow: bool):
    settings = settings_of("seg-guided")
    network, side = network_of(settings, SIZE), SIZE // settings.unshuffle

    def denoise(grid, timesteps, condition):
        return network(grid, timesteps, condition)

    loop = looped(mode, network, denoise, "ddim", "noise")
    grids = (BATCH, settings.unshuffle**2, side, side)
    if flow:
        return lambda: euler(partial(denoise, condition=on_gpu(*grids)), on_gpu(*grids), 3)
    return lambda: loop(on_gpu(*grids), condition=on_gpu(*grids))


def pix2pix(mode, folder):
    network = UNetGenerator(settings_of("pix2pix"), SIZE)
    with mode:
        moved(network)
    uniform = [(BATCH, *shape) for shape in network.dropped]
    return lambda: network(on_gpu(BATCH, 1, SIZE, SIZE), [on_gpu(*shape) for shape in uniform], 0.5)


def stable(mode, folder, scale: float):
    tiny_stable.save_base(folder)
    parts = load_parts(Places({"base": str(folder)}))
    parts.denoiser.split()
    width = parts.denoiser.unet.config.block_out_channels[0]
    side, shown = tiny_stable.SIZE // parts.latent_factor, BATCH if scale == 1 else 2 * BATCH
    denoise = stable_sampling._pass(parts.denoiser, scale, 1.0)
    loop = looped(mode, parts.denoiser, denoise, steps=2)
    return lambda: loop(
        on_gpu(BATCH, 4, side, side),
        edges=on_gpu(shown, width, side, side),
        text=on_gpu(shown, tiny_stable.LIMIT, tiny_stable.WIDTH),
    )


def decoding(mode, folder):
    """What follows the denoising steps of Stable Diffusion."""
    tiny_stable.save_base(folder)
    parts = load_parts(Places({"base": str(folder)}))
    side = tiny_stable.SIZE // parts.latent_factor
    with mode:
        moved(parts.vae)
    return lambda: stable_sampling._decode(parts, on_gpu(BATCH, 4, side, side), "mean")


def micro_batch(mode, folder):
    """What a fine-tuning records, without the way back."""
    tiny_stable.save_base(folder)
    parts = load_parts(Places({"base": str(folder)}))
    side = tiny_stable.SIZE // parts.latent_factor
    loss = object.__new__(LatentLoss)
    loss.schedule = parts.schedule
    with mode:
        loss.text = on_gpu(2, tiny_stable.LIMIT, tiny_stable.WIDTH)
        moved(parts.denoiser)
    return lambda: loss.of(
        parts.denoiser,
        latents=on_gpu(BATCH, 4, side, side),
        noise=on_gpu(BATCH, 4, side, side),
        timesteps=moments(),
        text=moments(),
        edges=on_gpu(BATCH, 1, tiny_stable.SIZE, tiny_stable.SIZE),
    )


PASSES = {
    "emitdiff": lambda *given: emitdiff(*given, 1.5),
    "emitdiff without guidance": lambda *given: emitdiff(*given, 1),
    **{
        f"unconditional, {sampler}, {kind}": partial(
            unconditional, sampler=sampler, prediction=kind
        )
        for sampler in ("ddim", "dpm-solver++", "unipc")
        for kind in ("sample", "velocity")
    },
    "seg-guided": lambda *given: seg_guided(*given, flow=False),
    "seg-guided, flow": lambda *given: seg_guided(*given, flow=True),
    "pix2pix": pix2pix,
    "stable-diffusion": lambda *given: stable(*given, 7.5),
    "stable-diffusion without guidance": lambda *given: stable(*given, 1),
    "stable-diffusion, decoding": decoding,
    "stable-diffusion, a micro-batch": micro_batch,
}


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_stays_on_the_gpu(name, tmp_path):
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    step = PASSES[name](mode, tmp_path)
    with mode, torch.no_grad():
        step()  # the first one may send what all use
        with Recorded():
            made = step()
    assert made.device == GPU and len(made) == BATCH


def test_every_generator_has_a_pass_above():
    with_network = set(generators()) - {"folder"}  # which computes nothing
    assert {name.partition(",")[0].partition(" without")[0] for name in PASSES} == with_network
