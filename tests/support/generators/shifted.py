"""A built-in generator in one file: each sample is its slice, moved to the side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from baselines.method import Conditions, Generator, Look, Sampling, Settings, training_ids


class Shift(Sampling):
    shift: int = Field(1, ge=0, description="largest shift in pixels")


class ShiftedSettings(Settings):
    sampling: Shift = Shift()


class Shifted(Generator[ShiftedSettings, Shift]):
    """Moves image and mask together; a pair stands beside the real slice."""

    name, version = "shifted", 1
    joins = "pairs"
    settings = ShiftedSettings
    presets = {"smoke": {"sampling": {"shift": 3}}}
    look = Look(order=35, colour="#0072b2", marker="X")

    def __init__(self, folder: Path):
        self.ids = training_ids(folder)
        self.images = np.load(folder / "images.npy")
        self.sampling = Shift()

    @classmethod
    def fit(cls, data, settings, job):
        np.save(job.out / "images.npy", data.images)

    @classmethod
    def load(cls, folder, device, places):
        return cls(folder)

    def sample_batch(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: Shift
    ) -> tuple[np.ndarray, np.ndarray]:
        places = [self.ids.index(name) for name in conditions.ids]
        moved = [(variant + 1) * sampling.shift for variant in variants]
        pairs = zip(self.images[places], conditions.masks, moved, strict=True)
        rolled = [(np.roll(image, by, 1), np.roll(mask, by, 1)) for image, mask, by in pairs]
        images, masks = zip(*rolled, strict=True)
        return np.stack(images), np.stack(masks)
