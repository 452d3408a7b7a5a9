"""The same work for many items on the cores of this machine.

Processes are forked, so that they share what is loaded already and nothing has to be sent to them;
what they return is pickled. Where a fork is no sound choice (macOS, Windows) the work is done in
this process, with the same result.
"""

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable
from typing import Any

MOST_WORKERS = 4
_work: Callable[[int], Any]  # of the call in progress, for the forked processes


def in_order(work: Callable[[int], Any], count: int, *, workers: int | None = None) -> list[Any]:
    """[work(0), ..., work(count - 1)]. workers: 1 for this process alone; one per core, at most
    four, if not given.

    The first exception of any item is raised. Long items should come first.
    """
    global _work
    workers = min(count, usable_cores() if workers is None else workers)
    # what is loaded stays until the end: looking through it for garbage, again and again as
    # figures are drawn and thrown away, took a seventh of the time of a large report
    gc.freeze()
    try:
        if workers < 2:
            return [work(number) for number in range(count)]
        _work = work
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            return pool.map(_call, range(count), chunksize=1)
    finally:
        gc.unfreeze()


def usable_cores() -> int:
    """How many processes may work at once: 1 where forking is no sound choice."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS) if sys.platform == "linux" else 1


def _call(number: int) -> Any:
    return _work(number)
