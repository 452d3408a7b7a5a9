"""Starts the program, or a worker of an engine, with one stage that kills its process.

    python -m tests.support.faulty STAGE[:mid] FLAG TIMES cli|worker ARGUMENTS...

The stage does its work and then kills its process before the result is moved into place, TIMES
times: the file FLAG counts. With `:mid` a training saves its state whenever it may and is killed by
its first word after that. The product knows nothing of this.
"""

import os
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmark.stages import execute as stages
from benchmark.stages.catalogue import STAGES


def main(stage: str, flag: str, times: str, entry: str, *arguments: str) -> None:
    stage, _, middle = stage.partition(":")
    real, count = STAGES[stage].run, Path(flag)

    def kill() -> None:
        killed = int(count.read_text()) if count.exists() else 0
        if killed < int(times):
            count.write_text(str(killed + 1))
            os.kill(os.getpid(), signal.SIGKILL)

    def dies(spec, inputs, out, context):
        if middle:

            def report(done, total, **numbers):
                if context.checkpoint.exists():
                    kill()

            return real(spec, inputs, out, replace(context, report=report))
        results = real(spec, inputs, out, context)
        kill()
        return results

    if middle:
        stages.Checkpoint = partial(stages.Checkpoint, every_seconds=0)

    STAGES[stage] = replace(STAGES[stage], run=dies)
    if entry == "cli":
        import cli

        sys.argv = ["cli.py", *arguments]
        cli.main()
    else:
        from benchmark.engines.worker import main as work

        work(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
