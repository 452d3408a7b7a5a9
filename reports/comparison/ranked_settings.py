"""Picks the setting of a method that is ranked: the one with most runs. Results have no say in it.
Not here: the other settings of a method, which form curves (setting_curves.py)."""

import functools
from collections import defaultdict

from benchmark.core.identity import canonical
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.labels import changed_settings


@functools.lru_cache(64)  # every claim asks again
def main_methods(group: Group) -> tuple[MethodRuns, ...]:
    """One setting of ratio, alpha, patch size and filter for each class, transform, generator and
    way of joining,
    in the group's order: the one with most runs done, and of several the one nearest to the
    preset's."""
    alike: dict[str, list[MethodRuns]] = defaultdict(list)
    for runs in group.methods:
        method = runs.method
        one = [method.name, method.reference, method.transform, method.generator, method.joins]
        alike[canonical(one)].append(runs)
    preset = group.spec.preset

    def weight(runs: MethodRuns) -> tuple[int, int]:
        return len(runs.done), -len(changed_settings(runs.method, preset))

    # told apart by identity: comparing two compares all their records
    chosen = {id(max(some, key=weight)) for some in alike.values()}
    return tuple(runs for runs in group.methods if id(runs) in chosen)
