"""`--repeat K`: the same runs K times, and how far equal specs with equal seeds end apart.

Each repeat is a store of its own, <store>/repeats/<n>, so that engines, resuming and everything
else work in it as usual. The Dice of the repeats goes into the records of the first store, where
the report's noise floor finds it. Not here: the noise between seeds
(reports/statistics/variance.py), which is another question.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmark.engines.options import EngineOptions
from benchmark.planning.plan import Node
from benchmark.record.record import Record, Repeat
from benchmark.store.store import DamagedStage, Store
from benchmark.terminal.console import out, print_table

_LISTED = 20


def repeated(call: Callable[[Path], int], store: Path, times: int, dry_run: bool) -> int:
    """call(store), then call(<store>/repeats/<n>) for n = 2 .. times; the largest exit code."""
    code = call(store)
    for number in range(2, times + 1):
        out.print(f"repeat {number} of {times}", markup=False)
        code = max(code, call(_folder(store, number)))
    if times > 1 and not dry_run:
        _print_spread(
            _noted(Store(store), [Store(_folder(store, number)) for number in range(2, times + 1)])
        )
    return code


def print_reused(nodes: Sequence[Node], store: Store, options: EngineOptions) -> None:
    """With --deterministic: says which finished stages were computed without it."""
    if not options.deterministic:
        return
    names = [
        node.stage
        for node in nodes
        if store.has(node.stage, node.key) and not _was_deterministic(store, node)
    ]
    if names:
        kinds = ", ".join(f"{names.count(stage)} {stage}" for stage in dict.fromkeys(names))
        out.print(
            f"note: finished stages that were computed without --deterministic are reused:"
            f" {kinds}; an empty --store"
            " starts anew.",
            markup=False,
        )


def _was_deterministic(store: Store, node: Node) -> bool:
    try:
        return bool(store.manifest(node.stage, node.key)["provenance"].get("deterministic"))
    except DamagedStage:
        return False  # it will be computed again


def _folder(store: Path, number: int) -> Path:
    return store / "repeats" / str(number)


def _noted(first: Store, others: Sequence[Store]) -> list[Record]:
    """Writes the repeats into the records of `first` and returns those that have any."""
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


def _print_spread(records: Sequence[Record]) -> None:
    """One row per run: the mean Dice of each repeat and how far they lie apart, in points of
    100."""
    rows, means = [], []
    for record in records:
        dice = 100 * np.array(
            [[row.dice for row in record.cases], *(repeat.dice for repeat in record.repeats)]
        )
        pairs = [dice[a] - dice[b] for a, b in combinations(range(len(dice)), 2)]
        means += [abs(float(pair.mean())) for pair in pairs]
        spec = record.spec
        rows.append(
            (
                record.key[:8],
                spec.dataset,
                spec.method.label,
                spec.fold,
                spec.seed,
                " ".join(f"{mean:.2f}" for mean in dice.mean(1)),
                f"{max(abs(pair.mean()) for pair in pairs):.3f}",
                f"{max(abs(pair).max() for pair in pairs):.3f}",
            )
        )
    columns = (
        "run",
        "dataset",
        "method",
        "fold>",
        "seed>",
        "mean Dice, %>",
        "largest difference>",
        "of a single case>",
    )
    print_table("the same runs computed again, same seeds", columns, rows[:_LISTED])
    if not rows:
        return
    typical = float(np.sqrt(np.mean(np.square(means))))
    same = "the repeats are equal in every case" if not any(float(row[-1]) for row in rows) else ""
    found = (
        same
        or f"the mean Dice of two repeats differs by {typical:.3f} points (root mean square), at"
        f" most {max(means):.3f}"
    )
    out.print(f"{len(rows)} runs, {len(means)} pairs: {found}.", markup=False)
