"""What every generator of synthetic training images is: its data, its numbers, its interface, its
name.

A generator is fitted on the training slices of one fold, saved into a folder, loaded again and
sampled into numbered variants. This module imports no torch, so that settings can be checked
before anything heavy is loaded. Not here: the models.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.generators.settings import BaseSettings
from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.progress import Report, silent
from benchmark.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    import torch


IDS_FILE = "training_ids.json"


def case_of(slice_id: str) -> str:
    """'prostate_16/z007' -> 'prostate_16'."""
    return slice_id.rpartition("/")[0] or slice_id


@dataclass(frozen=True)
class Conditions:
    """What M samples are made from: `masks` uint8 (M,S,S) in {0,1}, `edges` uint8 (M,S,S) (Q18),
    one prompt and one slice id ("prostate_16/z007") each. A prompt holds the triplet and, after it,
    the phrase of the variant (III-D)."""

    ids: Sequence[str]
    masks: np.ndarray
    edges: np.ndarray
    prompts: Sequence[str]

    def __post_init__(self) -> None:
        _check_same_slices(self.ids, self.prompts, self.masks, self.edges)

    def part(self, rows: slice) -> Conditions:
        """Those of some rows."""
        return Conditions(self.ids[rows], self.masks[rows], self.edges[rows], self.prompts[rows])

    def numbered(self, variant: int | Sequence[int]) -> Sequence[int]:
        """One variant number per sample, from one for all or one each."""
        return [variant] * len(self.ids) if isinstance(variant, int) else variant


def joined(parts: Sequence[Conditions]) -> Conditions:
    """Several conditions, one after the other."""
    return Conditions(
        [slice_id for part in parts for slice_id in part.ids],
        np.concatenate([part.masks for part in parts]),
        np.concatenate([part.edges for part in parts]),
        [prompt for part in parts for prompt in part.prompts],
    )


@dataclass(frozen=True)
class TrainingSlices:
    """N slices of training cases: `images` uint8 (N,S,S), `masks` uint8 {0,1}, `edges` uint8 (Q18),
    one prompt (the triplet, without a phrase) and one slice id each."""

    images: np.ndarray
    masks: np.ndarray
    edges: np.ndarray
    prompts: Sequence[str]
    ids: Sequence[str]

    def __post_init__(self) -> None:
        _check_same_slices(self.ids, self.prompts, self.images, self.masks, self.edges)
        if not len(self.ids):
            raise InputError(
                "a generator needs at least one training slice, but none was given; add training"
                " cases."
            )

    @property
    def size(self) -> int:
        """Side of a slice in pixels."""
        return self.images.shape[-1]


def _check_same_slices(ids: Sequence[str], prompts: Sequence[str], *stacks: np.ndarray) -> None:
    shapes = {stack.shape for stack in stacks}
    if (
        len(shapes) != 1
        or len(next(iter(shapes))) != 3
        or any(stack.dtype != np.uint8 for stack in stacks)
    ):
        found = ", ".join(f"{stack.dtype} {stack.shape}" for stack in stacks)
        raise InputError(
            f"slices must be uint8 stacks of one shape (N, size, size), found {found}."
        )
    count, height, width = next(iter(shapes))
    if height != width or len(ids) != count or len(prompts) != count:
        raise InputError(
            f"{count} square slices need as many ids and prompts, found slices of {height}x{width}"
            f" pixels,"
            f" {len(ids)} ids and {len(prompts)} prompts."
        )


class Generator(ABC):
    """A fitted generator of (image, mask) pairs. Weights are safetensors, everything else JSON or
    CSV; no pickle."""

    name: ClassVar[str]
    number_format: str = "float32"  # of the network while it is sampled, for the record
    mixes_variants: ClassVar[bool] = False  # whether `sample` takes one variant number per slice

    @classmethod
    @abstractmethod
    def fit(
        cls,
        data: TrainingSlices,
        settings: BaseSettings,
        *,
        seed: int,
        device: torch.device,
        out: Path,
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Trains on `data` alone and fills the folder `out`: weights as safetensors, config.json,
        curve.csv and training_ids.json (for leak checks). With `checkpoint` the state is saved from
        time to time, and a training that was killed goes on from there to the same weights. Raises
        InputError for slices that do not fit the network, RuntimeError naming the step when the
        loss is not finite."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, device: torch.device) -> Generator:
        """The generator that `fit` left in `folder`."""

    def locate(self, location: Mapping[str, Any]) -> None:
        """Tells where parts lie that are not in the folder, as `BaseSettings.pinned` found them;
        most have none."""
        self.location = dict(location)

    @abstractmethod
    def sample(
        self,
        conditions: Conditions,
        *,
        variant: int | Sequence[int],
        key: str,
        batch_size: int,
        sampling: Frozen | None = None,
        report: Report = silent,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One synthetic (image uint8, mask uint8 {0,1}) per id, both (M,S,S). `variant`: one number
        for all, or, if the class sets `mixes_variants`, also one per id. The noise of a sample
        depends on `key` (the generator's), its slice id and its variant alone, so batch size and
        order do not matter. `sampling` replaces the settings stored with the weights."""

    def unknown_words(self, prompts: Sequence[str]) -> list[str]:
        """Words of `prompts` that the text encoder was not trained on, sorted; the caller tells the
        user. Always empty for a generator without text."""
        return []


def training_ids(folder: Path) -> list[str]:
    """Slice ids that the generator in `folder` was trained on, so that a stage can prove that none
    is a test slice."""
    return json.loads((folder / IDS_FILE).read_text())
