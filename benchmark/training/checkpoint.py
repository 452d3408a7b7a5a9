"""The state of an unfinished training, so that a killed one goes on from there and ends with the
very same weights.

A checkpoint is one safetensors file and one JSON file that names it with its sha256; the JSON is
replaced last, so that a kill at any moment leaves the older checkpoint or the newer one. A
checkpoint that cannot be read is no checkpoint: training starts anew.
"""

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import file_entry, read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

EVERY_SECONDS = 120.0
INDEX = "checkpoint.json"


class Checkpoint:
    """The checkpoint in `folder`, saved when `every_seconds` have passed since the last one.

    `earlier_seconds` is the time that went into the state that `load` gave.
    """

    def __init__(self, folder: Path, every_seconds: float = EVERY_SECONDS):
        self.folder, self.every_seconds = folder, every_seconds
        self.earlier_seconds = 0.0
        self._start = self._last = time.perf_counter()

    def exists(self) -> bool:
        """Whether an earlier attempt left one, whole or not."""
        return (self.folder / INDEX).exists()

    def due(self) -> bool:
        return time.perf_counter() - self._last >= self.every_seconds

    def save(self, tensors: "dict[str, Tensor]", numbers: dict[str, Any]) -> None:
        """Replaces the checkpoint. `numbers` is plain data for JSON."""
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        old = set(self.folder.glob("*.safetensors"))
        path = self.folder / (
            "b.safetensors" if (self.folder / "a.safetensors") in old else "a.safetensors"
        )
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
        except Exception:
            path.unlink(missing_ok=True)  # a part of a file on a full disk
            raise
        seconds = self.earlier_seconds + time.perf_counter() - self._start
        index = {"file": path.name, **file_entry(path), "seconds": seconds, "numbers": numbers}
        write_json(self.folder / INDEX, json.loads(json.dumps(index)))
        for older in old - {path}:
            older.unlink()
        self._last = time.perf_counter()

    def load(self) -> "tuple[dict[str, Tensor], dict[str, Any]] | None":
        """Tensors (on the CPU) and numbers of the checkpoint; None if there is none that is
        whole."""
        from safetensors.torch import load_file

        try:
            index = read_json(self.folder / INDEX)
            path = self.folder / index["file"]
            if file_entry(path) != {name: index[name] for name in ("bytes", "sha256")}:
                return None
        except (FileNotFoundError, ValueError, KeyError):
            return None
        self.earlier_seconds = index["seconds"]
        return load_file(path), index["numbers"]

    def clear(self) -> None:
        """Removes the checkpoint: the training is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def below(prefix: str, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Those tensors whose names start with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def optimiser_tensors(prefix: str, optimiser: "Optimizer") -> "dict[str, Tensor]":
    """The moments of an optimiser, named `prefix` + number of the weight + name of the moment."""
    state = optimiser.state_dict()["state"]
    return {
        f"{prefix}{number}.{name}": value
        for number, moments in state.items()
        for name, value in moments.items()
    }


def restore_optimiser(optimiser: "Optimizer", prefix: str, tensors: "dict[str, Tensor]") -> None:
    """Gives an optimiser the moments that `optimiser_tensors` named."""
    from torch import empty_like

    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for path, value in below(prefix, tensors).items():
        number, name = path.split(".", 1)
        weight = weights[int(number)]
        if value.shape == weight.shape:
            # In the weight's memory format, which files do not keep and a fused step relies on:
            # with channels_last weights and contiguous moments a GPU's raises, and a CPU's pairs
            # the wrong numbers.
            value = empty_like(weight, dtype=value.dtype, device=value.device).copy_(value)
        moments.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
