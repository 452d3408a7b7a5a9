"""How a stage is computed, as opposed to what it is: nothing here enters a key. It crosses
processes as words of a command line."""

from dataclasses import dataclass

from benchmark.core.registry import check_name
from benchmark.training.curve_loggers import LOGGERS


@dataclass(frozen=True)
class Execution:
    """device: "cpu" or "cuda"; deterministic: see determinism.py; logger: where training curves go
    (curve_loggers.py)."""

    device: str = "cpu"
    deterministic: bool = False
    logger: str = "none"

    def __post_init__(self) -> None:
        check_name("logger", self.logger, LOGGERS)

    def words(self) -> list[str]:
        """Options of `cli.py stage` that say the same."""
        flag = ["--deterministic"] if self.deterministic else []
        return ["--device", self.device, "--logger", self.logger, *flag]
