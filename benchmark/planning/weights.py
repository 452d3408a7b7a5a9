"""Pre-trained weights that a call needs: telling the user which they are, and getting them before
the first stage. Not here: what weights are and whether they can work
(baselines/stable/weights.py)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from baselines.generators.catalogue import settings_class
from baselines.generators.places import Places
from benchmark.planning.plan import Node, Plan

Locations = Mapping[str, dict[str, Any]]  # key of a stage -> where things outside the store lie


def described_weights(plans: Sequence[Plan], locations: Locations) -> list[str]:
    """The weights that the generators of `plans` start from, each once."""
    found = [
        node
        for plan in plans
        for node in plan.nodes
        if node.stage == "fit-generator" and "places" in locations.get(node.key, {})
    ]
    lines = [
        line
        for node in found
        for line in settings_class(node.spec["generator"]).described(
            Places(**locations[node.key]["places"])
        )
    ]
    return list(dict.fromkeys(lines))


def fetch_weights(nodes: Iterable[Node], locations: Locations, say: Callable[[str], None]) -> None:
    """Gets the weights of `nodes` that this machine lacks; `say` tells of downloads. Raises
    InputError where that fails."""
    fetched = []
    for node in nodes:
        wanted = (node.spec.get("generator"), locations.get(node.key, {}).get("places"))
        if all(wanted) and wanted not in fetched:
            settings_class(wanted[0]).fetch(Places(**wanted[1]), say)
            fetched.append(wanted)


def hub_weights() -> list[str]:
    """Each hub id that preset `paper` starts from, and whether it is in the hub's cache."""
    from baselines.stable.weights import KNOWN_COMMITS, is_cached

    roles = zip(("base", "controlnet"), KNOWN_COMMITS.items(), strict=True)
    return [
        f"{name}: {'here' if is_cached(role, f'hub:{name}@{commit}') else 'not here'}"
        for role, (name, commit) in roles
    ]
