"""What outstanding stages will cost - time, disk, memory - from the measured cost of stages like
them.

Stages are alike if they do the same work on the same number of pixels: same stage, size, generator
settings, network and epochs. Times and memory are kept apart by machine. A kind that was never
measured in the store is told by the published records, apart from these (reference.py).
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from statistics import fmean

from benchmark.core.errors import InputError
from benchmark.core.identity import canonical
from benchmark.planning.plan import Plan, unique_nodes
from benchmark.planning.reference import Share, published
from benchmark.stages.catalogue import Node
from benchmark.stages.prepare import PrepareSpec
from benchmark.store.store import DamagedStage, Store

SAMPLES = 20  # manifests read per kind: more do not make a mean better


@dataclass(frozen=True)
class MachineCost:
    """What stages cost on one machine: their number, seconds together, and the largest peak of any
    one in MB."""

    stages: int
    seconds: float
    memory_mb: float
    gpu_memory_mb: float


@dataclass(frozen=True)
class Forecast:
    """The stages of one name.

    total: each once; shared: those that serve more than one run; spared: how many more there were
    if every run computed its own; cached: in the store, or of finished runs alone; known: the
    outstanding ones of a kind that was measured;
    disk_bytes: of these together; costs: of these, by machine; spared_costs: of what sharing
    spares, by machine.
    """

    stage: str
    total: int
    shared: int
    spared: int
    cached: int
    todo: int
    known: int
    disk_bytes: float
    costs: dict[str, MachineCost]
    spared_costs: dict[str, MachineCost]


@dataclass(frozen=True)
class Outlook:
    """rows: one per stage name, in the order of the graph; published: what the stages of kinds that
    the store never measured cost elsewhere (reference.py), by machine and stage name."""

    rows: list[Forecast]
    published: dict[str, dict[str, Share]]


@dataclass(frozen=True)
class KindCost:
    """Mean cost of one kind of stage: of one such stage by machine, and its bytes on disk."""

    machines: dict[str, MachineCost]
    disk_bytes: float


def forecast(plans: Sequence[Plan], store: Store, finished: Container[str] = ()) -> Outlook:
    """What the outstanding stages of `plans` will cost. finished: keys of runs whose records are
    there; stages that no other run needs are not computed again."""
    uses = Counter(key for plan in plans for key in {node.key for node in plan.nodes})
    nodes = unique_nodes(plans)
    kinds = kinds_of(nodes)
    there = {node.key for node in nodes if store.has(node.stage, node.key)}
    costs = measured_costs(store, nodes, kinds, there)
    rows: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        rows[node.stage].append(node.key)
    needed = {
        node.key for plan in plans if plan.run.key not in finished for node in plan.nodes
    } - there
    unknown = [node for node in nodes if node.key in needed and kinds[node.key] not in costs]
    return Outlook(
        [_row(stage, keys, kinds, uses, needed, costs) for stage, keys in rows.items()],
        published(plans, unknown, kinds),
    )


def _row(
    stage: str,
    keys: list[str],
    kinds: Mapping[str, str],
    uses: Mapping[str, int],
    needed: Set[str],
    costs: Mapping[str, KindCost],
) -> Forecast:
    todo = Counter(kinds[key] for key in keys if key in needed)
    spared = Counter(dict.fromkeys(todo, 0))
    for key in keys:
        spared[kinds[key]] += uses[key] - 1
    known = {kind: count for kind, count in todo.items() if kind in costs}
    return Forecast(
        stage,
        len(keys),
        sum(uses[key] > 1 for key in keys),
        spared.total(),
        len(keys) - todo.total(),
        todo.total(),
        sum(known.values()),
        sum(count * costs[kind].disk_bytes for kind, count in known.items()),
        _by_machine(todo, costs),
        _by_machine(spared, costs),
    )


def _by_machine(counts: Mapping[str, int], costs: Mapping[str, KindCost]) -> dict[str, MachineCost]:
    """The cost of so many stages of each kind, on every machine that measured any of these
    kinds."""
    found: dict[str, list[tuple[int, MachineCost]]] = defaultdict(list)
    for kind, count in counts.items():
        for machine, cost in costs[kind].machines.items() if kind in costs and count else ():
            found[machine].append((count, cost))
    return {
        machine: MachineCost(
            sum(count for count, _ in pairs),
            sum(count * cost.seconds for count, cost in pairs),
            max(cost.memory_mb for _, cost in pairs),
            max(cost.gpu_memory_mb for _, cost in pairs),
        )
        for machine, pairs in found.items()
    }


def measured_costs(
    store: Store, nodes: Iterable[Node], kinds: Mapping[str, str], there: Set[str]
) -> dict[str, KindCost]:
    """The measured cost of every kind: from the finished ones of `nodes`, else from the rest of the
    store."""
    found: dict[str, list[dict]] = defaultdict(list)
    wanted: dict[str, set[str]] = defaultdict(set)
    for node in nodes:
        kind = kinds[node.key]
        wanted[node.stage].add(kind)
        if (
            node.key in there
            and len(found[kind]) < SAMPLES
            and (manifest := _manifest(store, node.stage, node.key))
        ):
            found[kind].append(manifest)
    wanted = {stage: {kind for kind in names if not found[kind]} for stage, names in wanted.items()}
    if any(wanted.values()):
        sizes: dict[str, int] = {}
        for stage, key in sorted(store.all_stages(), key=lambda pair: pair[0] != "prepare"):
            if stage != "prepare" and not wanted.get(stage):
                continue
            manifest = _manifest(store, stage, key)
            if manifest is None or (done := _node(manifest)) is None:
                continue
            kind = _kind(done, sizes)
            if kind in wanted.get(stage, ()) and len(found[kind]) < SAMPLES:
                found[kind].append(manifest)
    return {kind: _mean(manifests) for kind, manifests in found.items() if manifests}


def _mean(manifests: list[dict]) -> KindCost:
    costs: dict[str, list[dict]] = defaultdict(list)
    for manifest in manifests:
        costs[manifest["cost"]["machine"]].append(manifest["cost"])
    return KindCost(
        {
            machine: MachineCost(
                1,
                fmean(cost["seconds"] for cost in those),
                max(cost["peak_memory_mb"] for cost in those),
                max(cost["gpu_memory_mb"] for cost in those),
            )
            for machine, those in costs.items()
        },
        fmean(
            sum(entry["bytes"] for entry in manifest["files"].values()) for manifest in manifests
        ),
    )


def _manifest(store: Store, stage: str, key: str) -> dict | None:
    """A stage's manifest; None if it is damaged, which `verify` says."""
    try:
        return store.manifest(stage, key)
    except DamagedStage:
        return None


def noted_seconds(store: Store, node: Node) -> float | None:
    """What a stage of the store took by its own account; None where it is not there or damaged."""
    if not store.has(node.stage, node.key):
        return None
    manifest = _manifest(store, node.stage, node.key)
    return manifest["cost"]["seconds"] if manifest else None


def _node(manifest: dict) -> Node | None:
    """The stage of a manifest; None if another version of this program made it."""
    try:
        return Node.from_json(manifest)
    except InputError:
        return None


def kinds_of(nodes: Iterable[Node]) -> dict[str, str]:
    """The kind of each of `nodes`, inputs first, by key."""
    sizes: dict[str, int] = {}
    return {node.key: _kind(node, sizes) for node in nodes}


def _kind(node: Node, sizes: dict[str, int]) -> str:
    """What decides the cost of a stage, as text. `sizes` gathers the size of each prepare stage,
    which come first."""
    if isinstance(node.spec, PrepareSpec):
        sizes[node.key] = node.spec.size
    size = sizes.get(str(node.inputs.get("prepare")))
    return canonical([node.stage, size, *node.spec.cost_kind()])
