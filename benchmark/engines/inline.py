"""The inline engine: one stage after the other, in this process.

A stage that fails does not stop the others: what needs it is skipped, the rest goes on, and every
failure is returned with its reason. What is already in the store is not computed again.
"""

from collections.abc import Iterable

from benchmark.core.progress import Report
from benchmark.engines.attempt import Outcome, attempt
from benchmark.engines.scheduler import Agenda, Failure, OnDone, Watch
from benchmark.stages.catalogue import Node
from benchmark.stages.execution import Execution
from benchmark.store.store import Store


def run(
    nodes: Iterable[Node], store: Store, how: Execution, watch: Watch, on_done: OnDone
) -> dict[str, Failure]:
    """Computes `nodes`, whose plans the store holds, inputs first; returns the failures by key."""
    agenda = Agenda(nodes, store, on_done, how.max_failures, how.retry_failed)

    def work(node: Node, wait: bool, report: Report) -> Outcome:
        return attempt(store, node.stage, node.key, how, report, wait)

    agenda.serve(watch, work)
    return agenda.failures
