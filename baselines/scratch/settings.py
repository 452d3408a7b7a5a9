"""Settings of the generators that are trained from scratch. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from baselines.generators.settings import GeometrySettings, trained_phrases
from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen

LARGEST_WARP = 0.06  # of the side: farther, and what lies beside the mask boundary would fold


class SolverSettings(Frozen):
    """How any fitted diffusion network is sampled; no part of the training depends on these."""

    sampler: Literal["ddim", "dpm-solver++", "unipc"] = "dpm-solver++"
    steps: int = Field(
        6, ge=1, le=1000, description="denoising steps of the sampler (Q12: DDIM, 20)"
    )
    noise: Literal["address", "shared"] = Field(
        "address", description="noise per slice, or per variant only (Q26)"
    )
    noise_scale: float = Field(
        1.0, ge=0, le=1, description="SD of the starting noise; below 1: smoother, more alike"
    )


class SamplingSettings(SolverSettings):
    """How emitdiff and unconditional are sampled."""

    guidance_scale: float = Field(
        1.5, ge=1, description="classifier-free guidance; 1 = none (Q12: 9)"
    )
    text_mix: Literal["plain", "weighted"] = Field(
        "plain", description="embedding of the prompt, or the mix of Q12"
    )
    # What makes the variants of a slice differ; the mask boundary always stays
    # (slice_augmentation.py, style.py).
    edge_dropout: float = Field(
        0.1, ge=0, le=1, description="share of image-edge patches dropped; 1 = mask boundary only"
    )
    edge_thinning: float = Field(
        0.0, ge=0, le=1, description="largest share of edge pixels dropped, the weakest first"
    )
    edge_warp: float = Field(
        0.0,
        ge=0,
        le=LARGEST_WARP,
        description="largest shift of image edges, as a share of the side",
    )
    style: Literal["own", "other", "none"] = Field(
        "own",
        description="intensity and texture of the slice itself, of a training slice of another"
        " case, or left open",
    )


class DiffusionSettings(GeometrySettings):
    """Network and training of any diffusion model from scratch. The defaults fit 64 px slices and
    two CPU cores."""

    # Network: working grid = size / unshuffle; each further entry of `channels` halves it once
    # more.
    unshuffle: int = Field(
        4, ge=1, description="pixel-unshuffle factor in front of the UNet, in pixels"
    )
    channels: tuple[int, ...] = Field((32, 64), min_length=1, description="channels per resolution")
    layers: int = Field(1, ge=1, description="residual blocks per resolution")
    attention: Literal["middle", "lowest"] = Field(
        "middle",
        description="attention in the middle block only, or in all blocks of the lowest resolution",
    )
    heads: int = Field(2, ge=1, description="attention heads")
    norm_groups: int = Field(
        8, ge=1, description="groups of the group norm; divides every entry of channels"
    )
    # Optimisation.
    steps: int = Field(600, ge=1, description="optimiser steps")
    batch: int = Field(8, ge=1, description="slices per step")
    learning_rate: float = Field(5e-3, gt=0, description="peak of the cosine schedule of AdamW")
    warmup_share: float = Field(
        0.05, ge=0, le=1, description="share of the steps with a rising learning rate"
    )
    weight_decay: float = Field(0.01, ge=0)
    gradient_clip: float = Field(1.0, gt=0, description="largest gradient norm")
    ema_decay: float = Field(
        0.98, ge=0, lt=1, description="decay per step of the averaged weights that are kept"
    )

    @model_validator(mode="after")
    def _network_fits(self) -> DiffusionSettings:
        if any(width % self.norm_groups or width % self.heads for width in self.channels):
            raise ValueError(
                f"channels {self.channels} must be multiples of norm_groups and of heads"
            )
        return self

    def check_size(self, size: int) -> None:
        """Raises InputError when slices of `size` pixels do not divide into the network's grid."""
        unit = self.unshuffle * 2 ** (len(self.channels) - 1)
        if size % unit:
            raise InputError(
                f"slices of {size} pixels do not fit this generator, whose grid needs a multiple"
                f" of {unit}"
                f" (unshuffle {self.unshuffle}, {len(self.channels)} resolutions); choose another"
                f" size."
            )


class GeneratorSettings(DiffusionSettings):
    """All numbers of emitdiff and unconditional."""

    control: Literal["net", "input"] = Field(
        "net",
        description="edges through a ControlNet (III-C), or beside the noisy image: about half the"
        " cost",
    )
    mask_shown: bool = Field(
        False, description="show the network the mask, and not its boundary alone (Q18)"
    )
    text_width: int = Field(32, ge=4, description="channels of the text embedding")
    # The loss.
    prediction: Literal["sample", "velocity"] = Field(
        "sample", description="what the network predicts"
    )
    min_snr_gamma: float = Field(
        1.0, gt=0, description="cap of the signal-to-noise weight of the loss"
    )
    organ_weight: float = Field(
        4.0, ge=0, description="extra weight of the loss in and around the mask; 0 = none"
    )
    detail_weight: float = Field(
        0.0, ge=0, description="weight of the loss of differences between neighbouring pixels"
    )
    snr_floor: float = Field(
        1.0, ge=0, description="weight of the loss where nothing but noise is left"
    )
    noise_focus: float = Field(
        2.0, ge=1, description="1 = all noise levels alike; above: more high ones"
    )
    # What a training slice looks like.
    phrases: int = Field(
        8, ge=0, description="augmentation phrases that are trained: the first ones of the list"
    )
    phrase_share: float = Field(
        0.3, ge=0, le=1, description="share of slices changed and described by a phrase"
    )
    prompt_dropout: float = Field(
        0.1, ge=0, le=1, description="share of empty prompts, for guidance"
    )
    style_share: float = Field(
        0.05, ge=0, le=1, description="share of prompts replaced by the style words of Q12"
    )
    edge_dropout: float = Field(
        0.15, ge=0, le=1, description="largest share of image-edge patches dropped"
    )
    edge_thinning: float = Field(
        0.0, ge=0, le=1, description="largest share of edge pixels dropped, the weakest first"
    )
    edge_warp: float = Field(
        0.0,
        ge=0,
        le=LARGEST_WARP,
        description="largest shift of image and edges together, as a share of the side",
    )
    style: bool = Field(
        False, description="tell the network intensity and texture of the slice, for sampling.style"
    )
    style_dropout: float = Field(
        0.2, ge=0, le=1, description="share of slices whose style is not told"
    )
    style_jitter: float = Field(
        0.5, ge=0, le=1, description="share of those with a random intensity, which the style tells"
    )
    # Sampling.
    sampling: SamplingSettings = SamplingSettings()

    protocol_switches: ClassVar[tuple[str, ...]] = ("noise", "text_mix")

    @model_validator(mode="after")
    def _style_is_told(self) -> GeneratorSettings:
        if self.sampling.style == "other" and not self.style:
            raise ValueError(
                "sampling.style=other needs a generator told of styles; set style=true, or"
                " sampling.style=own"
            )
        return self

    def held_out_sampling(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The whole edge map where it is, and no other case's style: both only make a sample less
        like its slice."""
        style = "own" if spec["style"] == "other" else spec["style"]
        return {**spec, "edge_warp": 0.0, "edge_thinning": 0.0, "style": style}

    def variant_phrases(self) -> tuple[str, ...]:
        return trained_phrases(self.phrases)  # others would be unknown words to the generator
