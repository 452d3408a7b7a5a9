"""EMIT-Diff as the paper has it: Stable Diffusion with a ControlNet on the edge map, fine-tuned on
the fold's slices.

Imports no torch at once. Not here: training (training.py), sampling (sampling.py), the from-scratch
generator of the smaller presets (baselines/scratch/emitdiff.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.generators import fit_folder
from baselines.generators.base import Conditions, Generator, TrainingSlices
from baselines.generators.places import Places
from baselines.stable import model_folder, pretraining_folder, weights
from baselines.stable.presets import PRESETS, of_protocol
from baselines.stable.settings import StableSampling, StableSettings
from baselines.stable.substitutions import fine_tuned
from benchmark.core.progress import Report, silent
from benchmark.spec.method import Look
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution
from benchmark.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    import torch

    from baselines.stable.sampling import StableSampler


class StableDiffusion(Generator[StableSettings, StableSampling]):
    """Stable Diffusion + ControlNet; the mask of a sample is that of its slice."""

    name, version = "stable-diffusion", 1
    joins = "patches"
    settings = StableSettings
    presets = PRESETS
    method, default_at = "emitdiff", ("paper",)
    look = Look(order=41, colour="#0072b2", marker="X", form="Stable Diffusion")

    @classmethod
    def numbers(cls, preset: str, protocol: str, dataset: str) -> dict[str, Any]:
        numbers = super().numbers(preset, protocol, dataset)
        return numbers | of_protocol(protocol, dataset) if preset == "paper" else numbers

    @classmethod
    def substitutions(cls, run: RunSpec) -> list[Substitution]:
        return fine_tuned(run)

    def __init__(self, sampler: StableSampler, sampling: StableSampling, number_format: str):
        self.sampler, self.sampling, self.number_format = sampler, sampling, number_format

    @classmethod
    def fit(
        cls,
        data: TrainingSlices,
        settings: StableSettings,
        *,
        seed: int,
        device: torch.device,
        out: Path,
        places: Places = Places(),
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        from baselines.stable.batches import FoldSlices
        from baselines.stable.training import Job, run

        places = _checked(settings.placed(places), data.size)
        job = Job(FoldSlices(data), data.size, settings, places, seed, out, checkpoint)
        curve = run(job, device, report)
        fit_folder.write_config(out, cls.name, data.size, settings)
        fit_folder.write_curve(out, curve)
        fit_folder.write_training_ids(out, data.ids)

    @classmethod
    def pretrain(
        cls,
        settings: StableSettings,
        *,
        size: int,
        edge: tuple[str, Path | None, str],
        seed: int,
        device: torch.device,
        out: Path,
        places: Places = Places(),
        report: Report = silent,
        checkpoint: Checkpoint | None = None,
    ) -> int:
        from baselines.stable.batches import FolderSlices
        from baselines.stable.training import Job, run

        places = settings.placed(places)
        images = pretraining_folder.listed(places.found["pretraining"])
        slices, steps = FolderSlices(images, size, edge), settings.as_pretraining()
        job = Job(slices, size, steps, _checked(places, size), seed, out, checkpoint)
        curve = run(job, device, report)
        fit_folder.write_config(out, cls.name, size, settings)
        fit_folder.write_curve(out, curve)
        return len(images.files)

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> StableDiffusion:
        from baselines.stable.sampling import StableSampler
        from benchmark.training.number_format import native_format

        settings, config = fit_folder.read_config(folder, StableSettings)
        sampler = StableSampler(folder, config["size"], device, settings.placed(places))
        return cls(sampler, settings.sampling, native_format(device))

    def sample_batch(
        self, conditions: Conditions, *, variants: Sequence[int], key: str, sampling: StableSampling
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.sampler.images(conditions, variants, key, sampling), conditions.masks


def _checked(places: Places, size: int) -> Places:
    """`places`. Raises InputError, before any training, for slices that do not fit the model."""
    base = weights.fetched("base", places.found["base"])
    model_folder.check_size(size, model_folder.check_base(base))
    return places
