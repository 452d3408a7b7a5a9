"""Synthetic images that another tool made, from a folder: `--method folder:FOLDER`.

Nothing is trained. The folder's images and masks join the real slices as pairs, under the rules of
every method: the same budget, folds and records. The tool must say which cases it was trained on
(training_ids in manifest.yaml); a run whose test cases are among them is refused, and so is a
folder that declares none. Imports no torch. Not here: reading the folder
(datasets/slices/made_images.py), judging it without training (benchmark/results/folder_audit.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from baselines.generators.base import Conditions, Generator, TrainingSlices, case_of
from baselines.generators.fit_folder import read_config, write_config
from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.generators.settings import BaseSettings
from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.identity import named_seed
from benchmark.core.published_weights import SHA256
from benchmark.core.texts import some
from benchmark.spec.method import Look
from benchmark.spec.run import LOCAL
from datasets.slices.made_images import open_made_folder

if TYPE_CHECKING:
    import torch


def check_declared(ids: Sequence[str], known: Sequence[str], where: str) -> list[str]:
    """The cases of the ids, which may be those of slices. Raises InputError for one that is not
    `known`; `where`: what declares them."""
    cases = list(dict.fromkeys(one if one in known else case_of(one) for one in ids))
    if unknown := [case for case in cases if case not in set(known)]:
        raise InputError(
            f"{where}: training_ids names {len(unknown)} cases that the source does not have"
            f" ({some(unknown)}); its ids are such as {some(known, 2)}."
        )
    return cases


class FolderSampling(Frozen):
    """Nothing can be chosen of images that are there."""


class FolderSettings(BaseSettings):
    """Which folder, by what it holds."""

    images: str = Field("", description="folder with images/, masks/ and manifest.yaml")
    images_version: str = Field("", description="sha256 of what it holds; found out if empty")
    declared: tuple[str, ...] = Field(
        (), description="training_ids of its manifest; read from there"
    )
    sampling: FolderSampling = FolderSampling()

    facts: ClassVar[tuple[str, ...]] = ("images", "declared")

    @field_validator("images", "images_version", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return "" if value is None else str(value)

    def pinned(self, cache: Path | None) -> tuple[FolderSettings, Places]:
        if not self.images:
            raise InputError("method folder needs a folder of images: --method folder:FOLDER.")
        made = open_made_folder(Path(self.images).expanduser().absolute())
        if not made.training_ids:
            raise InputError(
                f"{made.path} does not declare which cases its tool was trained on, so it may not"
                f" train a segmenter; list them as training_ids in manifest.yaml, or only audit it:"
                f" `python cli.py audit FOLDER`."
            )
        version = SHA256 + made.fingerprint(cache)
        if self.images_version not in ("", version):
            raise InputError(
                f"generator.images: {made.path} holds {version}, not {self.images_version}; it is"
                f" another folder."
            )
        named = {"images": LOCAL, "images_version": version, "declared": made.training_ids}
        return self.model_copy(update=named), Places({"images": str(made.path)})

    def check_parts(self, known: Sequence[str], test: Sequence[str]) -> None:
        seen = sorted(set(check_declared(self.declared, known, "the folder")) & set(test))
        if seen:
            raise InputError(
                f"the folder's tool was trained on {len(seen)} of the test cases ({some(seen)}) of"
                f" this fold, so its images may not train a segmenter that is tested on them; give"
                f" a --fold whose test cases it has not seen."
            )

    def also_learned(self) -> Sequence[str]:
        return self.declared


class Folder(Generator[FolderSettings, FolderSampling]):
    """Images and masks of another tool, as they are: every slice draws them in turn."""

    name, version = "folder", 1
    joins = "pairs"
    takes = "images"
    sees_edges = False
    settings = FolderSettings
    look = Look(order=60, colour="#cc79a7", marker="D")

    def __init__(self, images: np.ndarray, masks: np.ndarray, ids: Sequence[str]):
        self.images, self.masks = images, masks
        self.place = {name: place for place, name in enumerate(ids)}

    @classmethod
    def fit(cls, data: TrainingSlices, settings: FolderSettings, job: TrainingJob) -> None:
        """Puts the images into the store at the working size."""
        made = open_made_folder(Path(job.places.found["images"]))
        if SHA256 + made.fingerprint() != settings.images_version:
            raise InputError(
                f"{made.path} changed since the run was planned; run the same command again."
            )
        images, masks = made.load(data.size)
        np.save(job.out / "images.npy", images)
        np.save(job.out / "masks.npy", masks)
        write_config(job.out, cls.name, data.size, settings, {"slices": list(data.ids)})

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> Folder:
        _, config = read_config(folder, FolderSettings)
        images, masks = (np.load(folder / f"{name}.npy") for name in ("images", "masks"))
        return cls(images, masks, config["slices"])

    def sample_batch(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: FolderSampling
    ) -> tuple[np.ndarray, np.ndarray]:
        """Variant v of slice number i of N is image number (i + v N) of a drawn order, which starts
        again where the images end: each is shown as often as any other, give or take one."""
        order = np.random.default_rng(named_seed(0, key, "order")).permutation(len(self.images))
        numbers = [
            (self.place[name] + variant * len(self.place)) % len(order)
            for name, variant in zip(conditions.ids, variants, strict=True)
        ]
        rows = order[numbers]
        return self.images[rows], self.masks[rows]
