"""A worker of the processes engine: computes one stage after the other, as it is told, and ends
with its program.

    python -m benchmark.engines.worker STORE EXECUTION

EXECUTION is an Execution as JSON.
Reads lines {"stage", "key", "wait"} from standard input; writes lines {"report": [done, total,
numbers]} and, per stage, {"outcome": ...} to standard output. What libraries print goes to the
log of the stage. When standard input closes - the program ended, or was killed - the worker ends
at once, in the middle of a stage too.
"""

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path

from benchmark.engines.attempt import Outcome, attempt
from benchmark.stages.execution import Execution, StageExecution
from benchmark.store.store import Store

REPORTS_PER_SECOND = 5.0


def main(root: str, execution: str) -> None:
    """Works until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    tasks: queue.Queue[dict] = queue.Queue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    store, how = Store(Path(root)), Execution(**json.loads(execution))
    while True:
        task = tasks.get()
        answers.write(json.dumps({"outcome": _work(store, how, task, answers).as_dict()}) + "\n")


def _work(store: Store, how: StageExecution, task: dict, answers) -> Outcome:
    last = 0.0

    def report(done: int, total: int, **numbers: float) -> None:
        nonlocal last
        if time.monotonic() - last >= 1 / REPORTS_PER_SECOND:
            last = time.monotonic()
            plain = {name: float(value) for name, value in numbers.items()}
            answers.write(json.dumps({"report": [done, total, plain]}) + "\n")

    with store.notes.log_path(task["stage"], task["key"]).open("ab") as log:
        before = os.dup(1), os.dup(2)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            return attempt(store, task["stage"], task["key"], how, report, task["wait"])
        finally:
            for target, earlier in enumerate(before, start=1):
                os.dup2(earlier, target)
                os.close(earlier)


def _listen(tasks: "queue.Queue[dict]") -> None:
    for line in sys.stdin:
        tasks.put(json.loads(line))
    os._exit(0)  # locks vanish with this process; the next owner removes the half-written folder


if __name__ == "__main__":
    main(*sys.argv[1:])
