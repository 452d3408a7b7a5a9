"""Where the things lie that a generator uses on this machine. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """What a stage tells a generator about this machine; no part of a key. Most need nothing.

    found: role -> folder, or "hub:ID@COMMIT", of the weights and images that the settings name, as
        `BaseSettings.pinned` found them.
    micro_batch: slices that this machine's memory holds at once in training; None: not said.
    pretrained: folder of the stage pretrain that the training starts from.
    graphs: on a GPU, passes of a sampler are recorded (benchmark/training/graphs.py).
    """

    found: Mapping[str, str] = field(default_factory=dict)
    micro_batch: int | None = None
    pretrained: Path | None = None
    graphs: bool = True
