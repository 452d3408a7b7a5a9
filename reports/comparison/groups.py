"""Comparison groups: which runs may share a table.

Two runs share a table only if dataset, source (title and fingerprint), protocol switches, preset
numbers, architecture and training share all agree; so phantom and real images, or two protocols,
never mix. The edge detector is no part of these rules: it belongs to the method whose generator
reads the edges, so that one table may hold emitdiff with Scharr's edges and with HED's. A run that
is absent stays visible as missing. Not here: any mean (summaries.py).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmark.core.identity import canonical, digest
from benchmark.core.published_weights import HED
from benchmark.core.texts import one_line, slug, some
from benchmark.record.record import Record
from benchmark.spec.method import MethodSpec
from benchmark.spec.presets import PRESETS
from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from benchmark.spec.run import RunSpec
from datasets.tasks.catalogue import TASKS, order
from reports.comparison.defects import find_defects
from reports.comparison.labels import (
    ShortLabel,
    changed_generator,
    method_labels,
    method_order,
    preset_label,
    protocol_label,
    shared_settings,
    short_labels,
    source_label,
)
from reports.comparison.paper_numbers import not_comparable, paper_method

NAMED_SETTINGS = 4
EDGE_NUMBERS = ("edge", "edge_weights")  # of a preset


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
    n_folds: int
    # names of the generator's settings that are not the preset's
    changed_generator: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """What a reader may call the row: its label, or the method alone, which may be several
        rows."""
        return {self.label, self.method.label, self.method.plain_label}

    @property
    def other_generator(self) -> str:
        """Which settings of the generator are not the preset's, as a sentence; '' where all are."""
        if not self.changed_generator:
            return ""
        named = some(self.changed_generator, NAMED_SETTINGS)
        return f"{self.method.name}: generator with other {named} than the preset's"

    @property
    def records(self) -> tuple[Record, ...]:
        """The runs that were made, the failed ones last."""
        return (*self.done, *self.failed)

    @property
    def done_of_expected(self) -> str:
        """'2 of 3'."""
        return f"{len(self.done)} of {self.expected}"

    @property
    def missing_text(self) -> str:
        """'fold 2 seed 0; all folds of seed 3', '' where no run is missing."""
        by_seed: dict[int, list[int]] = defaultdict(list)
        for fold, seed in self.missing:
            by_seed[seed].append(fold)
        parts = []
        for seed, folds in by_seed.items():
            if len(folds) == self.n_folds:
                parts.append(f"all folds of seed {seed}")
            else:
                parts += [f"fold {fold} seed {seed}" for fold in folds]
        return "; ".join(parts)

    @property
    def failed_text(self) -> str:
        """'fold 1 seed 0: its reason', '' where no run failed."""
        return "; ".join(
            f"fold {one.spec.fold} seed {one.spec.seed}: {one.error}" for one in self.failed
        )

    @property
    def absent_text(self) -> str:
        """'missing fold 2 seed 0; failed fold 1 seed 0: its reason', '' where no run is absent."""
        words = {"missing": self.missing_text, "failed": self.failed_text}
        return one_line("; ".join(f"{how} {text}" for how, text in words.items() if text))


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
        return f"{self.spec.dataset}, {source_label(self.spec.source)}, {self.rules}"

    @property
    def heading(self) -> str:
        """'Prostate MRI, MSD Task05_Prostate'."""
        return f"{TASKS.of_results(self.spec.dataset).title}, {one_line(self.spec.source.title)}"

    @cached_property
    def rules(self) -> str:
        """'attention-unet, protocol rigorous, preset smoke': how the runs were made."""
        return ", ".join(self.rule_by_field.values())

    @cached_property
    def rule_by_field(self) -> dict[str, str]:
        """The words of `rules` by the field of the run that they tell; a training share of 1 is
        left out."""
        spec = self.spec
        words = {
            "architecture": one_line(spec.architecture),
            "protocol": f"protocol {protocol_label(spec.protocol)}",
            "preset": f"preset {preset_label(spec.preset)}",
        }
        if spec.training_share != 1:
            words["training_share"] = f"{100 * spec.training_share:g} % of the training cases"
        return words

    @property
    def page(self) -> str:
        """Where the page of the comparison lies in a report."""
        return f"groups/{self.slug}.html"

    @cached_property
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
        return slug(" ".join((*(word[:30] for word in words), self.id[:8])))

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """All records of the group, failed ones included, in the order of its table."""
        return tuple(record for runs in self.methods for record in runs.records)

    @cached_property
    def by_label(self) -> dict[str, MethodRuns]:
        """The methods by their labels, in the order of the table."""
        return {runs.label: runs for runs in self.methods}

    @cached_property
    def short(self) -> dict[str, ShortLabel]:
        """The short labels of the methods by their labels."""
        labels = short_labels(self._told_apart)
        return {runs.label: label for runs, label in zip(self.methods, labels, strict=True)}

    @cached_property
    def shared_settings(self) -> list[str]:
        """What the short labels leave out, one sentence per method."""
        return shared_settings(self._told_apart, self.spec.preset)

    @property
    def _told_apart(self) -> list[MethodSpec]:
        """The methods with all that tells their rows apart."""
        return [row_method(runs.records[0].spec) for runs in self.methods]

    @property
    def none_label(self) -> str | None:
        """Label of the row without any augmentation, which gains are measured from."""
        return next(
            (
                runs.label
                for runs in self.methods
                if runs.method.name == "none" and not runs.method.further_epochs
            ),
            None,
        )

    @cached_property
    def paper_rows(self) -> dict[str, str]:
        """The paper's names of the methods that Table II has -> their labels here."""
        preset = self.spec.preset
        named = {paper_method(runs.method, preset): runs.label for runs in reversed(self.methods)}
        return {name: label for name, label in named.items() if name}

    @cached_property
    def defects(self) -> list[str]:
        """What forbids any conclusion from the group; every claim asks."""
        return find_defects(self.records)

    @cached_property
    def not_comparable(self) -> tuple[str, ...]:
        """Why the numbers may not be held against the paper's; () if nothing speaks against it."""
        split = next((record.split for record in self.records if record.split), None)
        return not_comparable(self.spec, split)

    @cached_property
    def audited(self) -> bool:
        """Whether any record holds an audit of its samples; the page of every run asks."""
        return any(record.samples for record in self.records)


def shared_parts(spec: RunSpec) -> dict[str, Any]:
    """What must agree between runs of one table. Names of presets, words of a licence and edge
    detectors do not count."""
    parts = {"dataset", "source", "architecture", "training_share", "protocol", "preset"}
    return spec.model_dump(
        include=parts, exclude={"preset": {"name", *EDGE_NUMBERS}, "source": {"licence"}}
    )


def row_method(spec: RunSpec) -> MethodSpec:
    """The method as a table tells it from others: a generator's edges are one of its settings."""
    method, numbers = spec.method, spec.preset
    if method.generator is None or not method.generates:
        return method
    edge, usual = numbers.edge, PRESETS.get(numbers.name)
    if numbers.edge_weights not in (None, HED.identity):
        edge = f"{edge}, {numbers.edge_weights[:19]}"
    other = usual is not None and numbers.edge != usual.edge and not method.brings_masks
    changed = {"edge": edge} if other else {}
    return method.model_copy(
        update={
            "generator": method.generator | {"edge": edge},
            "changed": method.changed | changed,
        }
    )


def group_id(spec: RunSpec) -> str:
    """The group a run belongs to: 16 hexadecimal digits of what must agree."""
    return digest(shared_parts(spec))[:16]


def make_groups(records: Iterable[Record]) -> list[Group]:
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
        by_method[row_method(record.spec).identity].append(record)
    rows = sorted(by_method.values(), key=lambda row: method_order(row_method(row[0].spec)))
    spec = rows[0][0].spec
    labels = method_labels([row_method(row[0].spec) for row in rows], spec.preset)
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
        cell = (row_method(record.spec).identity, record.spec.fold, record.spec.seed)
        kept = cells.setdefault(cell, record)
        if record.status == "done" and record.cases != kept.cases:
            contradicting.append(record.key)
    return list(cells.values()), tuple(contradicting)


def _method_runs(records: list[Record], label: str, seeds: tuple[int, ...]) -> MethodRuns:
    records = sorted(records, key=lambda record: (record.spec.seed, record.spec.fold))
    there = {(record.spec.fold, record.spec.seed) for record in records}
    spec, method = records[0].spec, row_method(records[0].spec)
    wanted = [(fold, seed) for seed in seeds for fold in range(spec.preset.n_folds)]
    return MethodRuns(
        method=method,
        label=label,
        done=tuple(record for record in records if record.status == "done"),
        failed=tuple(record for record in records if record.status == "failed"),
        missing=tuple(cell for cell in wanted if cell not in there),
        expected=len(wanted),
        n_folds=spec.preset.n_folds,
        changed_generator=tuple(changed_generator(method)),
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
