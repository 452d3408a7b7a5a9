"""What many runs of a comparison share: generators, software, splits. The page of the comparison
shows each once; the page of a run links it by its id."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from benchmark.core.identity import digest, flat
from benchmark.core.texts import one_line
from benchmark.record.record import Record, Split
from benchmark.spec.method import MethodSpec
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.labels import plain_value

PARTS = ("train", "validation", "test")


def generator_id(method: MethodSpec) -> str:
    """Name of a generator's settings on the page of its comparison, '' for a method without a
    generator."""
    return f"generator-{digest(method.generator)[:10]}" if method.generates else ""


def generators(group: Group) -> list[dict[str, Any]]:
    """The settings of every generator of the group once, with the methods that share it."""
    found: dict[str, list[MethodRuns]] = {}
    for runs in group.methods:
        if runs.method.generates:
            found.setdefault(generator_id(runs.method), []).append(runs)
    return [
        {
            "id": name,
            "labels": [group.short[runs.label].text for runs in sharing],
            "settings": _written(flat(sharing[0].method.generator or {})),
        }
        for name, sharing in found.items()
    ]


def software_id(record: Record) -> str:
    """Name of what a run was made with, on the page of its comparison; '' where the record does not
    tell."""
    told = {name: value for name, value in record.provenance.items() if name != "git"}
    return f"software-{digest(told)[:10]}" if told else ""


def software(group: Group) -> list[dict[str, Any]]:
    """Python, packages, device and whatever else the runs were made with: each different set once,
    with its runs' number."""
    runs = Counter(map(software_id, group.records))
    made = {software_id(record): record.provenance for record in group.records}
    return [
        {"id": name, "runs": runs[name], "facts": _software_facts(told)}
        for name, told in made.items()
        if name
    ]


def _software_facts(told: Mapping[str, Any]) -> dict[str, str]:
    packages = told.get("packages")
    facts = _written({name: told[name] for name in told if name not in ("git", "packages")})
    if isinstance(packages, dict):
        versions = (f"{name} {version}" for name, version in packages.items())
        facts["packages"] = one_line(", ".join(versions))
    return facts


def _written(settings: Mapping[str, Any]) -> dict[str, str]:
    return {one_line(name): plain_value(value) for name, value in settings.items()}


def split_id(fold: int, split: Split) -> str:
    """Name of a run's split on the page of its comparison."""
    return f"split-{fold}-{one_line(split.hash)[:12].replace(' ', '-')}"


def splits(group: Group) -> list[dict[str, Any]]:
    """Every split of the group once, with its cases by part."""
    found: dict[str, dict[str, Any]] = {}
    for record in sorted(group.records, key=lambda one: (one.spec.fold, one.status != "done")):
        fold, split = record.spec.fold, record.split
        if split and split_id(fold, split) not in found:
            found[split_id(fold, split)] = {
                "id": split_id(fold, split),
                "fold": fold,
                "hash": one_line(split.hash),
                "parts": {part: list(map(one_line, getattr(split, part))) for part in PARTS},
            }
    return list(found.values())
