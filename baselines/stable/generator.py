"""EMIT-Diff as the paper has it: Stable Diffusion with a ControlNet on the edge map, fine-tuned on
the fold's slices.

Imports no torch at once. Not here: training (training.py), sampling (sampling.py), the from-scratch
generator of the smaller presets (baselines/scratch/emitdiff.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.generators import fit_folder
from baselines.generators.base import Conditions, TrainingSlices, Wait
from baselines.generators.job import TrainingJob
from baselines.generators.places import Places
from baselines.generators.queued import QueuedGenerator
from baselines.stable import pretraining_folder
from baselines.stable.presets import PRESETS, of_protocol
from baselines.stable.settings import StableSampling, StableSettings
from baselines.stable.substitutions import fine_tuned
from benchmark.spec.method import Look
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution

if TYPE_CHECKING:
    import torch

    from baselines.stable.sampling import StableSampler


class StableDiffusion(QueuedGenerator[StableSettings, StableSampling]):
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
    def fit(cls, data: TrainingSlices, settings: StableSettings, job: TrainingJob) -> None:
        from baselines.stable.batches import FoldSlices
        from baselines.stable.training import FineTuning, run

        training = FineTuning.of(FoldSlices(data), data.size, settings, job)
        curve = run(training, job.device, job.report)
        fit_folder.write_config(job.out, cls.name, data.size, settings)
        fit_folder.write_curve(job.out, curve)
        fit_folder.write_training_ids(job.out, data.ids)

    @classmethod
    def pretrain(
        cls,
        settings: StableSettings,
        job: TrainingJob,
        *,
        size: int,
        edge: tuple[str, Path | None, str],
    ) -> int:
        from baselines.stable.batches import FolderSlices
        from baselines.stable.training import FineTuning, run

        images = pretraining_folder.listed(settings.placed(job.places).found["pretraining"])
        slices = FolderSlices(images, size, edge)
        training = FineTuning.of(slices, size, settings.as_pretraining(), job)
        curve = run(training, job.device, job.report)
        fit_folder.write_config(job.out, cls.name, size, settings)
        fit_folder.write_curve(job.out, curve)
        return len(images.files)

    @classmethod
    def load(cls, folder: Path, device: torch.device, places: Places = Places()) -> StableDiffusion:
        from baselines.stable.sampling import StableSampler
        from benchmark.training.number_format import native_format

        settings, config = fit_folder.read_config(folder, StableSettings)
        sampler = StableSampler(folder, config["size"], device, settings.placed(places))
        return cls(sampler, settings.sampling, native_format(device))

    def begin_batch(
        self,
        conditions: Conditions,
        *,
        variants: Sequence[int],
        key: str,
        sampling: StableSampling,
    ) -> Wait:
        images = self.sampler.images(conditions, variants, key, sampling)
        return lambda: (images(), conditions.masks)
