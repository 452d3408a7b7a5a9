"""What `run` and `suite` print of their sources, records and failures.

Not here: forecasts and tables in general (terminal/console.py), stages at work (terminal/live.py).
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from baselines.generators.user_method import OwnClass
from benchmark.core.texts import QUICK_LOOK
from benchmark.planning.request import Opened
from benchmark.record.record import Record
from benchmark.results.repeats import not_deterministic, spread
from benchmark.stages.catalogue import Node
from benchmark.stages.execution import Execution
from benchmark.store.store import DamagedStage, Store
from benchmark.terminal.console import err, out, print_table

if TYPE_CHECKING:
    from benchmark.engines.scheduler import Failure

_RESULT_COLUMNS = ("method", "cases", "Dice, %", "paper: Dice, %", "HD95", "paper: HD95", "runs")
_REPEAT_COLUMNS = (
    "run",
    "dataset",
    "method",
    "fold>",
    "seed>",
    "mean Dice, %>",
    "largest difference>",
    "of a single case>",
)
_MOST_REPEATS = 20


def print_sources(opened: Iterable[tuple[str, Opened]]) -> None:
    """opened: (dataset, source)."""
    for dataset, source in opened:
        spec = source.spec
        out.print(f"{dataset}: {spec.title}, {len(source.cases)} cases ({spec.licence})")
        for note in source.source.notes:
            out.print(f"  note: {note}")
        if source.copies:
            out.print(
                f"  note: {sum(map(len, source.copies))} cases are near copies of others"
                f" ({len(source.copies)} clusters; `data verify` lists them); the switch copies"
                f" says whether a cluster stays together."
            )


def print_spread(records: Sequence[Record]) -> None:
    """How far the repeats of each run lie apart, in points of 100, and what that says of all."""
    found = [spread(record) for record in records]
    rows = [
        (
            one.record.key[:8],
            one.record.spec.dataset,
            one.record.spec.method.label,
            one.record.spec.fold,
            one.record.spec.seed,
            " ".join(f"{mean:.2f}" for mean in one.means),
            f"{max(one.differences):.3f}",
            f"{one.largest_of_a_case:.3f}",
        )
        for one in found[:_MOST_REPEATS]
    ]
    print_table("the same runs computed again, same seeds", _REPEAT_COLUMNS, rows)
    pairs = [difference for one in found for difference in one.differences]
    if not pairs:
        return
    if any(round(one.largest_of_a_case, 3) for one in found):
        typical = fmean(difference**2 for difference in pairs) ** 0.5
        said = (
            f"the mean Dice of two repeats differs by {typical:.3f} points (root mean square), at"
            f" most {max(pairs):.3f}"
        )
    else:
        said = "the repeats are equal in every case"
    out.print(f"{len(found)} runs, {len(pairs)} pairs: {said}.")


def print_reused(nodes: Sequence[Node], store: Store, how: Execution) -> None:
    """With --deterministic: which finished stages were computed without it."""
    if not how.deterministic:
        return
    if names := Counter(node.stage for node in not_deterministic(nodes, store)):
        kinds = ", ".join(f"{count} {stage}" for stage, count in names.items())
        out.print(
            f"note: finished stages that were computed without --deterministic are reused:"
            f" {kinds}; an empty --store starts anew."
        )


def print_changed_code(nodes: Sequence[Node], own: Mapping[str, OwnClass], store: Store) -> None:
    """Which finished stages were made by another state of a user's own method's file. own: by what
    a spec calls it."""
    changed: Counter[str] = Counter()
    for node in nodes:
        loaded = own.get(node.spec.method_class() or "")
        if loaded is None or not store.has(node.stage, node.key):
            continue
        with contextlib.suppress(DamagedStage, FileNotFoundError):
            made_by = store.manifest(node.stage, node.key)["results"].get("own_sha256")
            changed[loaded.address] += made_by not in (None, loaded.sha256)
    for address, count in changed.items():
        if count:
            out.print(
                f"note: {count} finished stages were made before {address} was changed, and are"
                " reused; give the class another version to compute them again."
            )


def print_records(records: list[Record]) -> None:
    from reports.comparison.study import Study
    from reports.tables.tables import run_table

    tables: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in run_table(Study(records)):
        tables.setdefault(
            (row["dataset"], row["source"], row["rules"], row["not comparable"]), []
        ).append(row)
    for (dataset, source, rules, mismatch), rows in tables.items():
        if all(row["runs"].startswith("0 of") for row in rows):
            continue  # nothing but failures, which are told below
        columns = [name for name in _RESULT_COLUMNS if any(row[name] != "–" for row in rows)]
        lines = [rules]
        if mismatch:
            columns = [name for name in columns if not name.startswith("paper")]
        if source.endswith("synthetic images"):
            lines.append("Phantom images say that the program works, and nothing about real ones.")
        elif QUICK_LOOK in source:
            lines.append("A quick look is no result.")
        elif mismatch:
            lines.append(f"The paper's values are not comparable: {mismatch}.")
        absent = {row["absent runs"] for row in rows} - {"–", ""}
        if len(absent) == 1 and len(rows) == sum(row["absent runs"] in absent for row in rows):
            lines.append(f"Of every method: {absent.pop()}.")
        else:
            lines += [
                f"{row['method']}: {row['absent runs']}."
                for row in rows
                if row["absent runs"] in absent
            ]
        marked = [name if name == "method" else f"{name}>" for name in columns]
        print_table(
            f"{dataset}, {source}",
            marked,
            [[row[name] for name in columns] for row in rows],
            "\n".join(lines),
        )
    failed: dict[str | None, list[str]] = {}
    for record in records:
        if record.status == "failed":
            spec = record.spec
            run = f"{spec.dataset} {spec.method.label} fold {spec.fold} seed {spec.seed}"
            failed.setdefault(record.error, []).append(run)
    for error, runs in failed.items():
        err.print(f"error: {error}")
        err.print(f"  failed by this: {', '.join(runs)}")


def print_left_out(absent: int, failures: dict[str, "Failure"]) -> None:
    earlier = sum(failure.earlier for failure in failures.values())
    if earlier:
        err.print(
            f"{earlier} stages failed in an earlier call, or need one that did; they were not"
            f" tried: add --retry-failed."
        )
    if absent:
        which = "1 run was" if absent == 1 else f"{absent} runs were"
        err.print(
            f"{which} not computed, because too many stages failed; the same command goes on from"
            f" here."
        )
