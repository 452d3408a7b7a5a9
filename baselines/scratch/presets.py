"""Numbers of the generators that are trained from scratch, by preset.

What is absent has the default of its class, which fits slices of 64 px and two CPU cores.
"""

from typing import Any

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

# An hour on a CPU core with bfloat16; how it was chosen: docs/measurements.md.
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

# The paper says nothing of a model from scratch at its size; these are ours, like those of
# `compact`, on a 48 x 48 grid, with its conditions and its loss. Width and length are for a GPU and
# have never been measured on one.
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

EMITDIFF: dict[str, dict[str, Any]] = {
    "smoke": _SMALL | {"steps": 300, "sampling": _DIVERSE | {"steps": 4}},
    "compact": _COMPACT,
    "paper": _LARGE | _AT_384,
}
UNCONDITIONAL: dict[str, dict[str, Any]] = {
    "compact": _COMPACT_PAIRS,
    "paper": _WIDE | _AT_384,
}
