"""Budget and optimiser of a segmenter's training, as a plan holds them. Not here: the training
(segmenter.py)."""

from benchmark.core.frozen import Frozen


class Training(Frozen):
    """epochs: passes over the real slices; batch_size: real slices per step; validate_every: epochs
    between two selections of the checkpoint. Q16 gives the released values."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    lr_schedule: str
    shuffle: bool
    validate_every: int
