"""Which records are the same run, and what must be equal in records of the same images."""

from collections.abc import Iterable, Iterator

from benchmark.core.identity import digest
from benchmark.core.texts import one_line
from benchmark.record.record import Record
from reports.comparison.groups import group_id, row_method


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
    return group_id(spec), row_method(spec).identity, spec.fold, spec.seed


def repeated(records: Iterable[Record]) -> Iterator[str]:
    """Titles of runs that stand there twice, whatever their keys say."""
    seen: set[tuple] = set()
    for record in records:
        if (place := cell(record)) in seen:
            yield title(record)
        seen.add(place)


def own_code(record: Record) -> str:
    """sha256 of the file of a user's own method, as the stages noted it; '' where none did."""
    found = (stage.results.get("own_sha256") for stage in record.stages if stage.purpose == "run")
    return next((str(value) for value in found if value), "")


def changed_methods(records: Iterable[Record]) -> Iterator[str]:
    """Users' own methods that are one by name and version and not by their file."""
    known: dict[str, str] = {}
    for record in records:
        method, code = record.spec.method, own_code(record)
        if method.own and len(code) != 64:
            yield f"{title(record)}: no stage names the sha256 of its method's file."
        elif method.own and known.setdefault(method.reference, code) != code:
            yield (
                f"{title(record)}: the file of its method is not that of other records; a changed"
                f" method has another version."
            )


def shared_facts(record: Record) -> Iterator[tuple[tuple, int]]:
    """((..., in words), number) of what the images of a record fix, whoever computed it: the true
    voxels of every case and the slices that the segmenter was trained on."""
    spec, split = record.spec, record.split
    where = spec.source.fingerprint, spec.protocol.slices, spec.protocol.resize_z
    for row in record.cases:
        yield (*where, f"true voxels of case {row.case}:"), row.truth_voxels
    trained = [one.results.get("slices") for one in record.stages if one.stage == "fit-segmenter"]
    if split is not None and trained and isinstance(trained[-1], int):
        cases = digest(sorted(split.train))
        yield (*where[:2], cases, f"slices of fold {spec.fold}:"), trained[-1]
