"""The parts of bench_gpu.py: each measures at given sizes and returns rows."""

import math
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.generators.fit_folder import write_config
from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.networks.architectures import build
from benchmark.training.budget import Training
from benchmark.training.graphs import read_graphs
from benchmark.training.number_format import native_dtype
from benchmark.training.segmenter import fit, make_fabric
from tests.bench import roofline
from tests.bench.bench_roofline import training_step
from tests.bench.bench_sampling import made_conditions
from tests.bench.bench_training import made_slices, objective_of
from tests.bench.made_stable import save_model

BATCH = 8
WAYS = {"graph": True, "plain": False}


@dataclass
class Sizes:
    """What is measured. Pixels of slices; steps of a timed training; slices of a sampling; the
    Stable Diffusion model of made_stable.py and its pixels; batches of the generator."""

    device: str = "cuda"
    architecture: str = "attention-unet"
    pixels: tuple[int, ...] = (128, 384)
    steps: int = 100
    curve_steps: int = 50
    batches: tuple[int, ...] = (4, 16, 64)
    generator_preset: str = "compact"
    generator_pixels: int = 128
    samples: int = 320
    stable: str = "full"
    stable_pixels: int = 384
    stable_batch: int = 8
    stable_steps: int = 30
    stable_samples: int = 96
    stable_plain_samples: int = 2
    together: tuple[int, ...] = (1, 2, 4)

    @classmethod
    def quick(cls, device: str) -> "Sizes":
        """Tiny: it shows that everything runs."""
        return cls(
            device=device,
            architecture="unet",
            pixels=(64,),
            steps=4,
            curve_steps=6,
            batches=(2,),
            generator_preset="smoke",
            generator_pixels=32,
            samples=6,
            stable="tiny",
            stable_pixels=32,
            stable_batch=2,
            stable_steps=20,
            stable_samples=4,
            stable_plain_samples=1,
            together=(1, 2),
        )


@dataclass
class Row:
    """One line of the table. value: of the way in use, plain: of what stands beside it, both in
    `unit`; how: what the record would say of its graphs; more: what the JSON holds beside."""

    what: str
    unit: str = ""
    value: float = math.nan
    plain: float = math.nan
    limit_share: float = math.nan
    how: str = ""
    error: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        numbers = asdict(self)
        return {name: None if value != value else value for name, value in numbers.items()}


def training(items: int, epochs: int) -> Training:
    return Training(
        epochs=epochs,
        batch_size=min(BATCH, items),
        learning_rate=1e-3,
        weight_decay=0.01,
        lr_schedule="constant",
        shuffle=True,
        validate_every=1,
    )


def fitted(
    sizes: Sizes,
    pixels: int,
    row: str,
    items: int,
    epochs: int,
    graphs: bool,
    compiles: bool = False,
):
    """(Fit, seconds of a step: of the later half of the epochs)."""
    fabric = make_fabric(sizes.device)
    own = torch.Generator(fabric.device).manual_seed(0)
    objective = objective_of(row, made_slices(items, pixels), fabric.device, own)
    network = build(sizes.architecture, pixels, seed=0)
    seen: dict[int, float] = {}

    def report(done: int, total: int, **_: float) -> None:
        seen[done] = time.perf_counter()

    done = fit(
        network,
        objective,
        items,
        training(items, epochs),
        select=None,
        fabric=fabric,
        seed=0,
        report=report,
        graphs=graphs,
        compiles=compiles,
        generators={"augment": own} if row == "deepstack" else {},
    )
    steps = sorted(seen)
    half, last = steps[len(steps) // 2], steps[-1]
    return done, (seen[last] - seen[half]) / (last - half)


def segmenter(sizes: Sizes, pixels: int) -> list[Row]:
    """Training steps of each method, graph beside plain; the loss of the first steps of both."""
    rows = []
    items = BATCH * max(1, sizes.steps // 10)
    for method in ("none", "deepstack", "emitdiff"):
        curves, seconds, told = {}, {}, ""
        for way, graphs in WAYS.items():
            short, _ = fitted(sizes, pixels, method, BATCH, sizes.curve_steps, graphs)
            curves[way] = [row["loss"] for row in short.curve]
            done, seconds[way] = fitted(sizes, pixels, method, items, 10, graphs)
            told = told or how(done.graphs)
        away = max(abs(one - other) for one, other in zip(*curves.values(), strict=True))
        row = Row(
            f"segmenter {pixels} px, {method}: step of {BATCH}",
            "ms",
            seconds["graph"] * 1e3,
            seconds["plain"] * 1e3,
            how=f"{told}; losses at most {away:.2g} apart",
            more={"losses": curves},
        )
        if method == "none":
            row.limit_share = share_of_limit(sizes, pixels, seconds["graph"])
        rows.append(row)
    return rows


def compiled(sizes: Sizes) -> list[Row]:
    """Training steps of the segmenter with torch.compile below the graph; beside it the graph
    alone."""
    rows = []
    items = BATCH * max(1, sizes.steps // 10)
    for pixels in sizes.pixels:
        (_, plain), (done, value) = (
            fitted(sizes, pixels, "none", items, 10, True, compiles) for compiles in (False, True)
        )
        row = Row(f"segmenter {pixels} px, none: compiled", "ms", value * 1e3, plain * 1e3)
        row.how = f"{how(done.graphs)}; beside: not compiled"
        rows.append(row)
    return rows


def share_of_limit(sizes: Sizes, pixels: int, seconds: float) -> float:
    """Share of the shortest time that operations and bytes of a step allow."""
    dtype = native_dtype(torch.device(sizes.device))
    options = Namespace(device=sizes.device, size=pixels, architecture=sizes.architecture)
    counted = roofline.count(training_step(options, dtype))
    return counted.limit_s(roofline.rates(sizes.device, dtype)) / seconds


def how(told: dict[str, Any]) -> str:
    """What a record says of graphs, in a few words."""
    found = told.get("graphs", {})
    return f"{found['how']} {found.get('reason', '')}".strip() if found else "no GPU, no graphs"


def slices_of(count: int, size: int) -> tuple[TrainingSlices, Conditions]:
    made = made_conditions(count, size)
    slices = TrainingSlices(made.masks * 200, made.masks, made.edges, made.prompts, made.ids)
    return slices, made


def timed_fit(kind: str, slices, settings, job: Callable[..., TrainingJob]) -> tuple[float, Path]:
    """(seconds of a step after the first looks at the loss, the folder)."""
    seen: dict[int, float] = {}

    def report(done: int, total: int, **_: float) -> None:
        seen[done] = time.perf_counter()

    made = job(report=report)
    made.out.mkdir(parents=True)
    generator_class(kind).fit(slices, settings, made)
    steps = sorted(step for step in seen if step)
    return (seen[steps[-1]] - seen[steps[0]]) / (steps[-1] - steps[0]), made.out


def generator(sizes: Sizes) -> list[Row]:
    """Training steps of the generator from scratch, by its batch."""
    kind, rows = generator_class("emitdiff"), []
    slices, _ = slices_of(16, sizes.generator_pixels)
    for batch in sizes.batches:
        numbers = kind.numbers(sizes.generator_preset, "rigorous", "prostate")
        settings = kind.settings.model_validate(
            numbers | {"steps": max(20, sizes.steps), "batch": batch}
        )
        seconds, told = {}, ""
        for way, graphs in WAYS.items():
            with tempfile.TemporaryDirectory() as name:
                job = partial(
                    TrainingJob, Path(name) / "fit", torch.device(sizes.device), 0, graphs=graphs
                )
                seconds[way], out = timed_fit("emitdiff", slices, settings, job)
                told = told or how(read_graphs(out))
        rows.append(
            Row(
                f"generator {sizes.generator_preset} {sizes.generator_pixels} px: step of {batch}",
                "ms",
                seconds["graph"] * 1e3,
                seconds["plain"] * 1e3,
                how=told,
            )
        )
    return rows


def sampled(cls, folder: Path, sizes: Sizes, places: Places, graphs: bool, conditions, batch: int):
    """(images per second of a second call, what is told of the graphs)."""
    made = Places(places.found, places.micro_batch, graphs=graphs)
    ours = cls.load(folder, torch.device(sizes.device), made)
    spent = 0.0
    for _ in range(2):  # the first call warms up and records
        start = time.perf_counter()
        ours.sample(conditions, variants=[0] * len(conditions.ids), key="bench", batch_size=batch)
        spent = time.perf_counter() - start
    return len(conditions.ids) / spent, how(ours.told())


def sampling(sizes: Sizes) -> list[Row]:
    """Samples of the generator from scratch."""
    kind = generator_class("emitdiff")
    numbers = kind.numbers(sizes.generator_preset, "rigorous", "prostate") | {"steps": 1}
    slices, conditions = slices_of(sizes.samples, sizes.generator_pixels)
    with tempfile.TemporaryDirectory() as name:
        job = TrainingJob(Path(name), torch.device(sizes.device), 0)
        kind.fit(slices, kind.settings.model_validate(numbers | {"batch": 1}), job)
        found = {
            way: sampled(kind, Path(name), sizes, Places(), graphs, conditions, 64)
            for way, graphs in WAYS.items()
        }
    what = f"sampling {sizes.generator_preset} {sizes.generator_pixels} px, 64 at once"
    (value, told), (plain, _) = found["graph"], found["plain"]
    return [Row(what, "images/s", value, plain, how=told)]


def stable_training(sizes: Sizes) -> list[Row]:
    """Fine-tuning of networks of the size of Stable Diffusion 1.5, all of the UNet."""
    steps, batch = sizes.stable_steps, sizes.stable_batch
    slices, _ = slices_of(batch, sizes.stable_pixels)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        settings, places = save_model(sizes.stable, Path(name))
        settings = settings.model_copy(
            update={"epochs": steps, "batch": batch, "micro_batch": batch}
        )
        for way, graphs in WAYS.items():
            out, device = Path(name) / way, torch.device(sizes.device, 0)
            device = device if sizes.device == "cuda" else torch.device("cpu")
            job = partial(TrainingJob, out, device, 0, places, graphs=graphs)
            seconds, folder = timed_fit("stable-diffusion", slices, settings, job)
            found[way] = batch / seconds, how(read_graphs(folder))
    what = f"Stable Diffusion ({sizes.stable}) {sizes.stable_pixels} px: fine-tuning, batch {batch}"
    (value, told), (plain, _) = found["graph"], found["plain"]
    return [Row(what, "slices/s", value, plain, how=told)]


def stable_sampling(sizes: Sizes) -> list[Row]:
    """Samples of the same, 20 steps with guidance; beside it the pipeline of diffusers too."""
    from baselines.stable.parts import load_parts
    from tests.bench.plain_sampling import PlainStable

    kind = generator_class("stable-diffusion")
    numbers = kind.numbers("paper", "rigorous", "breast")["sampling"]
    _, conditions = slices_of(sizes.stable_samples, sizes.stable_pixels)
    with tempfile.TemporaryDirectory() as name:
        folder, device = Path(name), torch.device(sizes.device)
        settings, places = save_model(sizes.stable, folder)
        settings = settings.model_copy(
            update={"sampling": settings.sampling.model_copy(update=numbers)}
        )
        write_config(folder, kind.name, sizes.stable_pixels, settings)
        found = {
            way: sampled(kind, folder, sizes, places, graphs, conditions, 32)
            for way, graphs in WAYS.items()
        }
        pipeline = PlainStable(load_parts(places, folder), settings.sampling, "bench", device)
        pipeline(conditions, 0)
        start = time.perf_counter()
        for row in range(sizes.stable_plain_samples):
            pipeline(conditions, row)
        slow = sizes.stable_plain_samples / (time.perf_counter() - start)
    what = f"Stable Diffusion ({sizes.stable}) {sizes.stable_pixels} px: sampling"
    (value, told), (plain, _) = found["graph"], found["plain"]
    beside = {"images per second of the pipeline of diffusers": slow}
    note = f"{told}; {value / slow:.1f} times the pipeline of diffusers"
    return [Row(what, "images/s", value, plain, how=note, more=beside)]


def together(sizes: Sizes) -> list[Row]:
    """1, 2 and 4 trainings at once on the device: steps per second of all of them."""
    pixels, rows, alone = sizes.pixels[-1], [], math.nan
    for count in sizes.together:
        command = [sys.executable, "-m", "tests.bench.bench_gpu", "--device", sizes.device]
        command += ["--part", "one-of-several", *(["--quick"] if sizes.stable == "tiny" else [])]
        with tempfile.TemporaryDirectory() as name:
            processes = [
                subprocess.Popen(
                    [*command, "--out", f"{name}/{number}", "--barrier", f"{name}/go"],
                    stderr=subprocess.DEVNULL,
                )
                for number in range(count)
            ]
            ready = [Path(f"{name}/{number}.ready") for number in range(count)]
            while not all(path.exists() for path in ready):
                if any(process.poll() for process in processes):
                    raise RuntimeError("one of several trainings ended early")
                time.sleep(0.05)
            Path(f"{name}/go").touch()
            if any(process.wait() for process in processes):
                raise RuntimeError("one of several trainings failed")
            seconds = [float(Path(f"{name}/{number}").read_text()) for number in range(count)]
        speed = count / max(seconds)
        alone = speed if count == 1 else alone
        what = f"{count} trainings at once, {pixels} px"
        rows.append(Row(what, "steps/s", speed, alone, how="beside: one alone"))
    return rows


def one_of_several(sizes: Sizes, out: Path, barrier: Path) -> None:
    """Warms up, waits for the others, trains; writes the seconds of a step."""
    pixels = sizes.pixels[-1]
    fitted(sizes, pixels, "none", BATCH, 6, True)
    Path(f"{out}.ready").touch()
    while not barrier.exists():
        time.sleep(0.01)
    _, seconds = fitted(sizes, pixels, "none", BATCH * max(1, sizes.steps // 10), 10, True)
    out.write_text(str(seconds))


def parts(sizes: Sizes) -> dict[str, tuple[int, Callable[[], list[Row]]]]:
    """Name -> (seconds that it may take on an H100, the part)."""
    return {
        **{
            f"segmenter-{pixels}": (70, partial(segmenter, sizes, pixels))
            for pixels in sizes.pixels
        },
        "generator": (60, partial(generator, sizes)),
        "sampling": (40, partial(sampling, sizes)),
        "stable-training": (75, partial(stable_training, sizes)),
        "stable-sampling": (90, partial(stable_sampling, sizes)),
        "together": (90, partial(together, sizes)),
        # last: a compiler may take the time that is left
        "compiled": (100, partial(compiled, sizes)),
    }
