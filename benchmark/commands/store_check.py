"""What `verify` does for a store: checksums of its stages, and whether its records say what their
stages say. Not here: the check of a report's tables (report.py)."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmark.commands.store import existing
from benchmark.core.errors import ExitCode, InputError
from benchmark.record.record import Record, load_record
from benchmark.results.assembly import cost_of
from benchmark.store.store import DamagedStage, Store
from benchmark.terminal.console import err, out
from datasets.folds import split_hash


def verify_store(store_folder: Path) -> ExitCode:
    """Recomputes the checksums of all stages; damaged ones are removed and computed again by the
    next run that needs them."""
    store = existing(store_folder)
    sound, damaged = 0, []
    for stage, key in (*store.all_stages(), *store.without_manifest()):
        try:
            store.check(stage, key)
            sound += 1
        except DamagedStage as error:
            damaged.append(error)
    wrong = [line for path in _record_files(store) for line in _doubts(store, path)]
    wrong += [
        f"run {path.stem[:12]}: its file in runs/ is damaged; the same `run` or `suite` writes it"
        " again."
        for path in store.notes.damaged()
        if path.parent.name == "runs"
    ]
    for path in _record_files(store):
        if _other_costs(store, path):
            out.print(
                f"note: record {path.stem[:12]} tells other times or machines than its stages;"
                " they were computed again since, or the record was changed."
            )
    for damage in damaged:
        err.print(f"damaged: {damage}; the same `run` or `suite` computes it again.")
    for line in wrong:
        err.print(line)
    if damaged:
        store = Store(store_folder)
        for damage in damaged:
            store.requeue(damage)
    records = len(_record_files(store))
    out.print(
        f"{records} records read, {sound} stages sound, {len(damaged)} damaged,"
        f" {len(wrong)} records in doubt"
    )
    if records and not (sound or damaged):
        out.print(
            "note: no stage of these records is here, so they were checked against themselves"
            " alone."
        )
    return ExitCode.FAILED if damaged or wrong else ExitCode.DONE


def _record_files(store: Store) -> list[Path]:
    return sorted((store.root / "records").glob("*.json"))


def _doubts(store: Store, path: Path) -> list[str]:
    """What is wrong with the record in a file: it cannot be read, it contradicts itself, or it is
    not what its stages say, as far as these are here."""
    name = f"record {path.stem[:12]}"
    try:
        record = load_record(path)
    except InputError:
        return [f"{name}: not readable; the same `run` or `suite` makes it again of its stages."]
    return [f"{name}: {what}." for what in (*_contradictions(record, path), *_lies(store, record))]


def _contradictions(record: Record, path: Path) -> Iterator[str]:
    if path.stem != record.key:
        yield f"its file is not named by its key {record.key[:12]}"
    if record.lifted_from is None:
        if record.spec.key != record.key:
            yield "its spec is not that of its key"
        if record.status == "done" and record.seeds != record.spec.seeds:
            yield "its seeds are not those of its spec"
    parts = record.split
    if parts is not None and parts.hash != split_hash(
        train=parts.train, validation=parts.validation, test=parts.test
    ):
        yield "its split is not that of the split's hash"
    done = bool(record.cases and record.stages and record.budget)
    if done != (record.status == "done"):
        yield f"its status is {record.status}, which does not fit its rows and stages"
    tested = set(parts.test) if parts is not None else set()
    if record.status == "done" and {row.case for row in record.cases} != tested:
        yield "its case rows are not those of its test cases"


def _lies(store: Store, record: Record) -> Iterator[str]:
    """Where the record differs from what its stages wrote; stages that are damaged have been
    named."""
    for cost in record.stages:
        try:
            manifest = store.manifest(cost.stage, cost.key)
            if manifest["version"] != cost.version:
                yield f"the version of {cost.stage} {cost.key[:12]} is not that of the stage"
            if cost.stage == "score" and record.status == "done":
                file = store.folder(cost.stage, cost.key) / "cases.json"
                rows = json.loads(file.read_text(encoding="utf-8"))
                if rows != [row.model_dump(mode="json") for row in record.cases]:
                    yield f"its case rows differ from those of score {cost.key[:12]}"
        except (DamagedStage, ValueError, FileNotFoundError, KeyError):
            continue


def _other_costs(store: Store, path: Path) -> bool:
    """Whether a record tells other costs than its stages: they were computed again since, for
    another run, or the record was changed."""
    try:
        record = load_record(path)
        return any(
            cost_of(store.manifest(cost.stage, cost.key), folder, cost.purpose) != cost
            for cost in record.stages
            if (folder := store.folder(cost.stage, cost.key)).is_dir()
        )
    except (DamagedStage, InputError, ValueError, FileNotFoundError, KeyError):
        return False
