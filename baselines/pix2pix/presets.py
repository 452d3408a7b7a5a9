"""Numbers of pix2pix by preset; what is absent has the default of its class.

At `compact` it gets the same hour as its rivals: as many steps as that time allows.
"""

from typing import Any

_LARGE: dict[str, Any] = {
    "channels": [64, 128, 256, 512, 512],
    "discriminator_channels": [64, 128, 256],
    "dropout_layers": 3,
    "steps": 6000,
    "batch": 16,
    "learning_rate": 2e-4,
    "rotation_degrees": 10.0,
    "scale_range": [0.85, 1.1],
}

PRESETS: dict[str, dict[str, Any]] = {
    "compact": _LARGE | {"steps": 9000, "batch": 4},
    "paper": _LARGE,
}
