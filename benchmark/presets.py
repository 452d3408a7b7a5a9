"""How big a run is: one table of numbers per preset.

A preset fixes everything that costs time and is no rule of the comparison: sizes, epochs, batch sizes, generator
widths. `smoke` is about a minute on a CPU, `compact` trains its generator from scratch in minutes on one GPU. Each
number can be set alone (`--set epochs=40`, `--set generator.steps=800`). Callers: spec, plan. Rules are in protocol.
"""

from typing import Any, Literal

from pydantic import Field, model_serializer

from benchmark.frozen import Frozen
from benchmark.registry import check_name


class Preset(Frozen):
    """All numbers of a preset. Sizes are pixels of the working grid; epochs are passes over the real slices."""

    name: str
    size: int = Field(ge=16, description="side of the square working slice, pixels")
    phantom_cases: int = Field(ge=3, description="cases of the built-in phantom")
    epochs: int = Field(ge=1, description="segmenter: passes over the real training slices")
    batch_size: int = Field(ge=1, description="segmenter: real slices per optimiser step")
    learning_rate: float = Field(gt=0, description="segmenter: AdamW learning rate")
    weight_decay: float = Field(ge=0, description="segmenter: AdamW weight decay")
    validate_every: int = Field(ge=1, description="segmenter: epochs between two selections of the checkpoint")
    validation_share: float = Field(gt=0, lt=1, description="share of a fold's training cases kept for selection")
    n_folds: int = Field(ge=2, description="number of cross-validation folds")
    split_seed: int = Field(ge=0, description="seed of the shuffled folds and of the validation split")
    edge: str = Field(description="edge detector of the generator's condition")
    edge_weights: str | None = Field(None, description="sha256 of the weights of edge=hed; left out of specs otherwise")
    ratio: int = Field(ge=0, description="default synthetic variants per real slice, n")
    alpha: float = Field(ge=0, le=1, description="default share of real patches")
    patch_size: int = Field(ge=1, description="default side of a merging patch, pixels")
    nsd_tolerance: float = Field(gt=0, description="tolerance of the normalised surface Dice, in the case's unit")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="segmenter: number format of the network; auto = bfloat16 on a GPU that has it, else float32"
    )

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, values_of) -> dict[str, Any]:
        """Fields that came later are left out at their default, so that older runs keep their keys."""
        values = values_of(self)
        for name, default in (("edge_weights", None), ("precision", "auto")):
            if values.get(name) == default:
                values.pop(name, None)
        return values


_COMMON: dict[str, Any] = {
    "learning_rate": 1e-3,  # Q16
    "weight_decay": 0.01,
    "validation_share": 0.2,
    "n_folds": 3,  # paper IV-B
    "split_seed": 0,
    "edge": "scharr",  # Q18 uses HED, whose weights are not shipped
    "alpha": 0.6,  # Q15
    "nsd_tolerance": 2.0,
}

PRESETS: dict[str, Preset] = {
    "smoke": Preset(
        name="smoke", size=64, phantom_cases=12, epochs=12, batch_size=8, validate_every=1, ratio=2, patch_size=16,
        **_COMMON | {"learning_rate": 1e-2},  # ten times Q16: 150 steps must be enough
    ),
    "compact": Preset(
        name="compact", size=128, phantom_cases=24, epochs=60, batch_size=8, validate_every=2, ratio=10, patch_size=32,
        **_COMMON,
    ),
}  # fmt: skip

_COMPACT: dict[str, Any] = {
    "channels": [96, 192, 256], "layers": 2, "attention": "lowest", "steps": 6000, "batch": 32, "learning_rate": 5e-4,
    "ema_decay": 0.999, "phrases": 50, "edge_dropout": 0.3, "rotation_degrees": 10.0, "scale_range": [0.85, 1.1],
    "sampling": {"steps": 12, "edge_dropout": 0.2},
}  # fmt: skip

_PIX2PIX_COMPACT: dict[str, Any] = {
    "channels": [64, 128, 256, 512, 512], "discriminator_channels": [64, 128, 256], "dropout_layers": 3, "steps": 6000,
    "batch": 16, "learning_rate": 2e-4, "rotation_degrees": 10.0, "scale_range": [0.85, 1.1],
}  # fmt: skip

# What a generator's settings are at a preset, by kind of generator; what is absent has the default of its class, which
# for those trained from scratch (baselines/generator.py) are the smoke preset's.
GENERATOR_NUMBERS: dict[str, dict[str, dict[str, Any]]] = {
    "smoke": {"emitdiff": {"steps": 450}, "unconditional": {}, "pix2pix": {}},
    "compact": {"emitdiff": _COMPACT, "unconditional": _COMPACT, "pix2pix": _PIX2PIX_COMPACT},
}


def generator_numbers(preset_name: str, kind: str) -> dict[str, Any]:
    """Settings of the generators of this kind at a preset; an unknown preset (of an old record) has none."""
    return GENERATOR_NUMBERS.get(preset_name, {}).get(kind, {})


def preset(name: str) -> Preset:
    """The preset called `name`. Raises InputError for an unknown name."""
    return PRESETS[check_name("preset", name, PRESETS)]
