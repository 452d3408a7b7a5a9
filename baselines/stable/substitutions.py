"""What stands in for the weights and words of the paper where Stable Diffusion is fine-tuned."""

from typing import Any

from baselines.scratch.substitutions import PAPERS_PRETRAINING, WITHDRAWN, edge_substitution
from baselines.stable.weights import STABLE_DIFFUSION
from benchmark.spec.run import LOCAL, RunSpec
from benchmark.spec.substitution import Substitution


def fine_tuned(run: RunSpec) -> list[Substitution]:
    """All that is not the paper's in a fine-tuning of Stable Diffusion."""
    settings = run.method.generator or {}
    suffix = " and words of quality" if settings["sampling"]["prompt_suffix"] else ""
    found = edge_substitution(run)
    if settings["base"] != STABLE_DIFFUSION:
        found.append(
            Substitution(
                part="generator",
                paper="Stable Diffusion 1.5",
                used=_weights_text(settings, "base"),
                why="chosen by the user; the files are known by their checksum alone",
            )
        )
    return [
        *found,
        Substitution(
            part="pre-training images" if settings["pretraining"] else "pre-training",
            paper=PAPERS_PRETRAINING,
            used=_pretraining(settings),
            why=WITHDRAWN,
        ),
        Substitution(
            part="text",
            paper="50 augmentation phrases and a fixed negative prompt",
            used=f"{settings['phrases']} phrases, 4 of them the paper's, and a negative prompt"
            f"{suffix} of our own",
            why="the paper prints four phrases and no negative prompt; the release's wording is not"
            " copied (Q12)",
        ),
    ]


def _pretraining(settings: dict[str, Any]) -> str:
    start = "the ControlNet starts as a copy of the UNet's encoder"
    if settings["controlnet"]:
        start = f"the ControlNet starts from {_weights_text(settings, 'controlnet')}"
    if not settings["pretraining"]:
        return f"none of medical images; {start}"
    epochs, version = settings["pretraining_epochs"], settings["pretraining_version"]
    images = (
        f"a folder of labelled images ({version[:19]}), {epochs} epoch{'' if epochs == 1 else 's'}"
    )
    return f"{images}, batch {settings['pretraining_batch']}; {start}"


def _weights_text(settings: dict[str, Any], role: str) -> str:
    """'lllyasviel/sd-controlnet-hed at commit 04473d9334ab', or 'a local folder
    (sha256:0123456789ab)'."""
    name, version = settings[role], settings[f"{role}_version"]
    return (
        f"a local folder ({version[:19]})" if name == LOCAL else f"{name} at commit {version[:12]}"
    )
