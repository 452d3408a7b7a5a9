"""How near our training step and our samples come to what the device can do.

    python tests/bench/bench_roofline.py [--device cpu] [--architecture attention-unet] \\
        [--size 128] [--samples 8]
        [--models smoke,compact,stable-small] [--cpu-time] [--json FILE]

The limit is the longer of two times: the counted operations at the rate of a large matrix product
of the same number format, and the counted bytes at the rate of a large copy, both measured in the
same run (roofline.py). The share says how much of the limit is reached. A step is that of the
segmenter with 8 slices: gather, forward, loss, backward, AdamW. A sample is one image by
`Generator.sample` in a batch of --samples, all solver steps and both passes of guidance; its models
are those of bench_sampling.py. On a GPU: --device cuda --size 384 --samples 64 --models
compact,stable-full.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.networks.architectures import build
from benchmark.training.number_format import format_name, native_dtype
from tests.bench import bench_sampling, ratios, roofline
from tests.bench.bench_training import made_slices, objective_of
from tests.support.one_variant import sample_variant

BATCH = 8


def training_step(options: argparse.Namespace, dtype: torch.dtype) -> Callable[[], object]:
    """One step of the segmenter without augmentation, on slices that lie on the device."""
    device = torch.device(options.device)
    objective = objective_of("none", made_slices(BATCH, options.size), device)
    network = build(options.architecture, options.size).to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    rows, rng = torch.arange(BATCH, device=device), torch.Generator(device).manual_seed(0)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss, _ = objective(network, rows, rng)
        loss.backward()
        optimiser.step()

    return step


def row(
    name: str,
    dtype: torch.dtype,
    work: Callable[[], object],
    items: int,
    options: argparse.Namespace,
) -> ratios.Ratios:
    """Prints a row, per item of `work`; its share."""
    counted = roofline.count(work)
    limits = roofline.rates(options.device, dtype, options.cpu_time)
    taken, limit = (
        roofline.seconds(work, options.device, options.cpu_time, 3),
        counted.limit_s(limits),
    )
    flop, size = counted.flop / items / 1e9, counted.bytes / items / 1e9
    cost = f"{flop:10.2f}{size:9.3f}{counted.flop / counted.bytes:9.1f}"
    device = f"{limits.flop_per_s / 1e9:10.0f}{limits.bytes_per_s / 1e9:8.1f}"
    times = f"{limit / items * 1e3:11.2f}{taken / items * 1e3:10.2f}{limit / taken:8.0%}"
    print(
        f"{name:30}{format_name(dtype):10}{cost}{device}{times}  {counted.bound(limits)}",
        flush=True,
    )
    return {
        f"roofline {name} {format_name(dtype)} {options.device}: share of the limit": limit / taken
    }


def measure(options: argparse.Namespace) -> ratios.Ratios:
    """Prints the table; the shares of its rows."""
    device = torch.device(options.device)
    print(
        f"{options.device}, {torch.get_num_threads()} threads; steps of {BATCH} slices, samples"
        f" {options.samples} at once\n"
    )
    columns = f"{'GFLOP':>10}{'GB':>9}{'FLOP/B':>9}{'GFLOP/s':>10}{'GB/s':>8}"
    columns += f"{'limit ms':>11}{'ms':>10}{'share':>8}"
    print(f"{'':30}{'format':10}{columns}  bound")
    found = {}
    for dtype in dict.fromkeys((torch.float32, native_dtype(device))):
        name = f"step {options.architecture} {options.size} px"
        found |= row(name, dtype, training_step(options, dtype), 1, options)
    for model in options.models.split(","):
        kind = bench_sampling.of_stable if model.startswith("stable-") else bench_sampling.of_preset
        with tempfile.TemporaryDirectory() as folder:
            chosen = argparse.Namespace(device=options.device, slices=options.samples, size=None)
            ours, _, sampling, conditions = kind(
                model.removeprefix("stable-"), chosen, Path(folder)
            )

            def sample(ours=ours, sampling=sampling, conditions=conditions) -> None:
                sample_variant(
                    ours,
                    conditions,
                    variant=0,
                    key="bench",
                    batch_size=options.samples,
                    sampling=sampling,
                )

            name = f"sample {model} {conditions.masks.shape[-1]} px"
            found |= row(name, native_dtype(device), sample, options.samples, options)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--architecture", default="attention-unet")
    parser.add_argument("--size", type=int, default=128, help="pixels of the training step")
    parser.add_argument("--samples", type=int, default=8, help="images of one batch")
    parser.add_argument("--models", default="smoke,compact,stable-small")
    ratios.add_options(parser)
    options = parser.parse_args()
    ratios.finish(lambda: measure(options), options)


if __name__ == "__main__":
    main()
