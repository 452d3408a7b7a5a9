"""How big a run is: one table of numbers per preset.

A preset fixes everything that costs time and is no rule of the comparison: sizes, epochs and
batch sizes. `smoke` is about a minute on a CPU, `compact` trains its generator from
scratch in an hour there, `paper` fine-tunes Stable Diffusion at the paper's size. Each number can
be set alone (`--set epochs=40`, `--set generator.steps=800`). Rules are in protocol.
"""

from typing import Any, Literal

from pydantic import Field

from benchmark.core.frozen import Frozen
from benchmark.core.registry import check_name

MAX_SIZE = 4096  # pixels of a side; no network here could hold more
# Far beyond what anybody computes; more would only be a slip of the keys, and take hours to plan.
MAX_CASES, MAX_RATIO, MAX_FOLDS, MAX_EPOCHS = 10_000, 10_000, 1_000, 1_000_000


class Preset(Frozen):
    """All numbers of a preset. Sizes are pixels of the working grid; epochs are passes over the
    real slices."""

    name: str
    size: int = Field(ge=16, le=MAX_SIZE, description="side of the square working slice, pixels")
    phantom_cases: int = Field(ge=3, le=MAX_CASES, description="cases of the built-in phantom")
    epochs: int = Field(
        ge=1, le=MAX_EPOCHS, description="segmenter: passes over the real training slices"
    )
    batch_size: int = Field(
        ge=1, le=100_000, description="segmenter: real slices per optimiser step"
    )
    learning_rate: float = Field(gt=0, description="segmenter: AdamW learning rate")
    weight_decay: float = Field(ge=0, description="segmenter: AdamW weight decay")
    validate_every: int = Field(
        ge=1,
        le=MAX_EPOCHS,
        description="segmenter: epochs between two selections of the checkpoint",
    )
    validation_share: float = Field(
        gt=0, lt=1, description="share of a fold's training cases kept for selection"
    )
    n_folds: int = Field(ge=2, le=MAX_FOLDS, description="number of cross-validation folds")
    split_seed: int = Field(
        ge=0, lt=1 << 63, description="seed of the shuffled folds and of the validation split"
    )
    edge: str = Field(description="edge detector of the generator's condition")
    edge_weights: str | None = Field(None, description="sha256 of the weights of edge=hed")
    ratio: int = Field(
        ge=0, le=MAX_RATIO, description="default synthetic variants per real slice, n"
    )
    alpha: float = Field(ge=0, le=1, description="default share of real patches")
    patch_size: int = Field(ge=1, description="default side of a merging patch, pixels")
    nsd_tolerance: float = Field(
        gt=0, description="tolerance of the normalised surface Dice, in the case's unit"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="segmenter: number format of the network; auto = bfloat16 where the device has"
        " it and no loss"
        " was measured (GPUs; on a CPU attention-unet alone), else float32",
    )


# Q18 uses HED, whose weights a user fetches. Runs in which nothing reads the edges have Scharr's at
# every preset, so that they need no weights.
WITHOUT_HED = "scharr"

_COMMON: dict[str, Any] = {
    "learning_rate": 1e-3,  # Q16
    "weight_decay": 0.01,
    "validation_share": 0.2,
    "n_folds": 3,  # paper IV-B
    "split_seed": 0,
    "edge": WITHOUT_HED,
    "alpha": 0.6,  # Q15
    "nsd_tolerance": 2.0,
}

# Networks that precision=auto computes in bfloat16 on a CPU too, if it has it: faster, and their
# Dice did not fall (docs/measurements.md).
NATIVE_ON_CPU = ("attention-unet",)

PRESETS: dict[str, Preset] = {
    "smoke": Preset(
        name="smoke",
        size=64,
        phantom_cases=12,
        epochs=12,
        batch_size=8,
        validate_every=1,
        ratio=2,
        patch_size=16,
        **_COMMON | {"learning_rate": 1e-2},  # ten times Q16: 150 steps must be enough
    ),
    "compact": Preset(
        name="compact",
        size=128,
        phantom_cases=24,
        epochs=60,
        batch_size=8,
        validate_every=2,
        ratio=10,
        patch_size=32,
        **_COMMON,
    ),
    # III-D, IV-B, Q14 to Q17. The release selects after every epoch.
    "paper": Preset(
        name="paper",
        size=384,
        phantom_cases=24,
        epochs=100,
        batch_size=8,
        validate_every=1,
        ratio=50,
        patch_size=64,
        **_COMMON | {"edge": "hed"},  # Q18
    ),
}


def preset(name: str) -> Preset:
    """The preset called `name`. Raises InputError for an unknown name."""
    return PRESETS[check_name("preset", name, PRESETS)]
