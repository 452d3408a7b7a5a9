"""What forbids any conclusion from the runs of a group: leaks, rows that are not the test cases,
runs made on unequal terms. Not here: what only limits a conclusion (caveats.py)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from benchmark.core.texts import one_line, some
from benchmark.record.record import Record

SHOWN_DEFECTS = 5
SHOWN_NAMES = 20


def find_defects(records: Sequence[Record]) -> list[str]:
    """One sentence per defect of a group's records; [] for sound ones."""
    return [
        *_first_ones(list(_leaks(records))),
        *_first_ones(list(_wrong_rows(records))),
        *_unequal_terms(records),
    ]


def listed(words: Iterable[object]) -> str:
    """Names in one line, a long list cut."""
    return one_line(some([str(word) for word in words], SHOWN_NAMES))


def _first_ones(sentences: list[str]) -> list[str]:
    """A long list of like sentences, cut: it would stand on many pages."""
    more = len(sentences) - SHOWN_DEFECTS
    end = [f"The same is wrong with {more} more runs."] if more > 0 else []
    return sentences[:SHOWN_DEFECTS] + end


def _leaks(records: Iterable[Record]) -> Iterator[str]:
    """Test cases that the run's own training, selection or generator saw."""
    for record in records:
        if record.split and (leaked := leaked_cases(record)):
            yield f"Run {record.key[:12]} was trained on test cases of its fold: {listed(leaked)}."


def leaked_cases(record: Record) -> list[str]:
    """Test cases that a run's own training, selection or generator saw."""
    split = record.split
    if split is None:
        return []
    return sorted({*split.train, *split.validation, *split.generator} & {*split.test})


def _wrong_rows(records: Iterable[Record]) -> Iterator[str]:
    """Done runs whose rows are not exactly their test cases."""
    for record in records:
        if record.status != "done" or record.split is None:
            continue
        rows, tests = [row.case for row in record.cases], set(record.split.test)
        lacking = listed(sorted(tests - set(rows))) or "-"
        foreign = listed(sorted(set(rows) - tests)) or "-"
        if sorted(rows) != sorted(tests):
            yield (
                f"Run {record.key[:12]} has {len(rows)} rows for {len(record.split.test)} test"
                f" cases (lacking: {lacking}; foreign: {foreign})."
            )


def _unequal_terms(records: Iterable[Record]) -> Iterator[str]:
    """Runs of one fold that were not given the same cases or the same number of optimiser steps."""
    splits, steps = defaultdict(set), defaultdict(set)
    for record in records:
        if record.split:
            splits[record.spec.fold].add(record.split.hash)
        if record.budget:
            steps[record.spec.fold].add(record.budget.optimiser_steps)
    if mixed := [fold for fold, hashes in sorted(splits.items()) if len(hashes) > 1]:
        yield f"Runs of one fold were made on different splits: fold {listed(mixed)}."
    if uneven := [fold for fold, counts in sorted(steps.items()) if len(counts) > 1]:
        yield f"Runs of one fold had different numbers of optimiser steps: fold {listed(uneven)}."
