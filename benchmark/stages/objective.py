"""From the spec of a fit-segmenter stage and its inputs to what a training step shows to the
network. Not here: the objectives themselves (baselines/objectives/objectives.py), the training
loop (segmenter.py)."""

from typing import Any

import numpy as np
import torch

from baselines.objectives import objectives
from baselines.objectives.sample_filter import SampleFilter
from baselines.objectives.variants import load_variants
from baselines.transforms.augmenter import make_augmenter
from benchmark.stages.context import AGREEMENT_FILE
from datasets.slices.preparation import Prepared


def objective_of(
    spec: dict, data: Prepared, rows: np.ndarray, inputs: dict[str, Any], device: torch.device
) -> tuple[objectives.SliceObjective, dict]:
    """The objective that the spec's method stands for, with all its images on the device; and what
    a filter dropped."""
    augment = None
    if spec["transform"] is not None or spec["renormalise"]:
        augment = make_augmenter(spec["transform"], renormalise=spec["renormalise"])
    shown = {
        "images": torch.from_numpy(data.images[rows]).to(device),
        "masks": torch.from_numpy(data.masks[rows]).to(device),
        "loss": objectives.dice_ce(spec["dice_background"]),
        "augment": augment,
    }
    synthetic = spec["synthetic"]
    if synthetic is None:
        return objectives.RealObjective(**shown), {}
    chosen = None
    if synthetic["minimum_agreement"] is not None:
        agreement = np.load(inputs["audit"] / AGREEMENT_FILE, allow_pickle=False)
        chosen = SampleFilter(agreement, synthetic["minimum_agreement"], device)

    def stack(name: str):
        variants = load_variants([folder / name for folder in inputs["synthesize"]], device)
        return (
            variants if chosen is None else chosen.over(variants, shown[name.removesuffix(".npy")])
        )

    shown |= {
        "variants": stack("images.npy"),
        "alpha": synthetic["alpha"],
        "all_variants": synthetic["pairing"] == "all",
    }
    if synthetic["merge"] == "join":
        return objectives.JoinedPairs(
            **shown, variant_masks=stack("masks.npy")
        ), chosen.counts if chosen else {}
    kind = objectives.MergedImages if synthetic["merge"] == "image" else objectives.MergedLogits
    return kind(**shown, patch_size=synthetic["patch_size"]), chosen.counts if chosen else {}
