"""Comparison groups: which runs may share a table.

Two runs share a table only if dataset, source (title and fingerprint), protocol switches, preset
numbers, architecture and training share all agree; so phantom and real images, or two protocols,
never mix. A run that is absent stays visible as missing. Not here: any mean (summaries.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmark.core.identity import canonical, digest
from benchmark.core.texts import one_line
from benchmark.record.record import Record
from benchmark.spec.method import MethodSpec
from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from benchmark.spec.run import RunSpec
from datasets.tasks.catalogue import TASKS, order
from reports.comparison.labels import (
    changed_generator,
    method_labels,
    method_order,
    preset_label,
    protocol_label,
    source_label,
)

NAMED_SETTINGS = 4


@dataclass(frozen=True)
class MethodRuns:
    """One row of a table: a method with its settings and what became of its runs, each sorted by
    seed and fold."""

    method: MethodSpec
    label: str
    done: tuple[Record, ...]
    failed: tuple[Record, ...]
    missing: tuple[tuple[int, int], ...]  # (fold, seed) that the other methods' seeds ask for
    expected: int
    # names of the generator's settings that are not the preset's
    changed_generator: tuple[str, ...]

    @property
    def other_generator(self) -> str:
        """Which settings of the generator are not the preset's, as a sentence; '' where all are."""
        named = ", ".join(self.changed_generator[:NAMED_SETTINGS])
        rest = len(self.changed_generator) - NAMED_SETTINGS
        more = f" and {rest} more" if rest > 0 else ""
        return (
            f"{self.method.name}: generator with other {named}{more} than the preset's"
            if named
            else ""
        )


# told apart by identity: its thousands of records need not be compared
@dataclass(frozen=True, eq=False)
class Group:
    """Runs that may be compared. `spec` is that of one run: all but its method, fold and seed hold
    for every run."""

    id: str
    spec: RunSpec
    seeds: tuple[int, ...]
    methods: tuple[MethodRuns, ...]
    # keys of records left out: another record of that run holds other values
    contradicting: tuple[str, ...]

    @property
    def title(self) -> str:
        """'prostate, phantom, synthetic images, attention-unet, protocol rigorous, preset
        smoke'."""
        return ", ".join((self.spec.dataset, source_label(self.spec.source), *self.rules))

    @property
    def rules(self) -> tuple[str, ...]:
        """How the runs were made, in words: architecture, protocol, preset, and a training share
        other than 1."""
        spec = self.spec
        share = (
            ()
            if spec.training_share == 1
            else (f"{100 * spec.training_share:g} % of the training cases",)
        )
        words = (
            f"protocol {protocol_label(spec.protocol)}",
            f"preset {preset_label(spec.preset)}",
            *share,
        )
        return (one_line(spec.architecture), *words)

    @property
    def slug(self) -> str:
        """Name of the group's files: lower-case letters, digits and hyphens."""
        spec = self.spec
        words = (
            spec.dataset,
            spec.source.kind,
            nearest_protocol(spec.protocol)[0],
            spec.preset.name,
            spec.architecture,
        )
        text = "-".join(word[:30] for word in words).lower()
        safe = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)
        return "-".join(part for part in (*safe.split("-"), self.id[:8]) if part)

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """All records of the group, failed ones included, in the order of its table."""
        return tuple(record for runs in self.methods for record in (*runs.done, *runs.failed))

    @cached_property
    def audited(self) -> bool:
        """Whether any record holds an audit of its samples; the page of every run asks."""
        return any(record.samples for record in self.records)


def group_id(spec: RunSpec) -> str:
    """The group a run belongs to: 16 hexadecimal digits of what must agree. Names of presets do not
    count."""
    source = spec.source.model_dump(include={"kind", "title", "fingerprint", "synthetic"})
    rest = spec.model_dump(
        include={
            "dataset": True,
            "architecture": True,
            "training_share": True,
            "protocol": True,
            "preset": True,
        },
        exclude={"preset": {"name"}},
    )
    return digest({"source": source, **rest})[:16]


def make_groups(
    records: Iterable[Record], generator_defaults: Mapping[str, Any] | None = None
) -> list[Group]:
    """The comparison groups of all records, real images first, datasets and protocols in their
    fixed order."""
    members: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        members[group_id(record.spec)].append(record)
    return sorted((_group(name, found) for name, found in members.items()), key=_order)


def _group(name: str, records: list[Record]) -> Group:
    kept, contradicting = _one_per_cell(records)
    seeds = tuple(sorted({record.spec.seed for record in kept}))
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in kept:
        by_method[record.spec.method.identity].append(record)
    rows = sorted(by_method.values(), key=lambda row: method_order(row[0].spec.method))
    spec = rows[0][0].spec
    labels = method_labels([row[0].spec.method for row in rows], spec.preset)
    methods = tuple(
        _method_runs(row, label, seeds) for row, label in zip(rows, labels, strict=True)
    )
    return Group(name, spec, seeds, methods, contradicting)


def _one_per_cell(records: list[Record]) -> tuple[list[Record], tuple[str, ...]]:
    """One record per method, fold and seed, done and audited ones first; and the keys of others
    that hold other case rows."""
    cells: dict[tuple, Record] = {}
    contradicting = []
    for record in sorted(
        records, key=lambda record: (record.status != "done", record.samples is None)
    ):
        cell = (record.spec.method.identity, record.spec.fold, record.spec.seed)
        kept = cells.setdefault(cell, record)
        if record.status == "done" and record.cases != kept.cases:
            contradicting.append(record.key)
    return list(cells.values()), tuple(contradicting)


def _method_runs(records: list[Record], label: str, seeds: tuple[int, ...]) -> MethodRuns:
    records = sorted(records, key=lambda record: (record.spec.seed, record.spec.fold))
    there = {(record.spec.fold, record.spec.seed) for record in records}
    spec = records[0].spec
    wanted = [(fold, seed) for seed in seeds for fold in range(spec.preset.n_folds)]
    return MethodRuns(
        method=spec.method,
        label=label,
        done=tuple(record for record in records if record.status == "done"),
        failed=tuple(record for record in records if record.status == "failed"),
        missing=tuple(cell for cell in wanted if cell not in there),
        expected=len(wanted),
        changed_generator=tuple(changed_generator(spec.method)),
    )


def _order(group: Group) -> tuple:
    spec = group.spec
    protocol, switches = nearest_protocol(spec.protocol)
    return (
        order(TASKS.of_results(spec.dataset)),
        spec.source.synthetic,
        spec.source.title,
        PROTOCOL_NAMES.index(protocol),
        len(switches),
        canonical(switches),
        spec.preset.name,
        spec.architecture,
        -spec.training_share,
        group.id,
    )
