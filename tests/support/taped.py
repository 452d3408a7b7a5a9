"""Recording a step on a CPU as a GPU records it: a list of operations on tensors that stay where
they are, replayed without a line of the step's Python.

Whatever a step takes from the host - a number read back, a Python number that changes, a tensor
made anew - is the same in every replay, as in a CUDA graph. So a training on this backend ends with
the weights of the plain loop only if its step can really be recorded.
"""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_aten = torch.ops.aten
# What a GPU refuses while it records: reading a number, and shapes that depend on values.
_REFUSED = (
    _aten._local_scalar_dense.default,
    _aten.nonzero.default,
    _aten.masked_select.default,
    _aten._unique2.default,
    _aten.repeat_interleave.Tensor,
    _aten.equal.default,
)


class Tape(TorchDispatchMode):
    """The operations that run inside, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _REFUSED:
            raise RuntimeError(f"{func} is not permitted while a step is recorded")
        made = func(*args, **kwargs)
        if not (_is_view(func) and _shares_memory((args, kwargs), made)):
            self.steps.append((func, args, kwargs, made))
        return made

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, made in self.steps:
            new = func(*args, **kwargs)
            for old, now in zip(tree_leaves(made), tree_leaves(new), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != now.data_ptr():
                    old.copy_(now)


def _is_view(func: Any) -> bool:
    """Whether it only shows the memory of its argument, which needs no replay."""
    results = [result.alias_info for result in func._schema.returns]
    return bool(results) and all(alias and not alias.is_write for alias in results)


def _shares_memory(given: Any, made: Any) -> bool:
    """Whether a result lies in an argument; `reshape` shows its argument's memory or copies it."""
    places, ours = (
        {leaf.untyped_storage().data_ptr() for leaf in tree_leaves(tree) if _is_tensor(leaf)}
        for tree in (given, made)
    )
    return ours <= places


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor)


class Tapes:
    """A backend (benchmark/training/graphs.py) that records on tapes. `fails`: it cannot."""

    def __init__(self, fails: str = "", after: int = 0):
        self.fails, self.after = fails, after
        self.plain = self.recordings = self.replays = 0

    def beside(self, work) -> None:
        self.plain += 1
        work()

    def record(self, work):
        if self.fails and self.recordings >= self.after:
            raise RuntimeError(self.fails)
        self.recordings += 1
        with Tape() as tape:
            work()
        first = [True]  # a tape is made by running the step, which is then not run again

        def replay() -> None:
            self.replays += 1
            if not first:
                tape.replay()
            first.clear()

        return replay
