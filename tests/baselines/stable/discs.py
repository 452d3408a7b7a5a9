"""Slices of bright discs, and the fit of a tiny Stable Diffusion to them."""

import numpy as np
import torch
from safetensors.torch import load_file

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.job import TrainingJob
from baselines.stable.generator import StableDiffusion
from baselines.stable.settings import StableSampling
from datasets.slices.edges import edge_map
from tests.support.tiny_stable import SIZE

CPU = torch.device("cpu")
PROMPT = "MRI, prostate"
QUICK = StableSampling(steps=3)


def disc_slices(count=12, seed=0):
    """Bright discs of random place and radius on a dark ground, with their edge maps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centre = rng.uniform(10, 22, (2, count, 1, 1))
    masks = (
        np.hypot(rows - centre[0], columns - centre[1]) < rng.uniform(4, 8, (count, 1, 1))
    ).astype(np.uint8)
    images = (60 + 130 * masks + rng.normal(0, 8, masks.shape)).clip(0, 255).astype(np.uint8)
    edges = np.stack([edge_map(image, mask) for image, mask in zip(images, masks, strict=True)])
    return TrainingSlices(
        images, masks, edges, [PROMPT] * count, [f"case_{n:02d}/z000" for n in range(count)]
    )


def conditions_of(data, phrase="", rows=slice(None)):
    prompts = [f"{prompt}, {phrase}" if phrase else prompt for prompt in data.prompts[rows]]
    return Conditions(data.ids[rows], data.masks[rows], data.edges[rows], prompts)


def fit(chosen, out, **more):
    settings, places = chosen
    StableDiffusion.fit(
        disc_slices(), settings, TrainingJob(seed=0, device=CPU, out=out, places=places, **more)
    )
    return out


def trained_weights(folder):
    return {
        f"{path.parent.name}.{name}": tensor
        for path in sorted(folder.glob("*/*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def mean_difference(one, other):
    """Mean difference of the weights. A step of AdamW is nearly as large as the learning rate
    whatever the gradient, so single weights whose gradient is but rounding error differ by whole
    steps; the mean shows whether sums are the same.
    """
    a, b = trained_weights(one), trained_weights(other)
    return sum(float((a[name] - b[name]).abs().sum()) for name in a) / sum(
        tensor.numel() for tensor in a.values()
    )
