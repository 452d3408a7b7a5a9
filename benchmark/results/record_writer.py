"""Writes the record of each run as soon as its last stage is there, so that a killed program loses
none. Not here: what is in a record (assembly.py)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.planning.plan import Plan
from benchmark.record.record import Record
from benchmark.results.assembly import assemble, failed
from benchmark.stages.catalogue import Node
from benchmark.store.store import DamagedStage, Store


class Settler:
    """The records of `plans`, by run key, in `records`; `notes` are the sentences of each run's
    source, by run key."""

    def __init__(self, plans: Sequence[Plan], store: Store, notes: Mapping[str, tuple[str, ...]]):
        self.records: dict[str, Record] = {}
        self._store, self._notes = store, notes
        self._missing: dict[str, set[str]] = {}
        self._readers: dict[str, list[Plan]] = defaultdict(list)
        for plan in plans:
            self._missing[plan.run.key] = {
                node.key for node in plan.nodes if not store.has(node.stage, node.key)
            }
            for key in {node.key for node in plan.nodes}:
                self._readers[key].append(plan)
        for plan in plans:
            if not self._missing[plan.run.key]:
                self._try(plan, requeue=True)

    def done(self, node: Node) -> None:
        """A stage is there. Raises DamagedStage, after all it could do, if a stage has to be made
        again."""
        damaged = None
        for plan in self._readers[node.key]:
            missing = self._missing[plan.run.key]
            missing.discard(node.key)
            if not missing:
                damaged = self._try(plan) or damaged
        if damaged:
            raise damaged

    def fail(self, failures: Mapping[str, Any]) -> None:
        """Writes the failed runs; a finished record of the very same stages outlives a failure to
        compute them again."""
        for plan in {id(plan): plan for key in failures for plan in self._readers[key]}.values():
            failure = next(failures[node.key] for node in plan.nodes if node.key in failures)
            record = failed(plan, failure.error)
            before = self._store.notes.record(plan.run.key)
            if not (before == record or is_done(before, plan)):
                self._store.notes.write_record(record)
            self.records[plan.run.key] = record

    def _try(self, plan: Plan, requeue: bool = False) -> DamagedStage | None:
        try:
            record = assemble(plan, self._store, self._notes[plan.run.key])
        except DamagedStage as error:
            for reader in self._readers[error.key]:
                self._missing[reader.run.key].add(error.key)
            if requeue:
                self._store.requeue(error)
            return error
        self._store.notes.write_record(record)
        self.records[plan.run.key] = record
        return None


def is_done(record: Record | None, plan: Plan) -> bool:
    """Whether `record` is the finished result of just the stages of `plan`."""
    if record is None or record.status != "done":
        return False
    return [stage.key for stage in record.stages] == [node.key for node in plan.nodes]
