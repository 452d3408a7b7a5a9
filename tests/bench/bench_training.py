"""Our training loop against a plain PyTorch DataLoader loop of the released design, on the same
data.

    python tests/bench/bench_training.py [--architecture attention-unet] [--size 128] \\
        [--device cpu] [--slices 64]
        [--rounds 5] [--workers 2] [--json FILE] [--compare FILE] [--quick]

Ours is benchmark/training/segmenter.py `fit` with the objectives of baselines/, one epoch per
round; the plain loop is plain_training.py. Each lives in a process of its own and they take turns,
one epoch each, so that a busy machine slows both; a ratio is the median over the rounds of the
quotient of one round. `emitdiff` is ours as in Alg. 1 (one pass over merged images, the default)
and, as "logits", with the released two passes (Q6); the plain loop has two passes in both. Share of
the loader: time until the network is called, of a whole step. Wanted, at 128 px with attention-unet
on a CPU: none and emitdiff 1.5x the samples/s, loader below 5 %. --quick (the gate of CI): unet, 64
px, CPU seconds of one thread, the plain loop without workers. On a GPU: --device cuda --size 384
--slices 317 --workers 8.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import ratios

VARIANTS, BATCH, ALPHA = 4, 8, 0.6
# row of the table: (method of the plain loop, our objective, transform)
ROWS = {
    "none": ("none", "real", None),
    "emitdiff": ("emitdiff", "image", None),
    "emitdiff, logits": ("emitdiff", "logits", None),
    "deepstack": ("deepstack", "real", "deepstack"),
}


def made_slices(count: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, masks {0, 1} and variants, uint8: grey noise with a brighter disc, which is the
    foreground."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[:size, :size]
    centres = rng.uniform(0.3, 0.7, (count, 2, 1, 1)) * size
    masks = ((y - centres[:, 0]) ** 2 + (x - centres[:, 1]) ** 2 < (size / 6) ** 2).astype(np.uint8)
    noise = rng.integers(0, 128, (VARIANTS + 1, count, size, size), dtype=np.uint8)
    images = noise + 100 * masks
    return images[0], masks, images[1:]


def serve_plain(pipe, folder: Path, options: argparse.Namespace) -> None:
    """Answers each row's name with the seconds of an epoch of the plain loop."""
    from tests.bench.plain_training import PlainLoop

    loops = {}
    while asked := pipe.recv():
        method = ROWS[asked[0]][0]
        if method not in loops:
            loops[method] = PlainLoop(
                folder, method, options.architecture, options.size, options.workers, options.device
            )
        start = ratios.now(options.device, options.cpu_time)
        loops[method].epoch()
        pipe.send(ratios.now(options.device, options.cpu_time) - start)


def serve_ours(pipe, folder: Path, options: argparse.Namespace) -> None:
    """Answers a row's name and a precision with the seconds of an epoch, then with those until the
    network is called."""
    from baselines.networks.architectures import build
    from benchmark.training.budget import Training
    from benchmark.training.freed_memory import keep_freed_memory
    from benchmark.training.segmenter import fit, make_fabric

    keep_freed_memory()  # as every stage does
    slices = made_slices(options.slices, options.size)
    fabrics, kept = {}, {}
    while asked := pipe.recv():
        name, precision = asked
        if precision not in fabrics:
            fabrics[precision] = make_fabric(options.device, precision)
        fabric = fabrics[precision]
        if asked not in kept:
            kept[asked] = (
                objective_of(name, slices, fabric.device),
                build(options.architecture, options.size),
            )
        objective, network = kept[asked]
        training = Training(
            epochs=1,
            batch_size=BATCH,
            learning_rate=1e-3,
            weight_decay=0.01,
            lr_schedule="constant",
            shuffle=True,
            validate_every=1,
        )
        start = ratios.now(options.device, options.cpu_time)
        own = objective.augment and objective.augment.own
        fit(
            network,
            objective,
            options.slices,
            training,
            select=None,
            fabric=fabric,
            seed=0,
            generators={"augment": own} if own else {},
        )
        taken = ratios.now(options.device, options.cpu_time) - start
        pipe.send((taken, loader_seconds(objective, options.slices, fabric.device, options)))


def objective_of(name: str, slices, device, own=None):
    """Our objective of a row, with its slices on the device; own: what its transform draws from."""
    import torch

    from baselines.objectives import objectives
    from baselines.transforms.augmenter import make_augmenter

    own = torch.Generator(device).manual_seed(0) if torch.device(device).type == "cuda" else None
    images, masks, variants = (torch.from_numpy(stack).to(device) for stack in slices)
    _, kind, transform = ROWS[name]
    shown = {
        "images": images,
        "masks": masks,
        "loss": objectives.dice_ce(False),
        "augment": make_augmenter(transform, own=own) if transform else None,
    }
    if kind == "real":
        return objectives.RealObjective(**shown)
    patch = max(
        side for side in range(1, images.shape[-1] // 4 + 1) if images.shape[-1] % side == 0
    )
    merged = objectives.MergedImages if kind == "image" else objectives.MergedLogits
    return merged(**shown, variants=variants, alpha=ALPHA, patch_size=patch)


class _Reached(Exception):
    """The network was called."""


def loader_seconds(objective, count: int, device, options: argparse.Namespace) -> float:
    """Seconds that an epoch spends on gathering, merging and augmenting: until the network is
    called."""
    import torch

    def network(_):
        if device.type == "cuda":
            torch.cuda.synchronize()
        raise _Reached

    rng = torch.Generator(device).manual_seed(0)
    start = ratios.now(options.device, options.cpu_time)
    for batch in torch.randperm(count, device=device).split(BATCH):
        try:
            objective(network, batch, rng)
        except _Reached:
            continue
    return ratios.now(options.device, options.cpu_time) - start


def measure(options: argparse.Namespace) -> ratios.Ratios:
    """Prints the table; the ratios of its rows."""
    from tests.bench.plain_training import write_slices

    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_slices(folder, *made_slices(options.slices, options.size))
        pipes = {}
        for side, serve in (("plain", serve_plain), ("ours", serve_ours)):
            pipes[side], there = context.Pipe()
            context.Process(target=serve, args=(there, folder, options)).start()

        def ask(side: str, *question: str):
            pipes[side].send(question)
            return pipes[side].recv()

        print(
            f"{options.architecture}, {options.size} px, batch {BATCH}, {options.slices} slices,"
            f" {options.device},"
        )
        print(
            f"{options.workers} loader workers of the plain loop, {options.rounds} rounds after 1"
            f" of warm-up; medians\n"
        )
        print(
            f"{'method':20}{'precision':12}{'plain /s':>10}{'ours /s':>10}{'ratio':>8}{'loader':>9}"
        )
        found = {}
        for row in ROWS if options.rows is None else options.rows.split(";"):
            for precision in options.precisions.split(","):
                rounds = [
                    (ask("plain", row), *ask("ours", row, precision))
                    for _ in range(options.rounds + 1)
                ][1:]
                plain, ours = (
                    statistics.median(taken[side] for taken in rounds) for side in (0, 1)
                )
                ratio = statistics.median(taken[0] / taken[1] for taken in rounds)
                share = statistics.median(taken[2] / taken[1] for taken in rounds)
                speeds = f"{options.slices / plain:10.1f}{options.slices / ours:10.1f}"
                print(f"{row:20}{precision:12}{speeds}{ratio:7.2f}x{share:8.1%}", flush=True)
                key = (
                    f"training {row} {precision}, {options.architecture} {options.size} px"
                    f" {options.device}: ours / plain"
                )
                found[key] = ratio
        for pipe in pipes.values():
            pipe.send(None)
    print()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--architecture", choices=["attention-unet", "unet"], default="attention-unet"
    )
    parser.add_argument("--size", type=int, default=128, help="pixels, a multiple of 32")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--slices", type=int, default=64, help="of one epoch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="loader processes of the plain loop")
    parser.add_argument(
        "--rows", help=f"some of: {'; '.join(ROWS)} (with ; between them) [default: all]"
    )
    parser.add_argument("--precisions", default="float32,bfloat16", help="of our loop")
    parser.add_argument("--quick", action="store_true", help="the gate of CI")
    ratios.add_options(parser)
    options = parser.parse_args()
    if options.quick:
        vars(options).update(
            cpu_time=True, architecture="unet", size=64, rounds=5, workers=0, precisions="float32"
        )
        vars(options).update(rows="none;emitdiff;deepstack")
        os.environ["OMP_NUM_THREADS"] = "1"  # of the two processes
    ratios.finish(lambda: measure(options), options)


if __name__ == "__main__":
    main()
