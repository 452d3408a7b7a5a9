"""Step rate of augmented training against un-augmented training, transform by transform.

    python tests/bench/bench_augment.py [--device cpu] [--size 128] [--batch 8] [--rounds 12] \\
        [--protocol released] [--architecture unet]
        [--json FILE] [--compare FILE] [--quick]

A step is augmentation, forward and backward pass of attention-unet, cross-entropy and AdamW. Rounds
are interleaved (one step of each transform in turn), so that a busy machine slows all alike; the
ratio is of the medians. The last column is the share that augmentation takes of a step on average:
a stack computes some of its parts for few images, so that its mean is above its median. Wanted: a
rate of at least 0.9 for every transform on the CPU and on a GPU, at a batch of 8.
--quick (the gate of CI): 64 px, CPU seconds of one thread. On a GPU: --device cuda --size 384.
"""

import argparse
import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.networks.architectures import build
from baselines.transforms.augmenter import make_augmenter
from baselines.transforms.catalogue import transforms
from benchmark.training.freed_memory import keep_freed_memory
from tests.bench import ratios


def measure(options: argparse.Namespace) -> ratios.Ratios:
    """Prints the table; the ratios of its rows."""
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(options.batch, 1, options.size, options.size, generator=rng).to(
        options.device
    )
    masks = (images[:, 0] > 0.7).to(torch.uint8)
    network = build(options.architecture, options.size).to(options.device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    names = ["none", *transforms()]
    augmenters = {
        name: make_augmenter(
            None if name == "none" else name, renormalise=options.protocol == "released"
        )
        for name in names
    }
    augment_s: dict[str, list[float]] = {name: [] for name in names}
    step_s: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(options.rounds + 2):
        for name, augment in augmenters.items():
            start = ratios.now(options.device, options.cpu_time)
            new, labels = augment(images, masks, rng)
            middle = ratios.now(options.device, options.cpu_time)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(new), labels.long()).backward()
            optimiser.step()
            augment_s[name].append(middle - start)
            step_s[name].append(ratios.now(options.device, options.cpu_time) - start)
    print(
        f"{options.architecture}, {options.size} px, batch {options.batch}, {options.device},"
        f" {options.protocol},"
    )
    print(
        f"{torch.get_num_threads()} threads, {options.rounds} rounds after 2 of warm-up; medians\n"
    )
    print(f"{'transform':16}{'augment ms':>12}{'step ms':>10}{'rate / none':>13}{'mean share':>12}")
    plain_s = statistics.median(step_s["none"][2:])
    found = {}
    for name in names:
        augment, step = (statistics.median(seconds[name][2:]) for seconds in (augment_s, step_s))
        share = sum(augment_s[name][2:]) / sum(step_s[name][2:])
        times = f"{augment * 1e3:12.1f}{step * 1e3:10.1f}"
        print(f"{name:16}{times}{plain_s / step:13.3f}{share:12.3f}")
        if name != "none":
            found[f"augment {name}, {options.size} px {options.device}: step rate / none"] = (
                plain_s / step
            )
    print()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--architecture", default="attention-unet")
    parser.add_argument("--protocol", choices=["rigorous", "released"], default="rigorous")
    parser.add_argument("--quick", action="store_true", help="the gate of CI")
    ratios.add_options(parser)
    options = parser.parse_args()
    if options.quick:
        vars(options).update(cpu_time=True, size=64, rounds=8)
        torch.set_num_threads(1)
    keep_freed_memory()  # as every stage does
    ratios.finish(lambda: measure(options), options)


if __name__ == "__main__":
    main()
