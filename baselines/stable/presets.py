"""Numbers of the fine-tuning of Stable Diffusion by preset, and those that a protocol has of its
own."""

from typing import Any

from baselines.stable.weights import CONTROLNET_HED
from datasets.tasks.catalogue import TASKS

# No RadImageNet weights exist (Q33); a ControlNet trained on HED edges of natural images stands in
# for that training, which at the paper's learning rate of 1e-6 a fine-tuning cannot make up for.
_STABLE: dict[str, Any] = {
    # III-C
    "controlnet": CONTROLNET_HED,
    "epochs": 100,
    "batch": 48,
    "learning_rate": 1e-6,
    "sampling": {"sampler": "dpm-solver++", "steps": 20, "guidance_scale": 7.5},
}
_RELEASED_SAMPLING = {"sampler": "ddim", "steps": 20, "guidance_scale": 9.0}  # Q12
# Ours, as the negative prompt is: the release has words of its own (Q39).
_QUALITY_SUFFIX = "a sharp and finely detailed clinical scan"

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": _STABLE | {"epochs": 1},
    "compact": _STABLE | {"epochs": 20},
    "paper": _STABLE,
}
# At preset paper; the paper names no sampler.
_OF_PROTOCOL: dict[str, dict[str, Any]] = {
    "paper": {"sampling": _RELEASED_SAMPLING},
    "released": {
        "epochs": 400,  # Q13
        "batch": 32,
        "zoom": "crop",
        "unet": "locked",  # Q35
        "ema_decay": 0.0,  # Q39
        "prompt_dropout": 0.0,
        "sampling": _RELEASED_SAMPLING | {"prompt_suffix": _QUALITY_SUFFIX},
    },
}


def of_protocol(protocol: str, dataset: str) -> dict[str, Any]:
    """The numbers of a named protocol at preset `paper` that are not the preset's (Q12, Q13, Q27,
    Q35, Q39)."""
    numbers = dict(_OF_PROTOCOL.get(protocol, {}))
    if protocol == "released" and (epochs := TASKS.of_results(dataset).released_epochs):
        numbers["epochs"] = epochs
    return numbers
