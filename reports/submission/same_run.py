"""Which records are the same run, and which case rows share one truth."""

from collections.abc import Iterable, Iterator

from benchmark.core.texts import one_line
from benchmark.record.record import Record
from reports.comparison.groups import group_id


def title(record: Record) -> str:
    """'run 1a2b3c4d5e6f (emitdiff, fold 0, seed 1)', as the reasons name it."""
    spec = record.spec
    return (
        f"run {record.key[:12]} ({one_line(spec.method.label)[:60]}, fold {spec.fold}, seed"
        f" {spec.seed})"
    )


def cell(record: Record) -> tuple:
    """What a table has one place for: comparison, method, fold, seed. Whether samples were audited
    does not count."""
    spec = record.spec
    return group_id(spec), spec.method.identity, spec.fold, spec.seed


def repeated(records: Iterable[Record]) -> Iterator[str]:
    """Titles of runs that stand there twice, whatever their keys say."""
    seen: set[tuple] = set()
    for record in records:
        if (place := cell(record)) in seen:
            yield title(record)
        seen.add(place)


def truths(records: Iterable[Record]) -> Iterator[tuple[tuple, int]]:
    """((source, rule of the planes, case), true voxels) of every case row: rows with one key have
    one truth."""
    for record in records:
        spec = record.spec
        where = spec.source.fingerprint, spec.protocol.slices, spec.protocol.resize_z
        yield from (((*where, row.case), row.truth_voxels) for row in record.cases)
