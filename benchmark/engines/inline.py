"""The inline engine: one stage after the other, in this process.

A stage that fails does not stop the others: what needs it is skipped, the rest goes on, and every failure is returned
with its reason. What is already in the store is not computed again. Callers: cli.
"""

import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from benchmark.errors import InputError
from benchmark.plan import Node
from benchmark.progress import Report
from benchmark.stages import execute
from benchmark.store import Store


@dataclass(frozen=True)
class Failure:
    """Why a stage has no result. `caused_by_input`: the user can mend it; `trace` is for --debug."""

    node: Node
    error: str
    caused_by_input: bool
    trace: str = ""


def run(
    nodes: Iterable[Node],
    store: Store,
    device: str,
    watch: Callable[[Node], AbstractContextManager[Report]],
) -> dict[str, Failure]:
    """Computes `nodes`, whose plans the store holds, inputs first; returns the failures by key, those of skipped stages included."""
    failures: dict[str, Failure] = {}
    for node in nodes:
        if store.has(node.stage, node.key):
            continue
        upstream = next((failures[key] for key in node.input_keys() if key in failures), None)
        if upstream is not None:
            failures[node.key] = replace(upstream, node=node)
            continue
        try:
            with watch(node) as report:
                execute(store, node.key, device, report)
        except Exception as error:  # a failed stage is a result to report, whatever it raised
            is_input = isinstance(error, InputError)
            message = str(error) if is_input else f"{type(error).__name__}: {error}"
            failures[node.key] = Failure(node, message, is_input, traceback.format_exc())
            store.write_failure(node.key, node.stage, message)
    return failures
