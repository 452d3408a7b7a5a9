"""Writes benchmark/planning/reference_costs.csv: what stages cost, from the published records.

    python -m tests.bench.write_reference_costs

Measured rows are means over the stages of the records below reports/published, each stage once.
Rates are their operations (counted on the networks themselves, on torch's meta device) over their
seconds. No published record holds a generator on a GPU: its rates there are those of
docs/measurements.md, "One GPU".
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from statistics import fmean, median

from baselines.networks.architectures import ARCHITECTURES, describe
from benchmark.core.errors import InputError
from benchmark.planning.forecast import kinds_of
from benchmark.planning.plan import Plan, plan_split
from benchmark.planning.reference import (
    COLUMNS,
    SAMPLING,
    SEGMENTER,
    TABLE,
    TRAINING,
    Load,
    Table,
    loads_of,
    network_name,
    short,
)
from benchmark.record.record import Record, StageCost, load_record
from benchmark.spec.presets import PRESETS
from benchmark.stages.catalogue import Node
from datasets.folds import Split

PUBLISHED = Path(__file__).resolve().parents[2] / "reports" / "published"
FOLDERS = ("gpu-384px", "cpu-128px", "cpu-64px", "archive/cpu-64px-per-image")
NOTES = {"NVIDIA H200": "measured with five runs at a time on the GPU, steps not yet as graphs"}
# The least seconds of a plain training step of a segmenter, which waits for its launches.
LEAST_STEP_SECONDS = {("NVIDIA H200", SEGMENTER): 0.024}
# GFLOP/s and the least seconds of a step, of one H200: see the docstring.
GPU_RATES = {
    ("NVIDIA H200", TRAINING): (235e3, 0.072),
    ("NVIDIA H200", SAMPLING): (235e3, 0.0),
}
ROLES = (SEGMENTER, TRAINING, SAMPLING, "prepare", "audit", "predict", "score")
Row = dict[str, str]


def measured_stages(folders: Iterable[str]) -> Iterator[tuple[Record, Plan, list[StageCost]]]:
    """Every record that was done, with its stages as a plan of today makes them."""
    for folder in folders:
        for path in sorted((PUBLISHED / folder / "records").glob("*.json")):
            record = load_record(path)
            if record.status != "done" or record.split is None:
                continue
            told = record.split
            split = Split(told.train, told.validation, told.test, told.hash)
            try:
                plan = plan_split(record.spec, split, {})
            except InputError:  # an earlier version of a generator
                continue
            yield record, plan, list(record.stages)


def slices_rows(records: Iterable[Record]) -> list[Row]:
    """Slices of a case, by data set and source, and by data set alone."""
    found: dict[str, set[float]] = defaultdict(set)
    for record in records:
        for stage in record.stages:
            if stage.stage == "prepare":
                each = stage.results["slices"] / stage.results["cases"]
                spec = record.spec
                found[f"{spec.dataset}, {spec.source.title}"].add(each)
                found[spec.dataset].add(each)
    return [_row("slices", what=what, value=fmean(each)) for what, each in sorted(found.items())]


def gflop_rows() -> list[Row]:
    """Of every network, at the sizes of the presets."""
    rows = []
    for preset in PRESETS.values():
        for name in ARCHITECTURES:
            gflop = describe(name, preset.size)["gflops"]
            rows.append(_row("gflop", what=name, size=preset.size, value=gflop))
        for kind, gflop in generators_gflop(preset.name, preset.size).items():
            what = network_name(kind, preset.name)
            rows.append(_row("gflop", what=what, size=preset.size, value=gflop))
    return rows


def measured_rows(folders: Iterable[str], table: Table) -> list[Row]:
    """Mean seconds of an item of every kind of stage on every machine, and the rates."""
    found: dict[tuple[str, ...], dict[str, tuple[float, StageCost]]] = defaultdict(dict)
    rates: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for record, plan, stages in measured_stages(folders):
        kinds, loads = kinds_of(plan.nodes), loads_of([plan], table)
        for node, cost, seconds in _item_seconds(plan, stages, loads):
            load, size = loads[node.key], record.spec.preset.size
            what = " ".join(part for part in (node.stage, load.network) if part)
            where = (cost.machine, what, str(size), short(kinds[node.key]))
            found[where][cost.key] = (seconds, cost)
            operations = table.operations(load.network, size) if load.network else size**2 / 1e9
            if operations:
                rates[cost.machine, load.role][cost.key] = load.passes * operations / seconds
    rows = []
    for (machine, what, size, kind), costs in sorted(found.items()):
        each, told = zip(*costs.values(), strict=True)
        rows.append(
            _row(
                "measured",
                machine=machine,
                what=what,
                size=size,
                kind=kind,
                value=fmean(each),
                memory_mb=max(cost.peak_memory_mb for cost in told),
                gpu_memory_mb=max(cost.gpu_memory_mb for cost in told),
                count=len(told),
            )
        )
    return rows + _rate_rows(
        {
            where: (median(each.values()), LEAST_STEP_SECONDS.get(where, 0.0))
            for where, each in rates.items()
        }
        | GPU_RATES
    )


def _rate_rows(values: Mapping[tuple[str, str], tuple[float, float]]) -> list[Row]:
    """One for each machine and role. What no record of a machine tells of - the audit, which mostly
    reads and compares - costs what it does on the slowest."""
    rows = []
    for machine, role in product(sorted({machine for machine, _ in values}), ROLES):
        others = [told for (_, other), told in values.items() if other == role]
        if not others:
            continue
        value, step = values.get((machine, role), min(others))
        note = NOTES.get(machine, "") if role == SEGMENTER else ""
        row = _row("rate", machine=machine, what=role, value=value, step_seconds=step, note=note)
        rows.append(row)
    return rows


def generators_gflop(preset: str, size: int) -> dict[str, float]:
    """GFLOP of one slice in one pass of the network of every built-in generator."""
    from tests.bench.count_generators import counted

    return counted(preset, size)


def _item_seconds(
    plan: Plan, stages: list[StageCost], loads: Mapping[str, Load]
) -> Iterator[tuple[Node, StageCost, float]]:
    """Each stage of a plan with a cost of the record and the seconds of an item of it. Where the
    record cut the same work into other stages (samples variant by variant) all share one mean."""
    for name in dict.fromkeys(node.stage for node in plan.nodes):
        nodes = [node for node in plan.nodes if node.stage == name]
        costs = [cost for cost in stages if cost.stage == name]
        items = sum(loads[node.key].items for node in nodes)
        if not items or not all(cost.seconds for cost in costs):
            continue
        mean = sum(cost.seconds for cost in costs) / items
        alike = len(nodes) == len(costs)
        for node, cost in zip(nodes, costs, strict=False):
            yield node, cost, cost.seconds / loads[node.key].items if alike else mean


def _row(row: str, **values: object) -> Row:
    shown = {name: f"{x:.5g}" if isinstance(x, float) else str(x) for name, x in values.items()}
    return {**dict.fromkeys(COLUMNS, ""), "row": row, **shown}


def write(path: Path, folders: Iterable[str] = FOLDERS) -> None:
    """The table at `path`; counted rows first, since measured ones are made from them."""
    records = [record for record, _, _ in measured_stages(folders)]
    rows = [*slices_rows(records), *gflop_rows()]
    _save(path, rows)
    rows += measured_rows(folders, Table.of(path))
    _save(path, rows)


def _save(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write(TABLE)
