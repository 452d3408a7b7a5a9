"""`--repeat K`: the same runs K times, and how far equal specs with equal seeds end apart.

Each repeat is a store of its own, <store>/repeats/<n>, so that engines, resuming and everything
else work in it as usual. The Dice of the repeats goes into the records of the first store, where
the report's noise floor finds it. Not here: the noise between seeds
(reports/statistics/variance.py), which is another question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmark.record.record import Record, Repeat
from benchmark.stages.catalogue import Node
from benchmark.store.store import DamagedStage, Store


def repeat_folder(store: Path, number: int) -> Path:
    """Where the store of repeat `number` (from 2) lies."""
    return store / "repeats" / str(number)


def note_repeats(folder: Path, times: int) -> list[Record]:
    """Writes the repeats into the records of the store in `folder`, the first; returns those that
    have any."""
    first = Store(folder)
    others = [Store(repeat_folder(folder, number)) for number in range(2, times + 1)]
    noted = []
    for path in sorted((others[0].root / "records").glob("*.json")):
        record = first.notes.record(path.stem)
        again = [other.notes.record(path.stem) for other in others]
        done = [one for one in again if one is not None and one.status == "done"]
        if record is None or record.status != "done" or not done:
            continue
        record = record.model_copy(update={"repeats": tuple(_repeat(one) for one in done)})
        first.notes.write_record(record)
        noted.append(record)
    return noted


def _repeat(record: Record) -> Repeat:
    machines = dict.fromkeys(stage.machine for stage in record.stages)
    exact = all(stage.deterministic for stage in record.stages)
    return Repeat(
        machine="; ".join(machines),
        deterministic=exact,
        dice=tuple(row.dice for row in record.cases),
    )


@dataclass(frozen=True)
class Spread:
    """How far the repeats of one run lie apart; Dice in points of 100.

    Args:
        means: the mean Dice of each repeat.
        differences: of each pair of repeats, between their means; not negative.
        largest_of_a_case: the largest difference of any one case in any pair.
    """

    record: Record
    means: tuple[float, ...]
    differences: tuple[float, ...]
    largest_of_a_case: float


def spread(record: Record) -> Spread:
    """The spread of a record that has repeats."""
    first = [row.dice for row in record.cases]
    dice = 100 * np.array([first, *(repeat.dice for repeat in record.repeats)])
    pairs = [dice[a] - dice[b] for a, b in combinations(range(len(dice)), 2)]
    return Spread(
        record,
        tuple(map(float, dice.mean(1))),
        tuple(abs(float(pair.mean())) for pair in pairs),
        max(float(abs(pair).max()) for pair in pairs),
    )


def not_deterministic(nodes: Sequence[Node], store: Store) -> list[Node]:
    """The finished ones of the stages that were computed without --deterministic."""
    there = [node for node in nodes if store.has(node.stage, node.key)]
    return [node for node in there if not _was_deterministic(store, node)]


def _was_deterministic(store: Store, node: Node) -> bool:
    try:
        return bool(store.manifest(node.stage, node.key)["provenance"].get("deterministic"))
    except DamagedStage:
        return False  # it will be computed again
