"""How big a run is: one table of numbers per preset.

A preset fixes everything that costs time and is no rule of the comparison: sizes, epochs, batch
sizes, generator widths. `smoke` is about a minute on a CPU, `compact` trains its generator from
scratch in an hour there, `paper` fine-tunes Stable Diffusion at the paper's size. Each number can
be set alone (`--set epochs=40`, `--set generator.steps=800`). Rules are in protocol.
"""

from typing import Any, Literal

from pydantic import Field

from benchmark.core.frozen import Frozen
from benchmark.core.registry import check_name


class Preset(Frozen):
    """All numbers of a preset. Sizes are pixels of the working grid; epochs are passes over the
    real slices."""

    name: str
    size: int = Field(ge=16, description="side of the square working slice, pixels")
    phantom_cases: int = Field(ge=3, description="cases of the built-in phantom")
    epochs: int = Field(ge=1, description="segmenter: passes over the real training slices")
    batch_size: int = Field(ge=1, description="segmenter: real slices per optimiser step")
    learning_rate: float = Field(gt=0, description="segmenter: AdamW learning rate")
    weight_decay: float = Field(ge=0, description="segmenter: AdamW weight decay")
    validate_every: int = Field(
        ge=1, description="segmenter: epochs between two selections of the checkpoint"
    )
    validation_share: float = Field(
        gt=0, lt=1, description="share of a fold's training cases kept for selection"
    )
    n_folds: int = Field(ge=2, description="number of cross-validation folds")
    split_seed: int = Field(
        ge=0, description="seed of the shuffled folds and of the validation split"
    )
    edge: str = Field(description="edge detector of the generator's condition")
    edge_weights: str | None = Field(None, description="sha256 of the weights of edge=hed")
    ratio: int = Field(ge=0, description="default synthetic variants per real slice, n")
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
        **_COMMON,
    ),
}

# Trained for minutes on a CPU the generator is told the mask, or its samples do not keep the label;
# and it is sampled with little starting noise, which a small network turns into grain: what makes
# variants differ is the style of another case and moved edges. tests/bench/bench_knobs.py prints
# what each of these does.
_DIVERSE: dict[str, Any] = {
    "noise_scale": 0.5,
    "style": "other",
    "edge_warp": 0.04,
    "edge_dropout": 0.0,
}
_SMALL: dict[str, Any] = {
    "control": "input",
    "mask_shown": True,
    "channels": [64, 96],
    "learning_rate": 4e-3,
    "ema_decay": 0.99,
    "noise_focus": 3.0,
    "organ_weight": 2.0,
    "phrase_share": 0.2,
    "edge_dropout": 0.1,
    "edge_warp": 0.03,
    "style": True,
    "style_dropout": 0.5,
    "style_jitter": 0.3,
}

_WIDE: dict[str, Any] = {
    "channels": [96, 192, 256],
    "layers": 2,
    "attention": "lowest",
    "steps": 6000,
    "batch": 32,
    "learning_rate": 5e-4,
    "ema_decay": 0.999,
    "phrases": 50,
    "edge_dropout": 0.3,
    "rotation_degrees": 10.0,
    "scale_range": [0.85, 1.1],
    "sampling": {"steps": 12, "edge_dropout": 0.2},
}
# An hour on a CPU core with bfloat16. Chosen by likeness on the validation slices of fold 0 of
# PROMISE12, 128 px: five minutes (one training each, 64-96 channels) give SSIM 0.43 without
# detail_weight, 0.51 with 8 and 0.53 with 30; 0.54 with noise_focus 2 and no edge left out as well.
# Its figures on held-out slices: reports/published/README.md.
_COMPACT: dict[str, Any] = _SMALL | {
    "channels": [96, 128],
    "steps": 20000,
    "batch": 4,
    "learning_rate": 1.5e-3,
    "detail_weight": 30.0,
    "noise_focus": 2.0,
    "edge_dropout": 0.0,
    "sampling": _DIVERSE | {"steps": 4},
}

# The rivals get the same hour: as many steps, channels and slices per step, or as many as that time
# allows.
_COMPACT_PAIRS: dict[str, Any] = {
    "channels": [96, 128],
    "steps": 20000,
    "batch": 4,
    "learning_rate": 1.5e-3,
    "ema_decay": 0.99,
    "sampling": {"steps": 12},
}
_PIX2PIX_LARGE: dict[str, Any] = {
    "channels": [64, 128, 256, 512, 512],
    "discriminator_channels": [64, 128, 256],
    "dropout_layers": 3,
    "steps": 6000,
    "batch": 16,
    "learning_rate": 2e-4,
    "rotation_degrees": 10.0,
    "scale_range": [0.85, 1.1],
}
_PIX2PIX_COMPACT: dict[str, Any] = _PIX2PIX_LARGE | {"steps": 9000, "batch": 4}

# The paper says nothing of an unconditional model; this one is ours, trained from scratch like that
# of `compact`, on a 48 x 48 grid. `emitdiff` stands here for --set generator.kind=emitdiff, the
# same model with text and edges, with the conditions and the loss of `compact`. Width and length
# are for a GPU and have never been measured on one.
_LARGE: dict[str, Any] = _WIDE | {
    "mask_shown": True,
    "noise_focus": 2.0,
    "detail_weight": 30.0,
    "phrase_share": 0.2,
    "edge_warp": 0.03,
    "style": True,
    "style_dropout": 0.5,
    "style_jitter": 0.3,
    "sampling": _DIVERSE | {"steps": 10, "noise_scale": 0.7},
}
_AT_384: dict[str, Any] = {
    "unshuffle": 8,
    "channels": [128, 256, 384],
    "steps": 20000,
    "learning_rate": 3e-4,
}

# No RadImageNet weights exist (Q33); a ControlNet trained on HED edges of natural images stands in
# for that training, which at the paper's learning rate of 1e-6 a fine-tuning cannot make up for.
_STABLE: dict[str, Any] = {
    # III-C
    "controlnet": "lllyasviel/sd-controlnet-hed",
    "epochs": 100,
    "batch": 48,
    "learning_rate": 1e-6,
    "sampling": {"sampler": "dpm-solver++", "steps": 20, "guidance_scale": 7.5},
}
_RELEASED_SAMPLING = {"sampler": "ddim", "steps": 20, "guidance_scale": 9.0}  # Q12

# What a generator's settings are at a preset, by kind of generator; what is absent has the default
# of its class, which for those trained from scratch (baselines/generators/base.py) are the smoke
# preset's.
GENERATOR_NUMBERS: dict[str, dict[str, dict[str, Any]]] = {
    "smoke": {
        "emitdiff": _SMALL | {"steps": 300, "sampling": _DIVERSE | {"steps": 4}},
        "unconditional": {},
        "pix2pix": {},
        "stable-diffusion": _STABLE | {"epochs": 1},
    },
    "compact": {
        "emitdiff": _COMPACT,
        "unconditional": _COMPACT_PAIRS,
        "pix2pix": _PIX2PIX_COMPACT,
        "stable-diffusion": _STABLE | {"epochs": 20},
    },
    "paper": {
        "emitdiff": _LARGE | _AT_384,
        "unconditional": _WIDE | _AT_384,
        "pix2pix": _PIX2PIX_LARGE,
        "stable-diffusion": _STABLE,
    },
}

# Numbers of the generator that a protocol has of its own at preset `paper`, by kind; the paper
# names no sampler.
_OF_PROTOCOL: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {"stable-diffusion": {"sampling": _RELEASED_SAMPLING}},
    # Q13
    "released": {"stable-diffusion": {"epochs": 400, "batch": 32, "sampling": _RELEASED_SAMPLING}},
}

# The generator that a method trains at a preset where that is not the one of the method's own name.
_KINDS: dict[str, dict[str, str]] = {"paper": {"emitdiff": "stable-diffusion"}}


def generator_numbers(
    preset_name: str, kind: str, protocol: str = "rigorous", released_epochs: int | None = None
) -> dict[str, Any]:
    """Settings of the generators of this kind at a preset; an unknown preset (of an old record) has
    none.

    At preset `paper` the named protocols `paper` and `released` have numbers of their own (Q12,
    Q13). released_epochs: the epochs that the release has for the task alone (Q27), if any.
    """
    numbers = dict(GENERATOR_NUMBERS.get(preset_name, {}).get(kind, {}))
    if preset_name == "paper":
        numbers |= _OF_PROTOCOL.get(protocol, {}).get(kind, {})
        if (protocol, kind) == ("released", "stable-diffusion") and released_epochs:
            numbers["epochs"] = released_epochs
    return numbers


def default_kind(preset_name: str, method: str) -> str:
    """The generator that a method trains at a preset: its own, or at preset `paper` Stable
    Diffusion for emitdiff."""
    return _KINDS.get(preset_name, {}).get(method, method)


def preset(name: str) -> Preset:
    """The preset called `name`. Raises InputError for an unknown name."""
    return PRESETS[check_name("preset", name, PRESETS)]
