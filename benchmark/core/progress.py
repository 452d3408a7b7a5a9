"""How long work tells what it is doing, without knowing who listens.

A stage receives a `Report`: a callable `report(done, total, **fields)` with numbers such as loss,
dice or bytes. The command line draws bars from it; a test counts calls; `silent` drops everything.
"""

from typing import Protocol


class Report(Protocol):
    def __call__(self, done: int, total: int, **fields: float) -> None: ...


def silent(done: int, total: int, **fields: float) -> None:
    """A Report that listens to nothing."""
