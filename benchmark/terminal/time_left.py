"""How long the outstanding stages of one call will still take, from those that were measured and
those that end meanwhile. Not here: the forecast before a call (forecast.py)."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from benchmark.planning.forecast import kinds_of, measured_costs
from benchmark.stages.catalogue import Node
from benchmark.store.store import Store

# what a stage must have done of its work before its own speed says how long it takes
LEAST_SHARE = 0.05


class TimeLeft:
    """The outstanding ones of `nodes`. machine: whose measured costs it starts from; None:
    nobody's. Safe between threads."""

    def __init__(self, nodes: Sequence[Node], store: Store, machine: str | None):
        self._kinds = kinds_of(nodes)
        there = {node.key for node in nodes if store.has(node.stage, node.key)}
        self._waiting = {node.key for node in nodes} - there
        self._kinds_waiting = Counter(self._kinds[key] for key in self._waiting)
        self._running: dict[str, tuple[float, float]] = {}  # start, share of the work that is done
        self._measured: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        if machine:
            for kind, cost in measured_costs(store, nodes, self._kinds, there).items():
                if machine in cost.machines:
                    self._measured[kind] = [cost.machines[machine].seconds]

    def start(self, key: str) -> None:
        with self._lock:
            if key in self._waiting:
                self._waiting.remove(key)
                self._kinds_waiting[self._kinds[key]] -= 1
            self._running[key] = time.monotonic(), 0.0

    def progress(self, key: str, share: float) -> None:
        """A running stage has done this share of its work, 0 to 1."""
        with self._lock:
            self._running[key] = self._running[key][0], share

    def end(self, key: str, computed: bool) -> None:
        with self._lock:
            start, _ = self._running.pop(key)
            if computed:
                self._measured.setdefault(self._kinds[key], []).append(time.monotonic() - start)

    def estimate(self) -> tuple[float, int]:
        """(seconds, if as many stages as now stay at work; outstanding stages of whose kind nothing
        is known yet)."""
        with self._lock:
            now, seconds, unknown = time.monotonic(), 0.0, 0
            each = {kind: fmean(values) for kind, values in self._measured.items()}
            for key, (start, share) in self._running.items():
                kind, elapsed = self._kinds[key], now - start
                whole = elapsed / share if share > LEAST_SHARE else each.get(kind)
                unknown += whole is None
                seconds += max(0.0, (whole or 0.0) - elapsed)
                if whole is not None:
                    each.setdefault(kind, whole)
            for kind, count in self._kinds_waiting.items():
                unknown += count if kind not in each else 0
                seconds += count * each.get(kind, 0.0)
            return seconds / max(1, len(self._running)), unknown
