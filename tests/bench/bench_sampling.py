"""Our samplers against the plain pipelines of diffusers called once per slice: same weights, steps,
guidance and noise.

    python tests/bench/bench_sampling.py [--models smoke,compact,stable-small] [--device cpu] \\
        [--slices 32] [--plain 2]
        [--rounds 3] [--float32] [--json FILE] [--compare FILE] [--quick]

Ours is `Generator.sample` of all slices, as the stage synthesize calls it; plain_sampling.py is the
other. They take turns in one process; a ratio is the median over the rounds of the quotient of one
round, per image. Models:
    smoke, compact    the generator from scratch of that preset, at the preset's size
    stable-tiny, stable-small, stable-full    random Stable Diffusion + ControlNet (made_stable.py)
Ours computes in bfloat16 where the device has it (--float32: in float32 too), the pipelines as they
are loaded, in float32. The last column is the mean difference of the two images of a slice in grey
levels. Wanted: 2x the images/s on a CPU. --quick (the gate of CI): smoke and stable-tiny, CPU
seconds of one thread. On a GPU: --device cuda --models compact,stable-full --size 384 (of the
stable ones) --slices 64.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.generators.job import TrainingJob
from baselines.scratch.emitdiff import EmitDiff
from baselines.scratch.settings import GeneratorSettings
from baselines.stable.generator import StableDiffusion
from baselines.stable.parts import load_parts
from baselines.stable.sampling import StableSampler
from baselines.stable.settings import StableSampling
from benchmark.spec.presets import PRESETS
from benchmark.stages.sampling import batch_size
from benchmark.training import number_format
from benchmark.training.freed_memory import keep_freed_memory
from datasets.slices.edges import edge_map
from tests.bench import ratios
from tests.bench.made_stable import save_model
from tests.bench.plain_sampling import PlainEmitDiff, PlainStable
from tests.support.one_variant import sample_variant

KEY = "bench"
PROMPTS = ("MRI, prostate, whole gland", "MRI, prostate, transition zone")
STABLE_SIZE = {"tiny": 32, "small": 128, "full": 384}


def made_conditions(count: int, size: int) -> Conditions:
    """Discs on noise, with their edge maps and two prompts."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[:size, :size]
    centres = rng.uniform(0.3, 0.7, (count, 2, 1, 1)) * size
    masks = ((y - centres[:, 0]) ** 2 + (x - centres[:, 1]) ** 2 < (size / 6) ** 2).astype(np.uint8)
    images = rng.integers(0, 128, masks.shape, dtype=np.uint8) + 100 * masks
    edges = np.stack([edge_map(image, mask) for image, mask in zip(images, masks, strict=True)])
    prompts = [PROMPTS[number % 2] for number in range(count)]
    return Conditions([f"case_{number:03d}/z000" for number in range(count)], masks, edges, prompts)


def of_preset(preset: str, options: argparse.Namespace, folder: Path):
    """Our sampler and the plain one of the generator from scratch, fitted for one step."""
    size, device = PRESETS[preset].size, torch.device(options.device)
    numbers = generator_class("emitdiff").presets[preset] | {"steps": 1, "batch": 1}
    settings = GeneratorSettings(**numbers)
    conditions = made_conditions(options.slices, size)
    slices = TrainingSlices(
        conditions.masks * 200,
        conditions.masks,
        conditions.edges,
        conditions.prompts,
        conditions.ids,
    )
    EmitDiff.fit(slices, settings, TrainingJob(seed=0, device=device, out=folder))
    sampling = settings.sampling
    plain = PlainEmitDiff(EmitDiff.load(folder, device), sampling, KEY)
    plain.network.to(memory_format=torch.contiguous_format)
    return EmitDiff.load(folder, device), plain, sampling, conditions


def of_stable(name: str, options: argparse.Namespace, folder: Path):
    """Our sampler and the pipeline of diffusers for a model of Stable Diffusion."""
    size, device = options.size or STABLE_SIZE[name], torch.device(options.device)
    settings, places = save_model(name, folder)
    sampling = StableSampling(
        **generator_class("stable-diffusion").numbers("paper", "rigorous", "")["sampling"]
    )
    plain = PlainStable(load_parts(places, folder), sampling, KEY, device)
    return (
        StableDiffusion(
            StableSampler(folder, size, device, places),
            sampling,
            number_format.native_format(device),
        ),
        plain,
        sampling,
        made_conditions(options.slices, size),
    )


def measure(options: argparse.Namespace) -> ratios.Ratios:
    """Prints the table; the ratios of its rows."""
    keep_freed_memory()  # as every stage does; the pipelines gain from it too
    print(
        f"{options.device}, {torch.get_num_threads()} threads, {options.slices} slices of ours and"
        f" {options.plain} plain"
    )
    print(f"calls per round, {options.rounds} rounds after 1 of warm-up; medians\n")
    if options.float32:
        number_format.native_dtype = lambda device: torch.float32
    number = number_format.native_format(torch.device(options.device))
    speeds = f"{'plain /s':>9}{'ours /s':>9}{'ratio':>8}  grey levels"
    print(f"{'model':14}{'size':>5}{'steps':>7}{'guidance':>10}  {'format':10}{speeds}")
    found = {}
    for model in options.models.split(","):
        with tempfile.TemporaryDirectory() as name:
            kind = of_stable if model.startswith("stable-") else of_preset
            ours, plain, sampling, conditions = kind(
                model.removeprefix("stable-"), options, Path(name)
            )
            size = conditions.masks.shape[-1]
            size_of_batch = batch_size(size, options.device)
            taken = []
            for _ in range(options.rounds + 1):
                start = ratios.now(options.device, options.cpu_time)
                wanted = [plain(conditions, row) for row in range(options.plain)]
                middle = ratios.now(options.device, options.cpu_time)
                images, _ = sample_variant(
                    ours,
                    conditions,
                    variant=0,
                    key=KEY,
                    batch_size=size_of_batch,
                    sampling=sampling,
                )
                end = ratios.now(options.device, options.cpu_time)
                taken.append(((middle - start) / options.plain, (end - middle) / options.slices))
            difference = np.abs(np.stack(wanted).astype(float) - images[: options.plain]).mean()
        slow, fast = (statistics.median(one[side] for one in taken[1:]) for side in (0, 1))
        ratio = statistics.median(one[0] / one[1] for one in taken[1:])
        cost = (
            f"{model:14}{size:5}{sampling.steps:7}{sampling.guidance_scale:10.1f} "
            f" {number:10}{1 / slow:9.3f}{1 / fast:9.3f}"
        )
        print(f"{cost}{ratio:7.2f}x{difference:13.3f}", flush=True)
        found[f"sampling {model}, {size} px {options.device} {number}: ours / plain"] = ratio
    print()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="smoke,compact,stable-small")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--size", type=int, help="pixels of the stable ones [default: 32, 128, 384]"
    )
    parser.add_argument("--slices", type=int, default=32, help="of one call of ours")
    parser.add_argument(
        "--plain", type=int, default=2, help="slices of the plain pipeline per round, one per call"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--float32", action="store_true", help="ours without bfloat16")
    parser.add_argument("--quick", action="store_true", help="the gate of CI")
    ratios.add_options(parser)
    options = parser.parse_args()
    if options.quick:
        vars(options).update(
            cpu_time=True, models="smoke,stable-tiny", slices=32, plain=2, rounds=5
        )
        torch.set_num_threads(1)
    ratios.finish(lambda: measure(options), options)


if __name__ == "__main__":
    main()
