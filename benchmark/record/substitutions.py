"""The ledger of substitutions: what of the paper's could not be had, and what stands in its place
in a run.

Everything follows from the run's spec. Not here: protocol switches and preset numbers, which the
spec itself shows.
"""

from typing import Any

from pydantic import Field

from benchmark.core.frozen import Frozen
from benchmark.spec.method import MethodSpec
from benchmark.spec.run import LOCAL, RunSpec
from datasets.tasks.catalogue import TASKS

STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"
_PRETRAINING = "RadImageNet, 1.35 M images, batch 384, learning rate 1e-5"
_WITHDRAWN = "the authors were asked not to publish the weights (Q33)"


class Substitution(Frozen):
    """One thing that is not the paper's: `part` of the method, what the `paper` has, what was
    `used`, and `why`."""

    part: str
    paper: str
    used: str
    why: str = Field(description="with the quirk's number where there is one")


def substitutions(spec: RunSpec) -> tuple[Substitution, ...]:
    """All substitutions of a run, those of its images first; () for a run on the paper's images
    without a generator."""
    found = _images(spec)
    if spec.method.name == "emitdiff" and spec.method.ratio:
        found += _edges(spec)
        if spec.method.kind == "stable-diffusion":
            found += _stable(spec.method, spec.protocol.text_mix)
        else:
            found += _from_scratch(spec.method.generator or {})
    return tuple(found)


def _images(spec: RunSpec) -> list[Substitution]:
    task = TASKS.of_results(spec.dataset)
    if task.paper is None or task.has_papers_images(spec.source.kind, spec.source.title):
        return []
    why = task.paper.unknown_because or "chosen by the user"
    return [Substitution(part="images", paper=task.paper.words, used=spec.source.title, why=why)]


def _edges(spec: RunSpec) -> list[Substitution]:
    if spec.preset.edge == "hed":
        return []
    why = "HED needs weights, which are not shipped (Q18)"
    return [Substitution(part="edge detector", paper="HED", used=spec.preset.edge, why=why)]


def _from_scratch(settings: dict[str, Any]) -> list[Substitution]:
    why = "pre-trained weights and a large GPU are not needed this way"
    plain = settings["control"] == "input"
    network = (
        "a diffusion model that sees the edges beside its noisy image"
        if plain
        else "a diffusion model with a ControlNet"
    )
    told_of = {"mask_shown": "the mask itself", "style": "the style of a training slice"}
    more = [what for name, what in told_of.items() if settings.get(name)]
    told = Substitution(
        part="condition",
        paper="edges with the mask boundary, text",
        used=f"these and {' and '.join(more)}",
        why="a network trained for minutes keeps the label and varies its intensity only if it is"
        " told",
    )
    return [
        Substitution(
            part="generator",
            paper="Stable Diffusion 1.5 + ControlNet",
            used=f"{network}, trained from scratch on the fold's slices",
            why=why,
        ),
        Substitution(
            part="text encoder",
            paper="CLIP, frozen",
            used="a small encoder, trained on the prompts of the fold",
            why=why,
        ),
        Substitution(part="pre-training", paper=_PRETRAINING, used="none", why=_WITHDRAWN),
        *([told] if more else []),
    ]


def _stable(method: MethodSpec, text_mix: str) -> list[Substitution]:
    settings = method.generator or {}
    found = []
    if settings["base"] != STABLE_DIFFUSION:
        used, why = (
            weights_text(settings, "base"),
            "chosen by the user; the files are known by their checksum alone",
        )
        found.append(
            Substitution(part="generator", paper="Stable Diffusion 1.5", used=used, why=why)
        )
    found.append(
        Substitution(
            part="pre-training", paper=_PRETRAINING, used=_pretraining(settings), why=_WITHDRAWN
        )
    )
    ours = (
        "the paper prints four phrases and no negative prompt; the release's wording is not copied"
        " (Q12)"
    )
    found.append(
        Substitution(
            part="text",
            paper="50 augmentation phrases and a fixed negative prompt",
            used=f"{settings['phrases']} phrases, 4 of them the paper's, and a negative prompt of"
            f" our own",
            why=ours,
        )
    )
    return found


def _pretraining(settings: dict) -> str:
    start = "the ControlNet starts as a copy of the UNet's encoder"
    if settings["controlnet"]:
        start = f"the ControlNet starts from {weights_text(settings, 'controlnet')}"
    if not settings["pretraining"]:
        return f"none of medical images; {start}"
    epochs, version = settings["pretraining_epochs"], settings["pretraining_version"]
    images = (
        f"a folder of labelled images ({version[:19]}), {epochs} epoch{'' if epochs == 1 else 's'}"
    )
    return f"{images}, batch {settings['pretraining_batch']}; {start}"


def weights_text(settings: dict, role: str) -> str:
    """'lllyasviel/sd-controlnet-hed at commit 04473d9334ab', or 'a local folder
    (sha256:0123456789ab)'."""
    name, version = settings[role], settings[f"{role}_version"]
    return (
        f"a local folder ({version[:19]})" if name == LOCAL else f"{name} at commit {version[:12]}"
    )
