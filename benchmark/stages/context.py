"""What every stage is given beside its spec, and the files that several stages read."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from baselines.generators.places import Places
from benchmark.core.progress import Report, silent
from benchmark.stages.carry_over import Kept
from benchmark.training.checkpoint import Checkpoint

Inputs = dict[str, Any]  # role -> folder, or list of folders


@dataclass(frozen=True)
class Context:
    """What a stage may use besides its spec and inputs; nothing here may change a result.

    `location` says where a source lies on this machine: source, data_root, phantom_cases,
    allow_incomplete; or where a user's own method lies: own; or where the weights and images of a
    generator do: places; `checkpoint` is where an unfinished training or sampling
    keeps its state; `key` is the stage's, `following` are the plans of the stages of its kind that
    this process computes next, and `kept` is what it keeps for them.
    """

    device: str = "cpu"
    report: Report = silent
    location: dict[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    key: str = ""
    following: Iterable[dict[str, Any]] = ()
    kept: Kept = field(default_factory=Kept)

    @property
    def places(self) -> Places:
        """What a generator is told of this machine."""
        return Places(**self.location.get("places", {}))


def read_predictions(folder: Path) -> list[tuple[str, list[int], np.ndarray]]:
    """(case id, native slice numbers, mask uint8 (len(z), y, x)) of every test case of a predict
    stage."""
    found = []
    for number, entry in enumerate(json.loads((folder / "index.json").read_text(encoding="utf-8"))):
        packed = np.load(folder / "predictions" / f"{number}.npy", allow_pickle=False)
        mask = np.unpackbits(packed, count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        found.append((entry["case"], entry["z"], mask))
    return found


HELD_OUT_VARIANTS = 2  # the least that has a diversity


AGREEMENT_FILE = "agreement.npy"
