"""Slices of bright discs, and generators so small that they learn them in seconds."""

import numpy as np
import torch

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.scratch.settings import GeneratorSettings
from datasets.slices.edges import edge_map

NAMES = ["unconditional", "emitdiff"]  # those trained from scratch by diffusion
CPU = torch.device("cpu")
SIZE = 16
PROMPT = "MRI, prostate, whole gland"
SETTINGS = GeneratorSettings(
    unshuffle=2,
    channels=(16, 16),
    text_width=16,
    steps=150,
    learning_rate=5e-3,
    phrases=4,
    phrase_share=0.6,
)


def disc_slices(count=24, seed=0):
    """Bright discs of random place and radius on a dark ground, with their edge maps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centre = rng.uniform(5, 11, (2, count, 1, 1))
    distance = np.hypot(rows - centre[0], columns - centre[1])
    masks = (distance < rng.uniform(2, 4, (count, 1, 1))).astype(np.uint8)
    images = (60 + 130 * masks + rng.normal(0, 8, masks.shape)).clip(0, 255).astype(np.uint8)
    edges = np.stack([edge_map(image, mask) for image, mask in zip(images, masks, strict=True)])
    return TrainingSlices(
        images, masks, edges, [PROMPT] * count, [f"case_{n:02d}/z000" for n in range(count)]
    )


def conditions_of(data, phrase="", rows=slice(None)):
    prompts = [f"{prompt}, {phrase}" if phrase else prompt for prompt in data.prompts[rows]]
    return Conditions(data.ids[rows], data.masks[rows], data.edges[rows], prompts)


def load(name, fits):
    return generator_class(name).load(fits[name], CPU)
