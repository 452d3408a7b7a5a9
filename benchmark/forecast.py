"""What outstanding stages will cost - time, disk, memory - from the measured cost of stages like them.

Stages are alike if they do the same work on the same number of pixels: same stage, size, generator settings, network
and epochs. Times are kept apart by machine. A kind that was never measured is said to be unknown; it is not guessed.
Callers: cli (`--dry-run`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmark.plan import Node
from benchmark.spec import canonical
from benchmark.store import DamagedStage, Store

SAMPLES = 20  # manifests read per kind: more do not make a mean better


@dataclass(frozen=True)
class Forecast:
    """Outstanding stages of one name.

    known: those of a kind that was measured; measured and seconds: their number and seconds by machine; disk_bytes: of
    all known ones together; memory_mb, gpu_memory_mb: the largest peak of any one.
    """

    stage: str
    total: int
    cached: int
    todo: int
    known: int
    measured: dict[str, int]
    seconds: dict[str, float]
    disk_bytes: float
    memory_mb: float
    gpu_memory_mb: float


@dataclass(frozen=True)
class _Cost:
    """Mean cost of one kind; seconds by machine."""

    seconds: dict[str, float]
    disk_bytes: float
    memory_mb: float
    gpu_memory_mb: float


def forecast(nodes: Iterable[Node], store: Store) -> list[Forecast]:
    """One row per stage name, in the order of the graph."""
    sizes: dict[str, Any] = {}
    rows: dict[str, list[tuple[bool, str]]] = defaultdict(list)
    samples: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        kind = _kind(node.stage, node.spec, node.inputs, sizes, node.key)
        done = store.has(node.stage, node.key)
        rows[node.stage].append((done, kind))
        if done:
            samples[kind].append(node.key)
    outstanding = {stage: {kind for done, kind in found if not done} for stage, found in rows.items()}
    costs = _costs(store, outstanding, samples)
    return [_row(stage, found, costs) for stage, found in rows.items()]


def _row(stage: str, found: list[tuple[bool, str]], costs: dict[str, _Cost]) -> Forecast:
    todo = Counter(kind for done, kind in found if not done)
    known = {kind: count for kind, count in todo.items() if kind in costs}
    measured: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    for machine in dict.fromkeys(machine for cost in costs.values() for machine in cost.seconds):
        measured[machine], seconds[machine] = 0, 0.0
        for kind, count in known.items():
            if machine in costs[kind].seconds:
                measured[machine] += count
                seconds[machine] += count * costs[kind].seconds[machine]
    return Forecast(
        stage, len(found), sum(done for done, _ in found), todo.total(), sum(known.values()), dict(measured), dict(seconds),
        sum(count * costs[kind].disk_bytes for kind, count in known.items()),
        max((costs[kind].memory_mb for kind in known), default=0.0),
        max((costs[kind].gpu_memory_mb for kind in known), default=0.0),
    )  # fmt: skip


def _costs(store: Store, outstanding: dict[str, set[str]], samples: dict[str, list[str]]) -> dict[str, _Cost]:
    """The measured cost of the outstanding kinds: from the same plan's own stages, else from the rest of the store."""
    found: dict[str, list[dict]] = defaultdict(list)
    for stage, kinds in outstanding.items():
        for kind in kinds & samples.keys():
            found[kind] = [m for key in samples[kind][:SAMPLES] if (m := _manifest(store, stage, key))]
    wanted = {stage: kinds - found.keys() for stage, kinds in outstanding.items()}
    if any(wanted.values()):
        sizes: dict[str, Any] = {}
        for stage, key in sorted(store.all_stages(), key=lambda pair: pair[0] != "prepare"):
            if stage != "prepare" and not wanted.get(stage):
                continue
            manifest = _manifest(store, stage, key)
            if manifest is None:
                continue
            kind = _kind(stage, manifest["spec"], manifest["inputs"], sizes, key)
            if kind in wanted.get(stage, ()) and len(found[kind]) < SAMPLES:
                found[kind].append(manifest)
    return {kind: _mean(manifests) for kind, manifests in found.items() if manifests}


def _mean(manifests: list[dict]) -> _Cost:
    seconds: dict[str, list[float]] = defaultdict(list)
    for manifest in manifests:
        seconds[manifest["cost"]["machine"]].append(manifest["cost"]["seconds"])
    return _Cost(
        seconds={machine: fmean(values) for machine, values in seconds.items()},
        disk_bytes=fmean(sum(entry["bytes"] for entry in manifest["files"].values()) for manifest in manifests),
        memory_mb=max(manifest["cost"]["peak_memory_mb"] for manifest in manifests),
        gpu_memory_mb=max(manifest["cost"]["gpu_memory_mb"] for manifest in manifests),
    )


def _manifest(store: Store, stage: str, key: str) -> dict | None:
    """A stage's manifest; None if it is damaged, which `verify` says."""
    try:
        return store.manifest(stage, key)
    except DamagedStage:
        return None


def _kind(stage: str, spec: dict, inputs: dict, sizes: dict[str, Any], key: str) -> str:
    """What decides the cost of a stage, as text. `sizes` gathers the size of each prepare stage, which come first."""
    size = spec.get("size", sizes.get(inputs.get("prepare", "")))
    if stage == "prepare":
        sizes[key] = size
    parts = {
        "prepare": ("dataset", "source"),
        "pretrain": ("generator", "settings"),
        "fit-generator": ("generator", "settings"),
        "synthesize": ("generator", "sampling"),
        "fit-segmenter": ("architecture", "training"),
        "audit": ("generator", "variants"),
        "predict": (),
        "score": (),
    }[stage]
    return canonical([stage, size, *(spec[part] for part in parts), bool(spec.get("synthetic")), spec.get("precision", "")])
