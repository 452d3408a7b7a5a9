"""What an engine does next: which stages can start, what follows from how one ended.

All engines share these rules, so that they differ only in where a stage runs:

- a stage starts when its inputs are there, in the order of the plan;
- one that another program computes is put off once, then waited for;
- a damaged input is computed again, and then what needed it;
- a stage whose process died is tried again, up to TRIES times;
- a failed stage fails what needs it, and nothing else; after `max_failures` of them nothing new
  starts;
- a full or read-only disk stops everything.

Safe to use from several threads. Not here: running a stage (attempt.py).
"""

import contextlib
import heapq
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from benchmark.core.progress import Report
from benchmark.engines.attempt import Outcome
from benchmark.stages.catalogue import Node
from benchmark.store.notes import StoreUnusable
from benchmark.store.store import DamagedStage, Store

TRIES = 3
Watch = Callable[[Node], AbstractContextManager[Report]]
OnDone = Callable[[Node], None]
Work = Callable[[Node, bool, Report], Outcome]


@dataclass(frozen=True)
class Failure:
    """Why a stage has no result. `caused_by_input`: the user can mend it; `trace` is for --debug.

    `earlier`: it failed in an earlier call and was not tried again.
    """

    node: Node
    error: str
    caused_by_input: bool
    trace: str = ""
    earlier: bool = False


class StageFailed(Exception):
    """Leaves the watched block of a stage that has no result."""


class Agenda:
    """The outstanding ones of `nodes` (inputs before what reads them; plans in the store).

    `on_done(node)` is called once a stage is there, one call at a time; it may raise DamagedStage
    for a stage that must be made again. With `retry` False, stages that failed for good in an
    earlier call are not tried.
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        store: Store,
        on_done: OnDone,
        max_failures: int | None = None,
        retry: bool = True,
    ):
        self.store, self._on_done, self._max_failures = store, on_done, max_failures
        self.failures: dict[str, Failure] = {}
        self._nodes = {node.key: node for node in nodes}
        self._position = {key: number for number, key in enumerate(self._nodes)}
        self._open: set[str] = set()  # not there yet: waiting or running
        self._running: set[str] = set()
        self._missing: dict[str, set[str]] = {}
        self._readers: dict[str, set[str]] = defaultdict(set)
        self._ready: list[tuple[int, str]] = []
        self._tries: Counter[str] = Counter()
        self._put_off: set[str] = set()
        self._failed = 0
        self._unusable: str | None = None
        self._halted = False
        self._changed = threading.Condition(threading.RLock())
        for key, node in self._nodes.items():
            if not store.has(node.stage, key):
                self._add(key)
        if not retry:
            for key, failure in store.notes.failures().items():
                if failure.get("final") and key in self._open:
                    self._fail(
                        key, Failure(self._nodes[key], failure["error"], False, earlier=True)
                    )

    def take(self, block: bool = True) -> tuple[Node, bool] | None:
        """The next stage and whether to wait for another program's lock on it; None: nothing (now,
        or with `block`, ever)."""
        with self._changed:
            while True:
                if not self._stopped and (key := self._next_ready()):
                    heapq.heappop(self._ready)
                    self._running.add(key)
                    return self._nodes[key], key in self._put_off or not self._ready
                if not block or not self._running:
                    self._changed.notify_all()
                    return None
                self._changed.wait()

    def serve(self, watch: Watch, work: Work) -> None:
        """Takes stages and has `work(node, wait, report)` try them, until nothing is left to
        start."""
        while taken := self.take():
            node, wait = taken
            with contextlib.suppress(StageFailed), watch(node) as report:
                if not self.settle(node, work(node, wait, report)):
                    raise StageFailed

    def settle(self, node: Node, outcome: Outcome) -> bool:
        """Takes note of how a taken stage ended; whether it is there now. Raises StoreUnusable: the
        disk is full."""
        with self._changed:
            self._running.discard(node.key)
            try:
                self._settle(node, outcome)
            finally:
                self._changed.notify_all()
            if self._unusable:
                raise StoreUnusable(self._unusable)
            return outcome.kind in ("computed", "present")

    def halt(self) -> None:
        """Nothing starts any more, and a process that dies now was ended on purpose."""
        with self._changed:
            self._halted = True
            self._changed.notify_all()

    def _next_ready(self) -> str | None:
        """The key at the top of the heap, once what cannot start any more is off it."""
        while self._ready:
            key = self._ready[0][1]
            if key in self._open and key not in self._running and not self._missing[key]:
                return key
            heapq.heappop(self._ready)
        return None

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def _stopped(self) -> bool:
        too_many = self._max_failures is not None and self._failed >= self._max_failures
        return self._halted or self._unusable is not None or too_many

    def _settle(self, node: Node, outcome: Outcome) -> None:
        key = node.key
        if outcome.kind in ("computed", "present"):
            self._open.discard(key)
            for reader in self._readers.pop(key, ()):
                self._missing[reader].discard(key)
                self._push_if_ready(reader)
            try:
                self._on_done(node)
            except DamagedStage as error:
                self.store.requeue(error)
                self._again(node, error.key, str(error))
        elif outcome.kind == "busy":
            self._put_off.add(key)
            heapq.heappush(self._ready, (self._position[key] + len(self._nodes), key))
        elif outcome.kind == "unusable":
            self._unusable = outcome.error
        elif outcome.kind == "damaged":
            assert outcome.damaged is not None, "the outcome names what is damaged"
            self._again(node, outcome.damaged[1], outcome.error)
        elif outcome.kind == "died" and (self._halted or self._tried(key)):
            self._push_if_ready(key)
        else:
            if outcome.kind == "died":
                self.store.notes.write_failure(key, node.stage, outcome.error, final=False)
            self._failed += 1
            self._fail(key, Failure(node, outcome.error, outcome.by_input, outcome.trace))

    def _again(self, reader: Node, damaged: str, error: str) -> None:
        """The stage `damaged`, which `reader` needs, has to be computed again before it."""
        if damaged not in self._nodes or (damaged not in self._open and not self._tried(damaged)):
            self._failed += 1
            self._fail(reader.key, Failure(reader, error, False))
            return
        self._add(damaged)
        for key in self._open:  # readers that were ready are so no longer
            if damaged in self._nodes[key].input_keys():
                self._missing[key].add(damaged)
                self._readers[damaged].add(key)

    def _add(self, key: str) -> None:
        """Opens a stage, and those of its inputs that are not there."""
        if key in self._open:
            return
        self._open.add(key)
        missing = set()
        for name in self._nodes[key].input_keys():
            other = self._nodes.get(name)
            if (
                other is not None
                and name not in self._open
                and not self.store.has(other.stage, name)
            ):
                self._add(name)
            if name in self._open:
                missing.add(name)
                self._readers[name].add(key)
        self._missing[key] = missing
        self._push_if_ready(key)

    def _push_if_ready(self, key: str) -> None:
        if key in self._open and not self._missing[key]:
            heapq.heappush(self._ready, (self._position[key], key))

    def _tried(self, key: str) -> bool:
        """Counts a try that ended without a verdict; whether there is another."""
        self._tries[key] += 1
        return self._tries[key] < TRIES

    def _fail(self, key: str, failure: Failure) -> None:
        """Fails a stage and all that needs it."""
        pending = [key]
        while pending:
            failed = pending.pop()
            if failed in self._open:
                self._open.discard(failed)
                self.failures[failed] = replace(failure, node=self._nodes[failed])
                pending += self._readers.pop(failed, ())
