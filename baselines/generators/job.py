"""How a generator is trained here: nothing in it says what is trained. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.generators.places import Places
from benchmark.core.progress import Report, silent
from benchmark.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TrainingJob:
    """What `fit` and `pretrain` of a generator are told beside slices and settings.

    out: the folder that the training fills.
    checkpoint: the state is saved there from time to time, and a training that was killed goes on
        from there to the same weights; None: it is not saved.
    graphs: on a GPU, steps are recorded as CUDA graphs where the generator can.
    compiles: the network is compiled for the training, where the generator can
        (benchmark/training/graphs.py).
    """

    out: Path
    device: torch.device
    seed: int
    places: Places = Places()
    report: Report = silent
    checkpoint: Checkpoint | None = None
    graphs: bool = True
    compiles: bool = False
