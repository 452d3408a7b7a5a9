"""The numbers of `seg-guided`. Imports no torch. Not here: what they do (generator.py names the
papers)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from baselines.generators.mask_sampler import MaskSampling
from baselines.scratch.settings import DiffusionSettings, SolverSettings


class SegGuidedSampling(SolverSettings, MaskSampling):
    """How a fitted generator is sampled, and from which masks. With objective=flow the solver is
    Euler's, and `sampler` says nothing."""

    sampler: Literal["ddim", "dpm-solver++", "unipc"] = Field(
        "ddim", description="solver of objective=noise"
    )
    steps: int = Field(20, ge=1, le=1000, description="steps of the solver")


class SegGuidedSettings(DiffusionSettings):
    """All numbers of a diffusion model that is shown the mask."""

    objective: Literal["noise", "flow"] = Field(
        "noise", description="the network predicts the noise, or the flow from image to noise"
    )
    schedule: Literal["linear", "cosine"] = Field(
        "linear", description="how the noise of objective=noise grows over 1000 steps"
    )
    loss: Literal["l2", "l1"] = Field("l2", description="squared or absolute error (Polyp-DDPM)")
    loss_weight: Literal["plain", "adaptive"] = Field(
        "plain",
        description="all pixels alike, or by the share of the foreground, the rarer part more"
        " (ArSDM)",
    )
    mask_value: float = Field(
        1.0,
        gt=0,
        le=1,
        description="what the network is shown where the mask is 1; the release: 1/255",
    )
    ablation: float = Field(
        0.5, ge=0, lt=1, description="probability that a mask is not shown (mask-ablated training)"
    )
    ablation_drawn: Literal["batch", "slice"] = Field(
        "batch", description="whether that is drawn for a whole batch, as in the release"
    )
    sampling: SegGuidedSampling = SegGuidedSampling()

    protocol_switches: ClassVar[tuple[str, ...]] = ("noise",)
