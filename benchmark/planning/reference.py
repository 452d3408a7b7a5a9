"""What stages cost of which the store measured none: from the published records, and where those
hold no stage of the kind, estimated from its floating-point operations.

reference_costs.csv is written by `python -m tests.bench.write_reference_costs`, which reads the
records below reports/published. Its rows:

    measured  seconds of one item of a kind of stage on a machine, with the largest memory
    rate      GFLOP per second that a machine reached in a role, and the least seconds of a step
    gflop     operations of one slice in one forward pass of a network
    slices    slices of a case of a source

An item is one slice in one pass: of a training, of a sampler, of a test. Not here: costs that the
store itself measured (forecast.py).
"""

import csv
import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.identity import digest
from benchmark.planning.plan import Plan
from benchmark.stages.audit import AuditSpec
from benchmark.stages.catalogue import Node
from benchmark.stages.fit_generator import FitGeneratorSpec
from benchmark.stages.fit_segmenter import FitSegmenterSpec
from benchmark.stages.predict import PredictSpec
from benchmark.stages.prepare import PrepareSpec
from benchmark.stages.pretrain import PretrainSpec
from benchmark.stages.synthesize import SynthesizeSpec

TABLE = Path(__file__).with_name("reference_costs.csv")
COLUMNS = (
    *("row", "machine", "what", "size", "kind", "value", "step_seconds", "memory_mb"),
    *("gpu_memory_mb", "count", "note"),
)
TRAINING, SAMPLING, SEGMENTER = "training", "sampling", "segmenter"
BACKWARD = 3  # operations of a training step, in forward passes
FEW_SLICES = 20  # of a volume of a source that no record knows


@dataclass(frozen=True)
class Share:
    """What the stages of one name cost on one machine. seconds: all of them together; estimated:
    the part of it that is an estimate."""

    stages: int
    seconds: float
    estimated: float


@dataclass(frozen=True)
class Load:
    """The work of one stage. items: slices times passes; steps: optimiser or solver steps, each of
    which takes some time whatever its size; network: a name of the rows `gflop`, with `role` the
    rates that belong to it; passes: forward passes that an item counts as."""

    items: float
    steps: float = 0.0
    network: str = ""
    role: str = ""
    passes: int = 1


def published(
    plans: Sequence[Plan], outstanding: Iterable[Node], kinds: Mapping[str, str]
) -> dict[str, dict[str, Share]]:
    """Machine -> stage name -> cost of the outstanding stages; machines that can be told of all of
    them. `kinds`: of all nodes, by key."""
    table = published_table()
    loads = loads_of(plans, table)
    todo = list(outstanding)
    sizes = {node.key: plan.run.preset.size for plan in plans for node in plan.nodes}
    found: dict[str, dict[str, Share]] = {}
    for machine in table.machines:
        by_stage: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        for node in todo:
            told = table.seconds(machine, kinds[node.key], loads[node.key], sizes[node.key])
            if told is None:
                break
            by_stage[node.stage].append(told)
        else:
            found[machine] = {stage: _share(costs) for stage, costs in by_stage.items()}
    return found


def _share(costs: Sequence[tuple[float, bool]]) -> Share:
    guessed = sum(seconds for seconds, measured in costs if not measured)
    return Share(len(costs), sum(seconds for seconds, _ in costs), guessed)


@dataclass(frozen=True)
class Table:
    """The rows of reference_costs.csv, by what they are asked for."""

    measured: Mapping[tuple[str, str], float]
    rates: Mapping[tuple[str, str], tuple[float, float]]
    gflop: Mapping[str, Mapping[int, float]]
    slices: Mapping[str, float]
    notes: Mapping[str, str]

    @classmethod
    def of(cls, path: Path) -> "Table":
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        gflop: dict[str, dict[int, float]] = defaultdict(dict)
        for row in rows:
            if row["row"] == "gflop":
                gflop[row["what"]][int(row["size"])] = float(row["value"])
        return cls(
            measured={
                (row["machine"], row["kind"]): float(row["value"])
                for row in rows
                if row["row"] == "measured"
            },
            rates={
                (row["machine"], row["what"]): (float(row["value"]), float(row["step_seconds"]))
                for row in rows
                if row["row"] == "rate"
            },
            gflop=gflop,
            slices={row["what"]: float(row["value"]) for row in rows if row["row"] == "slices"},
            notes={row["machine"]: row["note"] for row in rows if row["note"]},
        )

    @property
    def machines(self) -> list[str]:
        return list(dict.fromkeys(machine for machine, _ in self.rates))

    def seconds(self, machine: str, kind: str, load: Load, size: int) -> tuple[float, bool] | None:
        """(seconds of a stage, whether such a stage was measured on `machine`); None where nothing
        tells."""
        each = self.measured.get((machine, short(kind)))
        if each is not None:
            return each * load.items, True
        each, step = self.rates.get((machine, load.role), (0.0, 0.0))
        operations = self.operations(load.network, size) if load.network else float(size**2) / 1e9
        if not each or operations is None:
            return None
        return max(load.items * load.passes * operations / each, load.steps * step), False

    def operations(self, network: str, size: int) -> float | None:
        """GFLOP of one slice in one pass; of another size than was counted, by its pixels."""
        counted = self.gflop.get(network)
        if not counted:
            return None
        nearest = min(counted, key=lambda known: abs(known - size))
        return counted[nearest] * (size / nearest) ** 2


@functools.cache
def published_table() -> Table:
    """The table that is shipped."""
    return Table.of(TABLE)


def short(kind: str) -> str:
    """The kind of a stage (`forecast.kinds_of`), as the table names it."""
    return digest(kind)[:16]


def loads_of(plans: Iterable[Plan], table: Table) -> dict[str, Load]:
    """The work of every stage, by key."""
    found: dict[str, Load] = {}
    for plan in plans:
        source = plan.run.source
        each = table.slices.get(f"{plan.run.dataset}, {source.title}")
        if each is None:
            each = 1.0 if source.kind == "busi" else table.slices.get(plan.run.dataset, FEW_SLICES)
        for node in plan.nodes:
            if node.key not in found:
                found[node.key] = _load(plan, node, each)
    return found


def _load(plan: Plan, node: Node, slices: float) -> Load:
    spec, preset = node.spec, plan.run.preset
    split = plan.split
    if isinstance(spec, PrepareSpec):
        cases = len(split.train) + len(split.validation) + len(split.test)
        return Load(cases * slices, role="prepare")
    if isinstance(spec, FitSegmenterSpec):
        shown = spec.training.epochs * len(spec.train) * slices
        steps = shown / spec.training.batch_size
        return Load(shown, steps, spec.architecture, SEGMENTER, BACKWARD)
    if isinstance(spec, (FitGeneratorSpec, PretrainSpec)):
        cases = len(spec.cases) if isinstance(spec, FitGeneratorSpec) else 0
        steps, shown = trained(spec.settings, cases * slices)
        return Load(shown, steps, network_name(spec.generator, preset.name), TRAINING, BACKWARD)
    if isinstance(spec, SynthesizeSpec):
        images, passes = len(spec.phrases) * len(spec.cases) * slices, sampler_passes(spec)
        network = network_name(spec.generator, preset.name)
        return Load(images * passes, network=network, role=SAMPLING)
    if isinstance(spec, PredictSpec):
        return Load(len(spec.cases) * slices, role="predict")
    samples = spec.variants * len(spec.cases) if isinstance(spec, AuditSpec) else len(split.test)
    return Load(samples * slices, role=spec.stage)


def network_name(generator: str, preset: str) -> str:
    """A generator's network in the rows `gflop`: "emitdiff, compact"."""
    return f"{generator.partition('@')[0]}, {preset}"


def trained(settings: Mapping[str, Any], slices: float) -> tuple[float, float]:
    """(optimiser steps, slices shown) of the training of a generator on so many slices; its length
    is a number of epochs or of steps."""
    batch = float(settings.get("batch", 1))
    if "epochs" in settings:
        return settings["epochs"] * slices / batch, settings["epochs"] * slices
    steps = float(settings.get("steps", 0))
    return steps, steps * batch


def sampler_passes(spec: SynthesizeSpec) -> int:
    """Passes of the network that make one sample."""
    guided = float(spec.sampling.get("guidance_scale", 1)) > 1
    return int(spec.sampling.get("steps", 1)) * (2 if guided else 1)
