"""Which batch the generator from scratch should take on this machine: `make bench-generator-batch`.

    python -m tests.bench.bench_generator_batch [--device cuda] [--preset compact]
        [--dataset prostate] [--source SOURCE] [--data-root DIR] [--seeds 0,1]
        [--try 4:1,16:1,16:2,64:1,64:2,64:4] [--total SLICES] [--json generator-batch.json]

Trains emitdiff with each batch on the training cases of fold 0, always until it has seen the same
number of slices (that of the preset, or --total), and samples the validation slices with their own
edges. `16:2`: batches of 16 at 2 times the preset's learning rate. Printed: steps, seconds of the
training, and likeness to the slices (SSIM, by which the preset was chosen, and MS-SSIM), mean and
spread over seeds. Best is the fastest whose SSIM is at most the spread between seeds below that of
the preset's own batch. Without --source the images are the phantom's, which decide nothing.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.catalogue import generator_class, settings_of_generator
from baselines.generators.job import TrainingJob
from benchmark.core.identity import named_seed
from benchmark.core.provenance import machine_name
from benchmark.planning.options import Request
from benchmark.planning.plan import Plan, plan_run
from benchmark.planning.request import location_of, open_request, resolve
from benchmark.planning.settings import settle
from benchmark.stages.execute import execute
from benchmark.stages.execution import Execution
from benchmark.stages.fidelity import image_metrics
from benchmark.stages.fit_generator import FitGeneratorSpec
from benchmark.stages.sampling import batch_size
from benchmark.store.store import Store
from datasets.slices.preparation import Prepared

TRIED = "4:1,16:1,16:2,64:1,64:2,64:4"


@dataclass
class Tried:
    """One batch: what it took (s) and what it gave, for each seed. rate: times the preset's."""

    batch: int
    rate: float
    steps: int
    seconds: list[float]
    ssim: list[float]
    ms_ssim: list[float]

    def line(self) -> str:
        spread = statistics.stdev(self.ssim) if len(self.ssim) > 1 else math.nan
        seconds, ssim, ms_ssim = map(statistics.fmean, (self.seconds, self.ssim, self.ms_ssim))
        numbers = f"{self.batch:6}{self.rate:6g}{self.steps:8}{seconds:10.1f}"
        return f"{numbers}{ssim:8.3f} ± {spread:.3f}{ms_ssim:9.3f}"


def best(tried: Sequence[Tried], own: int) -> tuple[Tried, float]:
    """The fastest whose SSIM is at most the spread between seeds below that of the batch `own` at
    the preset's rate; and that spread: the standard deviation within a way, over all of them.

    Raises ValueError unless `own` was tried, and each with two seeds.
    """
    (reference,) = (one for one in tried if (one.batch, one.rate) == (own, 1))
    spread = math.sqrt(statistics.fmean(statistics.variance(one.ssim) for one in tried))
    least = statistics.fmean(reference.ssim) - spread
    good = [one for one in tried if statistics.fmean(one.ssim) >= least]
    return min(good, key=lambda one: statistics.fmean(one.seconds)), spread


def planned(options: argparse.Namespace, store: Store) -> tuple[Plan, Prepared]:
    """The run of fold 0, and its prepared images."""
    request = Request(
        dataset=options.dataset,
        method="emitdiff",
        source=options.source,
        data_root=options.data_root,
        preset=options.preset,
        folds=(0,),
    )
    settled = settle(request)
    opened = open_request(settled)
    (run,) = resolve(settled, opened)
    location = location_of(settled, opened)
    plan = plan_run(run, opened.cases, opened.options, location, opened.copies)
    node = plan.node("prepare")
    for one, note in plan.notes():
        if one.key == node.key:
            store.notes.write_plan(one.key, note)
    execute(store, node.key, Execution("cpu", logger="none"))
    return plan, Prepared(store.folder("prepare", node.key))


class Bench:
    """Training and validation slices of one fold, and the preset's settings."""

    def __init__(self, options: argparse.Namespace, plan: Plan, data: Prepared):
        spec = plan.spec_of(FitGeneratorSpec)
        assert spec is not None
        self.data, self.device = data, torch.device(options.device)
        self.settings: Any = settings_of_generator(
            "emitdiff", dict(plan.run.method.generator or {})
        )
        self.total = options.total or self.settings.batch * self.settings.steps
        self.rows = data.rows(spec.cases, spec.minimum_foreground)
        self.held_out = data.rows(plan.split.validation, spec.minimum_foreground)

    def measured(
        self, batch: int, rate: float, seed: int, total: int | None = None
    ) -> tuple[int, float, float, float]:
        """(steps, seconds, SSIM, MS-SSIM) of one training, that sees `total` slices, else all."""
        data, rows = self.data, self.rows
        slices = TrainingSlices(
            data.images[rows],
            data.masks[rows],
            data.edges[rows],
            data.prompts(rows),
            data.slice_ids(rows),
        )
        settings = self.settings.model_copy(
            update={
                "batch": batch,
                "steps": max(1, round((total or self.total) / batch)),
                "learning_rate": rate * self.settings.learning_rate,
            }
        )
        kind = generator_class("emitdiff")
        with tempfile.TemporaryDirectory() as name:
            job = TrainingJob(Path(name) / "fit", self.device, named_seed(seed, "generator"))
            job.out.mkdir()
            start = time.perf_counter()
            kind.fit(slices, settings, job)
            seconds = time.perf_counter() - start
            likeness = self.likeness(kind.load(job.out, self.device), settings, seed)
        return settings.steps, seconds, *likeness

    def likeness(self, generator: Any, settings: Any, seed: int) -> tuple[float, float]:
        """SSIM and MS-SSIM of samples of the validation slices with those slices."""
        data, rows = self.data, self.held_out
        conditions = Conditions(
            data.slice_ids(rows), data.masks[rows], data.edges[rows], data.prompts(rows)
        )
        sampling = settings.held_out_sampling(settings.sampling.model_dump())
        made, _ = generator.sample(
            conditions,
            variants=[0] * len(rows),
            key=f"batch-{seed}",
            batch_size=batch_size(data.size, str(self.device)),
            sampling=type(settings.sampling).model_validate(sampling),
        )
        found = image_metrics(made, data.images[rows])
        return float(np.mean(found["ssim"])), float(np.mean(found["ms_ssim"]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--preset", default="compact")
    parser.add_argument("--dataset", default="prostate")
    parser.add_argument("--source", default="phantom")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--seeds", default="0,1", help="two or more")
    parser.add_argument("--try", dest="tried", default=TRIED, help="BATCH:RATE,...")
    parser.add_argument("--total", type=int, help="slices that each training sees")
    parser.add_argument("--json", type=Path, default=Path("generator-batch.json"))
    options = parser.parse_args()
    ways = [tuple(one.split(":")) for one in options.tried.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        plan, data = planned(options, Store(Path(folder)))
        bench = Bench(options, plan, data)
        where = machine_name(options.device)
        print(
            f"{where}; {plan.run.source.title}; {len(bench.rows)} slices to learn,"
            f" {len(bench.held_out)} to compare, {bench.total} seen"
        )
        print(f"{'batch':>6}{'rate':>6}{'steps':>8}{'seconds':>10}{'SSIM':>16}{'MS-SSIM':>9}")
        bench.measured(8, 1.0, 0, total=8)  # what a first training loads does not count
        tried = []
        for batch, rate in ways:
            seeds = [int(seed) for seed in options.seeds.split(",")]
            runs = [bench.measured(int(batch), float(rate), seed) for seed in seeds]
            steps, *found = (list(values) for values in zip(*runs, strict=True))
            tried.append(Tried(int(batch), float(rate), steps[0], *found))
            print(tried[-1].line(), flush=True)
    own = bench.settings.batch
    chosen, spread = best(tried, own)
    print(
        f"\nBest: batch {chosen.batch} at {chosen.rate:g} times the learning rate: the fastest"
        f" whose SSIM is not below that of batch {own} by more than the spread between seeds"
        f" ({spread:.3f})."
    )
    options.json.write_text(
        json.dumps(
            {
                "machine": where,
                "source": plan.run.source.title,
                "preset": options.preset,
                "slices_seen": bench.total,
                "spread": spread,
                "best": {"batch": chosen.batch, "rate": chosen.rate, "steps": chosen.steps},
                "tried": [asdict(one) for one in tried],
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
