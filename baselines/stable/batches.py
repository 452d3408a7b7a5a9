"""What a training step is shown: slices, moved at random together with their edges, their noise,
timestep and text.

All that is drawn for a slice comes from its address - seed, step, place in the batch - so that
neither the size of a micro-batch, nor the number of GPUs, nor a restart changes what any step
sees. Not here: when it is drawn (ahead.py), the loss.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch

from baselines.generators.base import TrainingSlices
from baselines.scratch.slice_augmentation import random_geometry
from baselines.stable.pretraining_folder import LabelledImages, read_image
from baselines.stable.settings import StableSettings
from benchmark.core.identity import named_seed
from datasets.slices.edges import Detector, edge_map, make_detector


class Slices(Protocol):
    """Training images by number: `prompts` are the distinct prompts; `in_memory`: few enough to
    keep their latents."""

    in_memory: bool

    @property
    def prompts(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """(image and edge map uint8 (2, S, S), number of its prompt)."""
        ...


class FoldSlices:
    """The training slices of one fold, in memory."""

    in_memory = True

    def __init__(self, data: TrainingSlices):
        self.prompts = list(dict.fromkeys(data.prompts))
        self._planes = np.stack([data.images, data.edges], axis=1)
        self._prompt = [self.prompts.index(prompt) for prompt in data.prompts]

    def __len__(self) -> int:
        return len(self._prompt)

    def read(self, number: int) -> tuple[np.ndarray, int]:
        return self._planes[number], self._prompt[number]


class FolderSlices:
    """The images of pre-training, read when they are needed; they have no mask, so the edges are
    those of the image."""

    in_memory = False

    def __init__(self, images: LabelledImages, size: int, edge: tuple[str, Path | None, str]):
        """`edge`: detector, its weights and device, as for `make_detector`."""
        self.prompts = list(images.prompts)
        self._images, self._size, self._edge = images, size, edge
        self._no_mask = np.zeros((size, size), np.uint8)

    def __len__(self) -> int:
        return len(self._images.files)

    @cached_property
    def _detector(self) -> Detector:
        # made where it is used: a network is not sent to other processes
        return make_detector(*self._edge)

    def read(self, number: int) -> tuple[np.ndarray, int]:
        image = read_image(self._images.files[number], self._size)
        return np.stack(
            [image, edge_map(image, self._no_mask, self._detector)]
        ), self._images.prompt_of_image[number]


class DrawnSlice(NamedTuple):
    """One slice of one step, float32 on the CPU: `planes` (2,S,S), image and edges in [0,1];
    `noise` and `posterior`, standard normal (4,H,W), of the diffusion and of the VAE; `text`: 0 =
    the empty prompt; `number`: which slice."""

    number: int
    planes: torch.Tensor
    noise: torch.Tensor
    posterior: torch.Tensor
    timestep: int
    text: int


def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    """The slices of an epoch, shuffled; `epoch` counts from 0."""
    return torch.randperm(
        count, generator=torch.Generator().manual_seed(named_seed(seed, "order", epoch))
    ).tolist()


def is_still(settings: StableSettings) -> bool:
    """Whether training shows every slice as it is, so that it need be encoded only once."""
    return (
        not settings.rotation_degrees
        and settings.scale_range == (1.0, 1.0)
        and not settings.flip_probability
    )


class Drawer:
    """Draws the slices of a step; `latent` (C, H, W) is the shape of one slice's latents."""

    def __init__(
        self,
        slices: Slices,
        settings: StableSettings,
        latent: tuple[int, ...],
        timesteps: int,
        seed: int,
    ):
        self.slices, self.settings, self.latent, self.timesteps, self.seed = (
            slices,
            settings,
            latent,
            timesteps,
            seed,
        )

    def one(self, number: int, step: int, place: int) -> DrawnSlice:
        """Everything about the slice at `place` of the batch of `step`."""
        rng = torch.Generator().manual_seed(named_seed(self.seed, "slice", step, place))
        noise, posterior = torch.randn(2, *self.latent, generator=rng)
        timestep = int(torch.randint(self.timesteps, (), generator=rng))
        dropped = float(torch.rand((), generator=rng)) < self.settings.prompt_dropout
        stack, prompt = self.slices.read(number)
        planes = torch.from_numpy(np.array(stack, np.float32))[None] / 255
        if not is_still(self.settings):
            planes = random_geometry(planes, self.settings, rng, crop=self.settings.zoom == "crop")
        text = 0 if dropped else 1 + prompt
        return DrawnSlice(number, planes[0], noise, posterior, timestep, text)
