"""Numbers of seg-guided by preset; what is absent has the default of its class.

`compact` gives it as many steps, channels and slices per step as unconditional diffusion has. The
small ones predict the flow: in so few steps noise prediction, as published, learns no anatomy
(docs/measurements.md).
"""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": {
        "objective": "flow",
        "channels": [64, 96],
        "steps": 300,
        "learning_rate": 4e-3,
        "sampling": {"noise_scale": 0.7},
    },
    "compact": {
        "objective": "flow",
        "channels": [96, 128],
        "steps": 20000,
        "batch": 4,
        "learning_rate": 1.5e-3,
        "ema_decay": 0.99,
    },
    # For a GPU; never measured on one.
    "paper": {
        "unshuffle": 8,
        "channels": [128, 256, 384],
        "layers": 2,
        "attention": "lowest",
        "steps": 20000,
        "batch": 32,
        "learning_rate": 3e-4,
        "ema_decay": 0.999,
        "rotation_degrees": 10.0,
        "scale_range": [0.85, 1.1],
    },
}
