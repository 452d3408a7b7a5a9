"""How stages are computed, as opposed to what they are: nothing here enters a key. The fields are
also the options of `run`, `suite` and `stage`; see planning/options.py for the others."""

from dataclasses import dataclass, replace
from typing import Self

from benchmark.core.errors import InputError
from benchmark.core.options import option, words_of
from benchmark.core.registry import check_name
from benchmark.training.curve_loggers import check_logger

ENGINE = "Engine"
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class StageExecution:
    """How one stage is computed. deterministic: see determinism.py; logger: curve_loggers.py;
    no_graphs, compile: graphs.py, all in benchmark/training/."""

    device: str = option("auto", "auto (default), cpu or cuda", ENGINE, metavar="NAME")
    deterministic: bool = option(False, "the same bits every time; slower on GPUs", ENGINE)
    logger: str = option(
        "tensorboard", "tensorboard (default), csv, wandb, ...", ENGINE, metavar="NAME"
    )
    no_graphs: bool = option(False, "no CUDA graphs of training steps", ENGINE)
    compile: bool = option(False, "torch.compile of networks in training", ENGINE)

    def __post_init__(self) -> None:
        check_name("device", self.device, DEVICES)
        check_logger(self.logger)

    def words(self) -> list[str]:
        """Options of `cli.py stage` that say the same."""
        return words_of(self, StageExecution)

    def here(self) -> Self:
        """The same on the device of this machine, "cpu" or "cuda"."""
        return replace(self, device=choose_device(self.device))


@dataclass(frozen=True)
class Execution(StageExecution):
    """How all stages of a call are computed."""

    engine: str = option("inline", "inline (default), processes or ray", ENGINE, metavar="NAME")
    workers: int | None = option(
        None, "stages at once; else 1 per GPU, 1 on CPUs", ENGINE, metavar="N", least=1
    )
    address: str | None = option(
        None, "a Ray cluster, or auto; else this machine", ENGINE, metavar="HOST"
    )
    max_failures: int | None = option(
        None, "stop after N failed stages", ENGINE, metavar="N", least=1
    )
    retry_failed: bool = option(False, "try stages again that failed for good", ENGINE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.address is not None and self.engine != "ray":
            raise InputError(
                f"--address is for --engine ray, not for {self.engine}; leave it out, or add"
                f" --engine ray."
            )


def choose_device(name: str) -> str:
    """ "auto", "cpu" or "cuda" -> "cpu" or "cuda". Raises InputError where there is no such
    device."""
    check_name("device", name, DEVICES)
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
