"""What every generator of synthetic training images is: its data, its numbers, its interface, its
name.

A generator is fitted on the training slices of one fold, saved into a folder, loaded again and
sampled into numbered variants. This module imports no torch, so that settings can be checked
before anything heavy is loaded. Not here: the models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np

from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.generators.settings import BaseSettings
from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.progress import Report, silent
from benchmark.spec.method import Look
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution

if TYPE_CHECKING:
    import torch


SettingsT = TypeVar("SettingsT", bound=BaseSettings)
SamplingT = TypeVar("SamplingT", bound=Frozen)
# waits for images and masks, uint8 (B,S,S)
Wait = Callable[[], tuple[np.ndarray, np.ndarray]]


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


class Generator(ABC, Generic[SettingsT, SamplingT]):
    """A fitted generator of (image, mask) pairs. Weights are safetensors, everything else JSON or
    CSV; no pickle. A class gives `fit`, `load` and `sample_batch`."""

    name: ClassVar[str]
    version: ClassVar[int]  # a whole number from 1: raised when the class gives other results
    joins: ClassVar[Literal["patches", "pairs"]]  # how samples join the training (MethodSpec)
    settings: ClassVar[type[BaseSettings]]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # preset -> settings that differ
    look: ClassVar[Look] = Look()
    method: ClassVar[str] = ""  # the method that trains it; empty: the one of its own name
    default_at: ClassVar[tuple[str, ...]] = ()  # presets at which `method` trains this generator
    takes: ClassVar[str] = ""  # the setting that `--method NAME:VALUE` gives
    sees_edges: ClassVar[bool] = True  # False: no edge map decides its samples
    number_format: str = "float32"  # of the network while it is sampled, for the record
    sampling: SamplingT | None = None  # the sampling settings stored with the weights

    @classmethod
    def numbers(cls, preset: str, protocol: str, dataset: str) -> dict[str, Any]:
        """The settings at a preset that are not the defaults; a named protocol or a data set may
        have numbers of its own. An unknown preset (of an old record) has none."""
        return dict(cls.presets.get(preset, {}))

    @classmethod
    def substitutions(cls, run: RunSpec) -> list[Substitution]:
        """What of the paper's generator could not be had, and what stands in its place; none for
        generators that stand in for nothing."""
        return []

    @classmethod
    @abstractmethod
    def fit(cls, data: TrainingSlices, settings: SettingsT, job: TrainingJob) -> None:
        """Trains on `data` alone and fills the folder `job.out`: weights as safetensors,
        config.json, curve.csv and training_ids.json (for leak checks).

        Raises InputError for slices that do not fit the network, RuntimeError naming the step when
        the loss is not finite.
        """

    @classmethod
    def pretrain(
        cls,
        settings: SettingsT,
        job: TrainingJob,
        *,
        size: int,
        edge: tuple[str, Path | None, str],
    ) -> int:
        """Trains on a folder of labelled images, before any fold; returns the number of images.

        Only for generators whose settings have a `pretraining_spec`; `fit` finds the folder
        `job.out` in `places.pretrained`. `size`: side of a slice in pixels. `edge`: detector,
        its weights and device, as for `datasets.slices.edges.make_detector`.
        """
        raise InputError(f"generator {cls.name} has no pre-training; leave generator.pretraining.")

    @classmethod
    @abstractmethod
    def load(
        cls, folder: Path, device: torch.device, places: Places = Places()
    ) -> Generator[SettingsT, SamplingT]:
        """The generator that `fit` left in `folder`."""

    @abstractmethod
    def sample_batch(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: SamplingT
    ) -> tuple[np.ndarray, np.ndarray]:
        """One synthetic (image uint8, mask uint8 {0,1}) per id, both (B,S,S); `variants` has one
        number per id.

        The noise of a sample depends on `key` (the generator's), its slice id and its variant
        alone, so that batch size, order and company do not matter.
        """

    def _begin(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: SamplingT
    ) -> Wait:
        """Starts a batch; what it returns waits for its samples (queued.py)."""
        made = self.sample_batch(conditions, variants=variants, key=key, sampling=sampling)
        return lambda: made

    def told(self) -> dict[str, Any]:
        """What the record has to say of how samples were computed."""
        return {}

    def sample(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        batch_size: int,
        sampling: SamplingT | None = None,
        report: Report = silent,
    ) -> tuple[np.ndarray, np.ndarray]:
        """`sample_batch` of M conditions, `batch_size` at once: images and masks uint8 (M,S,S).

        `sampling` replaces the settings stored with the weights. Raises InputError for a batch
        that is not what `sample_batch` promises, and where memory does not hold one slice.
        """
        chosen = sampling or self.sampling or self.settings.model_fields["sampling"].default
        count = len(conditions.ids)
        images = np.empty(conditions.masks.shape, np.uint8)
        masks = np.empty_like(images)
        begun: list[_Begun] = []

        def finish() -> None:
            one = begun.pop()
            made = one.wait()
            check_samples(self.name, *made, images[one.rows].shape)
            images[one.rows], masks[one.rows] = made
            report(min(one.rows.stop, count), count)

        try:
            for first in range(0, count, batch_size):
                rows = slice(first, first + batch_size)
                part = conditions.part(rows)
                wait = self._begin(part, variants=variants[rows], key=key, sampling=chosen)
                if begun:
                    finish()
                begun.append(_Begun(rows, wait))
            if begun:
                finish()
        except (RuntimeError, MemoryError) as error:
            if batch_size == 1:
                _refuse_if_out_of_memory(error, conditions.masks.shape[-1])
            raise  # the stage tries again with smaller batches
        return images, masks

    def unknown_words(self, prompts: Sequence[str]) -> list[str]:
        """Words of `prompts` that the text encoder was not trained on, sorted; the caller tells the
        user. Always empty for a generator without text."""
        return []


@dataclass(frozen=True)
class _Begun:
    """A batch that was started: its rows of the whole, and what waits for its samples."""

    rows: slice
    wait: Wait


def _refuse_if_out_of_memory(error: Exception, size: int) -> None:
    from benchmark.training.microbatch import is_out_of_memory

    if is_out_of_memory(error):
        raise InputError(
            f"the memory does not hold one slice of {size} pixels while sampling; choose a smaller"
            f" size or a GPU with more memory."
        ) from error


def check_samples(name: str, images: np.ndarray, masks: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raises InputError unless both are uint8 arrays of `shape` (B,S,S), the masks in {0, 1}.
    `name`: the method's."""
    for what, found in (("images", images), ("masks", masks)):
        array = found if isinstance(found, np.ndarray) else None
        if array is None or array.dtype != np.uint8 or array.shape != shape:
            got = type(found).__name__ if array is None else f"{array.dtype} {array.shape}"
            raise InputError(f"method {name} returned {what} of {got}; a sample is uint8 {shape}.")
    if masks.size and masks.max() > 1:
        raise InputError(f"method {name} returned masks up to {masks.max()}; a mask is 0 or 1.")
