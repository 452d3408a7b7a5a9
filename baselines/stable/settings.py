"""Numbers of the Stable Diffusion generator, and where its weights and pre-training images come
from.

Weights are named by a hub id or a folder. A record must not hold a folder of somebody's machine,
and its key must hold what the weights are: `pinned` puts the word "local" and the sha256 of the
files in the place of a folder, and gives the folder back among the `Places`, which are no part of
any key. No torch here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from baselines.generators.places import Places
from baselines.generators.settings import GeometrySettings, trained_phrases
from baselines.stable import model_folder, pretraining_folder, weights
from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.spec.run import LOCAL
from datasets.slices.edges import HED

# Ours. The release has a fixed negative prompt of its own (Q12).
NEGATIVE_PROMPT = (
    "colour photograph, painting, cartoon, text, watermark, frame, low quality, artefacts"
)
_PLACES = ("base", "controlnet", "pretraining")


class StableSampling(Frozen):
    """How the fine-tuned model is sampled; no part of the training depends on these."""

    sampler: Literal["ddim", "dpm-solver++", "unipc"] = "dpm-solver++"
    steps: int = Field(
        20, ge=1, le=1000, description="denoising steps of the sampler (Q12: DDIM, 20)"
    )
    guidance_scale: float = Field(
        7.5, ge=1, description="classifier-free guidance; 1 = none (Q12: 9)"
    )
    negative_prompt: str = Field(NEGATIVE_PROMPT, description="what guidance leads away from (Q12)")
    control_scale: float = Field(1.0, ge=0, description="strength of the edge condition")
    prompt_suffix: str = Field("", description="words after every prompt (Q39)")
    edge_dropout: float = Field(0.0, ge=0, le=1, description="share of image-edge patches dropped")
    text_mix: Literal["plain", "weighted"] = Field(
        "plain", description="embedding of the prompt, or the mix of Q12"
    )
    noise: Literal["address", "shared"] = Field(
        "address", description="noise per slice, or per variant only (Q26)"
    )
    grey: Literal["mean", "first-channel"] = Field(
        "mean", description="grey image: mean of the three channels (III-A), or the first (Q36)"
    )
    compile: bool = Field(False, description="torch.compile of the UNet and the ControlNet")


class StableSettings(GeometrySettings):
    """All numbers of the Stable Diffusion generator. Defaults are the paper's (III-B, III-C)."""

    # Weights.
    base: str = Field(
        weights.STABLE_DIFFUSION,
        description="hub id or folder: tokenizer, text encoder, VAE, UNet, scheduler",
    )
    base_version: str = Field(
        "", description="commit on the hub, or sha256 of a folder's files; found out if empty"
    )
    controlnet: str = Field("", description="hub id or folder; empty: a copy of the UNet's encoder")
    controlnet_version: str = Field("", description="as base_version")
    unet: Literal["locked", "decoder", "whole"] = Field(
        "whole", description="what of the UNet is trained (Q35: locked)"
    )
    # Fine-tuning on the fold's training cases (III-C).
    epochs: int = Field(
        100, ge=1, description="passes over the training slices (Q13: 400, Q27: 1600)"
    )
    batch: int = Field(48, ge=1, description="slices per optimiser step (Q13: 32)")
    micro_batch: int = Field(
        8, ge=1, description="slices at once on each GPU; a step adds them up to `batch`"
    )
    learning_rate: float = Field(1e-6, gt=0, description="of AdamW, constant")
    weight_decay: float = Field(0.01, ge=0)
    gradient_clip: float = Field(1.0, gt=0, description="largest gradient norm")
    ema_decay: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="decay per step of the averaged weights that are kept; 0:"
        " none are, the last weights are kept (Q39)",
    )
    rotation_degrees: float = Field(
        20.0, ge=0, le=180, description="largest rotation of image and edges (Q13)"
    )
    scale_range: tuple[float, float] = Field(
        (0.75, 1.05), description="zoom of image and edges (Q13)"
    )
    zoom: Literal["shrink", "crop"] = Field(
        "shrink",
        description="zoom 0.75 makes 12 pixels of 16, black outside; or crops to 0.75 of the side"
        " and makes 21 of 16, mirrored outside (Q13)",
    )
    flip_probability: float = Field(
        0.0, ge=0, le=1, description="left-right mirror of image and edges"
    )
    prompt_dropout: float = Field(
        0.1, ge=0, le=1, description="share of empty prompts, for guidance (Q39: 0)"
    )
    phrases: int = Field(
        50, ge=0, description="augmentation phrases that the variants cycle through (Q12)"
    )
    # Pre-training on a folder of labelled images (III-B), once for all folds and seeds.
    pretraining: str = Field(
        "", description="folder modality/organ/category/*.png (RadImageNet's layout); empty: none"
    )
    pretraining_version: str = Field(
        "", description="sha256 of the folder's files; found out if empty"
    )
    pretraining_epochs: int = Field(1, ge=1)
    pretraining_batch: int = Field(384, ge=1)
    pretraining_learning_rate: float = Field(1e-5, gt=0)
    # Sampling.
    sampling: StableSampling = StableSampling()

    protocol_switches: ClassVar[tuple[str, ...]] = ("noise", "text_mix", "grey")

    @field_validator(*_PLACES, *(f"{place}_version" for place in _PLACES), mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return "" if value is None else str(value)  # `--set generator.controlnet=` gives None

    @model_validator(mode="after")
    def _sound(self) -> StableSettings:
        if not self.base:
            raise ValueError("base must name a hub id or a folder")
        return self

    def check_size(self, size: int) -> None:
        """Raises InputError for slices of `size` pixels that do not fit, and for a weights folder
        that cannot work."""
        model_folder.check_size(size, weights.checked_unit(self.base, self.controlnet))

    def check_edge(self, edge: str) -> None:
        if edge != HED and weights.knows_hed(self.controlnet):
            raise InputError(
                f"the ControlNet {self.controlnet} was trained on HED edges and the edges of this"
                f" run are {edge}; leave edge={edge} out and get HED's weights by `python cli.py"
                f" data fetch hed`, or start without it by --set generator.controlnet= (empty)."
            )

    def pinned(self, cache: Path | None) -> tuple[StableSettings, Places]:
        """Settings with the identity of weights and images in the place of folders, and where these
        lie.

        Folders are hashed, with `cache` (datasets/files/fingerprint.py). Raises InputError for a
        folder that cannot be used, a hub id whose commit cannot be found out, and a given version
        that is not that of the files.
        """
        default = StableSettings.model_fields["micro_batch"].default
        named: dict[str, Any] = {"micro_batch": default}
        found: dict[str, str] = {}
        for role in ("base", "controlnet"):
            if name := getattr(self, role):
                version, found[role] = weights.identified(
                    role, name, getattr(self, f"{role}_version"), cache
                )
                local = version.startswith(weights.SHA256)
                named |= {role: LOCAL if local else name, f"{role}_version": version}
        if self.pretraining:
            found["pretraining"], version = pretraining_folder.identified(
                self.pretraining, self.pretraining_version, cache
            )
            named |= {"pretraining": LOCAL, "pretraining_version": version}
        return self.model_copy(update=named), Places(found, self.micro_batch)

    def placed(self, places: Places) -> Places:
        """`places`, or where the hub ids of the settings lead if nothing is said of them."""
        return places if "base" in places.found else self.pinned(None)[1]

    @classmethod
    def fetch(cls, places: Places, say: Callable[[str], None]) -> None:
        folders = {}
        for role in ("base", "controlnet"):
            if place := places.found.get(role):
                if not weights.is_cached(role, place):
                    say(f"downloading {place.removeprefix('hub:')} from the hub")
                folders[role] = weights.fetched(role, place)
        model_folder.check_base(folders["base"])
        if "controlnet" in folders:
            model_folder.check_controlnet(folders["controlnet"], folders["base"])

    @classmethod
    def hub_weights(cls) -> list[str]:
        roles = zip(("base", "controlnet"), weights.KNOWN_COMMITS.items(), strict=True)
        return [
            f"{name}: {'here' if weights.is_cached(role, f'hub:{name}@{commit}') else 'not here'}"
            for role, (name, commit) in roles
        ]

    @classmethod
    def described(cls, places: Places) -> list[str]:
        lines = []
        for role in ("base", "controlnet"):
            if place := places.found.get(role):
                absent = (
                    ""
                    if weights.is_cached(role, place)
                    else ", to be downloaded (or --set generator.{role}=FOLDER)"
                )
                lines.append(f"{role}: {place.removeprefix('hub:')}{absent.format(role=role)}")
        if not places.found.get("controlnet"):
            lines.append("controlnet: a copy of the UNet's encoder")
        return lines

    def training_spec(self) -> dict[str, Any]:
        left_out = {"sampling", "micro_batch", "phrases"} | {
            name for name in type(self).model_fields if "pretraining" in name
        }
        return self.model_dump(mode="json", exclude=left_out)

    def pretraining_spec(self) -> dict[str, Any] | None:
        """What decides the weights that pre-training leaves; None without one."""
        if not self.pretraining:
            return None
        kept = {
            name for name in type(self).model_fields if "pretraining" in name or "_version" in name
        }
        kept |= {
            "base",
            "controlnet",
            "unet",
            "weight_decay",
            "gradient_clip",
            "ema_decay",
            "prompt_dropout",
        }
        return self.model_dump(mode="json", include=kept)

    def as_pretraining(self) -> StableSettings:
        """The settings of the pre-training's own steps: its epochs, batch and rate, and images as
        they are."""
        numbers = {
            name: getattr(self, f"pretraining_{name}")
            for name in ("epochs", "batch", "learning_rate")
        }
        still = {"rotation_degrees": 0.0, "scale_range": (1.0, 1.0), "flip_probability": 0.0}
        return self.model_copy(update=numbers | still)

    def variant_phrases(self) -> tuple[str, ...]:
        return trained_phrases(self.phrases)
