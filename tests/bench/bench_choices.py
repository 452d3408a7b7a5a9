"""What each way of computing is worth, measured alone: why the loops use it, or do not.

    python tests/bench/bench_choices.py \\
        [--parts segmenter,generator,sampler,sampler-stable,variants,variants-stable] \\
        [--architecture attention-unet] [--size 128] [--device cpu] [--rounds 5] [--compile] \\
        [--cpu-time]

Every row is the plain way (float32, contiguous, single-tensor AdamW) with one thing changed; the
rows take turns, and a ratio is the median over the rounds of the plain way's time over the row's,
so that above 1 it pays. segmenter: a training step of 8 slices. generator: a training step of 8
slices of the one of preset `smoke`, with what is drawn and changed for it, which is plain with
square windows (box_mean.py). sampler: one denoising step of 32 slices by the generator of preset
`compact`, without guidance. sampler-stable: the same by "small" Stable Diffusion of made_stable.py,
batch 8. variants, variants-stable: four variants, each of 20 slices by the generator of preset
`compact` or of 4 by "small" Stable Diffusion, two steps each: every variant by itself, or all
in one block (benchmark/stages/sampling.py). --compile adds torch.compile, minutes
of compiling on a CPU; on a GPU also with CUDA graphs and beside bfloat16. Results:
docs/measurements.md.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.generators.base import Conditions, Generator, TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.generators.job import TrainingJob
from baselines.networks.architectures import build
from baselines.objectives.objectives import dice_ce
from baselines.scratch import box_mean, diffusion, slice_augmentation, style
from baselines.scratch.emitdiff import EmitDiff
from baselines.scratch.emitdiff_network import EmitDiffNetwork
from baselines.scratch.emitdiff_training import TrainingBatches
from baselines.scratch.phrases import join_phrase
from baselines.scratch.settings import GeneratorSettings
from baselines.scratch.text_encoder import STYLE, Vocabulary
from baselines.stable.generator import StableDiffusion
from baselines.stable.parts import load_parts
from baselines.stable.sampling import StableSampler
from baselines.stable.settings import StableSampling
from benchmark.core.frozen import Frozen
from benchmark.stages.sampling import Block, batch_size, sample_block
from benchmark.training.to_device import on_device
from datasets.prompts import AUGMENTATION_PHRASES
from tests.bench.bench_sampling import made_conditions
from tests.bench.made_stable import save_model
from tests.bench.ratios import now

Work = Callable[[], object]
CHANNELS_LAST = {"memory_format": torch.channels_last}


def segmenter(options: argparse.Namespace) -> dict[str, Work]:
    """Ways of one training step."""
    images = torch.rand(8, 1, options.size, options.size, device=options.device)
    labels = (images[:, 0] > 0.7).long()
    loss_of = dice_ce(False)

    def way(
        layout: dict, dtype: torch.dtype, optimiser: dict, compiled: dict | None = None
    ) -> Work:
        network = build(options.architecture, options.size).to(options.device, **layout)
        given = images.to(**layout)
        adamw = torch.optim.AdamW(network.parameters(), lr=1e-3, **optimiser)
        if compiled is not None:
            network.compile(**compiled)

        def step() -> None:
            with torch.autocast(options.device, dtype, enabled=dtype != torch.float32):
                logits = network(given)
            adamw.zero_grad(set_to_none=True)
            loss_of(logits, labels).backward()
            adamw.step()

        return step

    single, fused = {"foreach": False}, {"fused": True}
    ways = {
        "plain": way({}, torch.float32, single),
        "channels_last": way(CHANNELS_LAST, torch.float32, single),
        "bfloat16": way({}, torch.bfloat16, single),
        "bfloat16, channels_last": way(CHANNELS_LAST, torch.bfloat16, single),
        "fused AdamW": way({}, torch.float32, fused),
        "foreach AdamW": way({}, torch.float32, {"foreach": True}),
    }
    return ways | compilations(lambda *how: way(how[0], how[1], single, how[2]), options)


def compilations(
    way: Callable[[dict, torch.dtype, dict], Work], options: argparse.Namespace
) -> dict[str, Work]:
    """The ways that --compile adds, of `way(layout, dtype, what torch.compile is told)`."""
    graphs = {"mode": "reduce-overhead"}
    found = {"compile": ({}, torch.float32, {})} if options.compile else {}
    if options.compile and options.device != "cpu":
        found |= {
            "bf16, c. last, compile": (CHANNELS_LAST, torch.bfloat16, {}),
            "bf16, c. last, CUDA graphs": (CHANNELS_LAST, torch.bfloat16, graphs),
        }
    return {name: way(*how) for name, how in found.items()}


def generator(options: argparse.Namespace) -> dict[str, Work]:
    """Ways of one training step of the generator from scratch."""
    settings = GeneratorSettings(**generator_class("emitdiff").presets["smoke"])
    rng = np.random.default_rng(0)
    images, edges = rng.integers(0, 256, (2, 16, options.size, options.size), dtype=np.uint8)
    prompt = "MRI, prostate, whole gland"
    data = TrainingSlices(
        images,
        (images > 200).astype(np.uint8),
        edges,
        [prompt] * 16,
        [f"case/z{n}" for n in range(16)],
    )
    vocabulary = Vocabulary.of(
        [STYLE, *(join_phrase(prompt, phrase) for phrase in ("", *AUGMENTATION_PHRASES))]
    )
    device = torch.device(options.device)

    def square_mean(planes: torch.Tensor, margin: int) -> torch.Tensor:
        return F.avg_pool2d(planes, 2 * margin + 1, 1, margin, count_include_pad=False)

    def square_near(masks: torch.Tensor, margin: int) -> torch.Tensor:
        return F.max_pool2d(masks, 2 * margin + 1, 1, margin) > 0

    def way(
        dtype: torch.dtype, mean: Callable, near: Callable, compiled: dict | None = None
    ) -> Work:
        network = on_device(EmitDiffNetwork(settings, options.size, vocabulary, 16), device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
        rng = torch.Generator(device).manual_seed(0)
        if compiled is not None:
            network.compile(**compiled)
        batches = TrainingBatches(network, vocabulary, data, device)

        def step() -> None:
            diffusion.near = slice_augmentation.near = near
            style.window_mean = slice_augmentation.window_mean = mean
            with torch.autocast(options.device, dtype, enabled=dtype != torch.float32):
                loss = batches.loss(torch.arange(8, device=device), rng)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

        return step

    separable = box_mean.window_mean, box_mean.near
    return {
        "plain": way(torch.float32, square_mean, square_near),
        "separable windows": way(torch.float32, *separable),
        "bfloat16": way(torch.bfloat16, square_mean, square_near),
        "bfloat16, separable windows": way(torch.bfloat16, *separable),
    } | compilations(
        lambda layout, dtype, compiled: way(dtype, *separable, compiled), options
    )  # the layout is the device's


def sampler(options: argparse.Namespace) -> dict[str, Work]:
    """Ways of one denoising step of the generator from scratch."""
    settings = GeneratorSettings(**generator_class("emitdiff").presets["compact"])
    vocabulary = Vocabulary.of(["MRI, prostate, whole gland"])
    side, planes = options.size // settings.unshuffle, settings.unshuffle**2
    grid = torch.randn(32, planes, side, side, device=options.device)
    edges = torch.randn(32, planes * (1 + settings.mask_shown), side, side, device=options.device)
    text = torch.randn(32, vocabulary.length, settings.text_width, device=options.device)

    def make() -> torch.nn.Module:
        torch.manual_seed(0)
        return EmitDiffNetwork(settings, options.size, vocabulary, 1)

    styles = torch.zeros(32, style.WIDTH * settings.style, device=options.device)
    return denoising(
        make, (grid, torch.full((32,), 500, device=options.device), edges, text, styles), options
    )


def sampler_stable(options: argparse.Namespace) -> dict[str, Work]:
    """Ways of one denoising step of Stable Diffusion."""
    with tempfile.TemporaryDirectory() as folder:
        _, places = save_model("small", Path(folder))
        parts = [load_parts(places) for _ in range(4 + 3 * options.compile)]
    side = options.size // parts[0].latent_factor
    latents, edges = torch.randn(8, 4, side, side), torch.rand(8, 3, options.size, options.size)
    text = torch.randn(8, 77, parts[0].denoiser.unet.config.cross_attention_dim)
    given = [tensor.to(options.device) for tensor in (latents, torch.full((8,), 500), text, edges)]
    return denoising(lambda: parts.pop().denoiser, tuple(given), options)


def denoising(
    make: Callable[[], torch.nn.Module], given: tuple, options: argparse.Namespace
) -> dict[str, Work]:
    """Ways of calling the network that `make` returns."""

    def way(layout: dict, dtype: torch.dtype, compiled: dict | None = None) -> Work:
        network = make().eval().requires_grad_(False).to(options.device, dtype, **layout)
        if compiled is not None:
            network.compile(**compiled)
        inputs = [value.to(dtype) if value.is_floating_point() else value for value in given]
        inputs = [value.to(**layout) if value.dim() == 4 else value for value in inputs]

        @torch.inference_mode()
        def step() -> None:
            network(*inputs)

        return step

    ways = {
        "plain": way({}, torch.float32),
        "channels_last": way(CHANNELS_LAST, torch.float32),
        "bfloat16": way({}, torch.bfloat16),
        "bfloat16, channels_last": way(CHANNELS_LAST, torch.bfloat16),
    }
    return ways | compilations(way, options)


def variants(options: argparse.Namespace) -> dict[str, Work]:
    """Ways of four variants by the generator from scratch."""
    folder = tempfile.TemporaryDirectory()  # it goes with the last of its readers
    settings = GeneratorSettings(
        **generator_class("emitdiff").presets["compact"] | {"steps": 1, "batch": 1}
    )
    given = made_conditions(20, options.size)
    slices = TrainingSlices(given.masks * 200, given.masks, given.edges, given.prompts, given.ids)
    device = torch.device(options.device)
    EmitDiff.fit(slices, settings, TrainingJob(seed=0, device=device, out=Path(folder.name)))
    sampling = settings.sampling.model_copy(update={"steps": 2})
    return in_blocks(lambda: EmitDiff.load(Path(folder.name), device), given, sampling, options)


def variants_stable(options: argparse.Namespace) -> dict[str, Work]:
    """Ways of four variants by Stable Diffusion."""
    folder = tempfile.TemporaryDirectory()
    _, places = save_model("small", Path(folder.name))
    sampling = StableSampling(
        **generator_class("stable-diffusion").numbers("paper", "rigorous", "")["sampling"]
        | {"steps": 2}
    )
    device = torch.device(options.device)
    return in_blocks(
        lambda: StableDiffusion(
            StableSampler(Path(folder.name), options.size, device, places), sampling, "bench"
        ),
        made_conditions(4, options.size),
        sampling,
        options,
    )


def in_blocks(
    load: Callable[[], Generator],
    conditions: Conditions,
    sampling: Frozen,
    options: argparse.Namespace,
) -> dict[str, Work]:
    """Ways of computing four variants: one block each, or all in one block."""
    at_once = batch_size(options.size, options.device)

    def blocks(count: int) -> Work:
        def work() -> None:
            for first in range(0, 4, count):
                sample_block(
                    load(),
                    Block(conditions, first, [""] * count),
                    key="bench",
                    sampling=sampling,
                    at_once=at_once,
                )

        return work

    return {"plain": blocks(1), "in one block": blocks(4)}


PARTS = {
    "segmenter": segmenter,
    "generator": generator,
    "sampler": sampler,
    "sampler-stable": sampler_stable,
    "variants": variants,
    "variants-stable": variants_stable,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--architecture", default="attention-unet", help="of the segmenter")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="CPU seconds instead of the clock's, on a busy machine",
    )
    options = parser.parse_args()
    print(
        f"{options.size} px, {options.device}, {torch.get_num_threads()} threads, {options.rounds}"
        f" rounds after 1; medians\n"
    )
    print(f"{'part':18}{'way':28}{'ms':>10}{'plain / way':>14}")
    for part in options.parts.split(","):
        ways = PARTS[part](options)
        rounds = [
            {name: seconds(work, options) for name, work in ways.items()}
            for _ in range(options.rounds + 1)
        ]
        for name in ways:
            taken = statistics.median(one[name] for one in rounds[1:])
            ratio = statistics.median(one["plain"] / one[name] for one in rounds[1:])
            print(f"{part:18}{name:28}{taken * 1e3:10.1f}{ratio:13.2f}x", flush=True)


def seconds(work: Work, options: argparse.Namespace) -> float:
    start = now(options.device, options.cpu_time)
    work()
    return now(options.device, options.cpu_time) - start


if __name__ == "__main__":
    main()
