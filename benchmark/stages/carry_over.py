"""What a process keeps from one stage to the next: a loaded generator, and samples that were made
early.

Each variant of a generator is a stage of its own, so that any number of them can be asked for.
Computed in a row by one process, they share the generator, which is loaded (and, if asked,
compiled) once, and a batch in which the last slices of one variant leave room takes the first ones
of the next. Not here: which stages follow each other (engines/scheduler.py), how a batch is filled
(sampling.py).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Kept:
    """Empty at first, and again after a stage that nothing of its kind follows.

    early: images and masks uint8 (m, S, S) of the first m slices of stages still to come, by key.
    """

    def __init__(self) -> None:
        self.early: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._generator: tuple[Any, Any] | None = None
        self._expected: Sequence[str] = ()

    def begin(self, key: str, following: Sequence[str]) -> None:
        """A stage begins, which those of the keys `following` are to follow. Drops what was kept
        for others."""
        if key not in self._expected:
            self.clear()
        self._expected = tuple(following)

    def end(self) -> None:
        """The stage is done."""
        if not self._expected:
            self.clear()

    def clear(self) -> None:
        self.early, self._generator, self._expected = {}, None, ()

    def generator(self, address: Any, load: Callable[[], Any]) -> Any:
        """The generator at `address`, loaded unless it is the one of the stage before."""
        if self._generator is None or self._generator[0] != address:
            self._generator = address, load()
        return self._generator[1]
