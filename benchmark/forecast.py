"""What outstanding stages will cost, from the measured cost of stages like them.

Stages are alike if they do the same work on the same number of pixels: same stage, size, generator settings, network
and epochs. A kind that was never measured is said to be unknown; it is not guessed. Callers: cli (`--dry-run`).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.plan import Node
from benchmark.spec import canonical
from benchmark.store import MANIFEST, Store, read_json


@dataclass(frozen=True)
class Forecast:
    """Outstanding stages of one name: how many, how many of a measured kind, and the seconds of those."""

    stage: str
    total: int
    cached: int
    todo: int
    measured: int
    seconds: float


def forecast(nodes: Iterable[Node], store: Store) -> list[Forecast]:
    """One row per stage name, in the order of the graph."""
    nodes = list(nodes)
    sizes = {node.key: node.spec["size"] for node in nodes if node.stage == "prepare"}
    costs = _measured(store)
    rows: dict[str, list[tuple[bool, float | None]]] = defaultdict(list)
    for node in nodes:
        done = store.has(node.stage, node.key)
        kind = _kind(node.stage, node.spec, sizes.get(node.inputs.get("prepare", ""), node.spec.get("size")))
        seen = costs.get(kind)
        rows[node.stage].append((done, sum(seen) / len(seen) if seen else None))
    return [
        Forecast(
            stage, len(found), sum(done for done, _ in found), sum(not done for done, _ in found),
            sum(not done and cost is not None for done, cost in found),
            sum(cost for done, cost in found if not done and cost is not None),
        )
        for stage, found in rows.items()
    ]  # fmt: skip


def _measured(store: Store) -> dict[str, list[float]]:
    manifests = [read_json(store.folder(stage, key) / MANIFEST) for stage, key in store.all_stages()]
    sizes = {m["key"]: m["spec"]["size"] for m in manifests if m["stage"] == "prepare"}
    found = defaultdict(list)
    for m in manifests:
        size = sizes.get(m["inputs"].get("prepare", ""), m["spec"].get("size"))
        found[_kind(m["stage"], m["spec"], size)].append(m["cost"]["seconds"])
    return found


def _kind(stage: str, spec: dict, size: int | None) -> str:
    """What decides the cost of a stage, as text."""
    parts = {
        "prepare": ("dataset", "source"),
        "fit-generator": ("generator", "settings"),
        "synthesize": ("generator", "sampling"),
        "fit-segmenter": ("architecture", "training"),
        "predict": (),
        "score": (),
    }[stage]
    return canonical([stage, size, *(spec[part] for part in parts), bool(spec.get("synthetic"))])
