"""What the user tells an engine."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.core.errors import InputError
from benchmark.core.registry import check_name
from benchmark.planning.plan import Node
from benchmark.stages.execution import Execution


@dataclass(frozen=True)
class EngineOptions:
    """How to run stages; nothing here enters a key.

    workers: stages at once (None: one per GPU, or one on a CPU; with ray: what the cluster holds);
    address: of a Ray cluster; max_failures: start nothing new after so many failed stages; retry:
    also try what failed for good before; on_done: called after each stage, one call at a time;
    deterministic, logger: see Execution.
    """

    workers: int | None = None
    address: str | None = None
    max_failures: int | None = None
    retry: bool = True
    on_done: Callable[[Node], None] = lambda node: None
    deterministic: bool = False
    logger: str = "none"

    def execution(self, device: str) -> Execution:
        """How every stage is computed on `device`."""
        return Execution(device, self.deterministic, self.logger)


def choose_device(name: str) -> str:
    """ "auto", "cpu" or "cuda" -> "cpu" or "cuda". Raises InputError where there is no such
    device."""
    check_name("device", name, ("auto", "cpu", "cuda"))
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise InputError(
            "--device cuda: torch finds no CUDA GPU here; use --device cpu, or see `python cli.py"
            " doctor`."
        )
    return "cpu"
