"""How much a board can show: comparisons, methods and runs, so that nobody's records make the page
endless. Not here: what is in the records."""

from collections import defaultdict
from collections.abc import Iterable

from benchmark.record.record import Record
from reports.comparison.groups import group_id, row_method

MAX_COMPARISONS = 40  # of one file; each takes most of a second of the page
MAX_METHODS = 100  # of one comparison, all settings counted
MAX_PLACES = 30_000  # of one comparison: methods x seeds x folds, there or missing


class Extent:
    """The comparisons of records that are let in one after another."""

    def __init__(self) -> None:
        self._methods: dict[str, set[str]] = defaultdict(set)
        self._seeds: dict[str, set[int]] = defaultdict(set)

    def add(self, record: Record) -> str:
        """Lets a record in; or why its comparison would be too large, as a part of a sentence."""
        spec = record.spec
        group = group_id(spec)
        methods = self._methods[group] | {row_method(spec).identity}
        seeds = self._seeds[group] | {spec.seed}
        places = len(methods) * len(seeds) * spec.preset.n_folds
        if len(methods) > MAX_METHODS or places > MAX_PLACES:
            return (
                f"its comparison would have {len(methods)} methods and {places} runs; at most"
                f" {MAX_METHODS} and {MAX_PLACES} are shown"
            )
        self._methods[group], self._seeds[group] = methods, seeds
        return ""

    @property
    def comparisons(self) -> int:
        return len(self._methods)


def too_large(records: Iterable[Record]) -> str:
    """Why the records of one file are too many for a board, one sentence; '' if they are not."""
    extent = Extent()
    for record in records:
        if reason := extent.add(record):
            return f"A comparison is too large: {reason}."
    if extent.comparisons > MAX_COMPARISONS:
        return (
            f"its runs belong to {extent.comparisons} comparisons; at most {MAX_COMPARISONS} are"
            f" read from one file: give several."
        )
    return ""
