"""The numbers of `pix2pix` (Isola et al. 2017, arXiv 1611.07004), the paper's rival in Table I.

The defaults fit 64 px slices and two CPU cores; benchmark/spec/presets.py has those of the other
presets. This module imports no torch. Not here: what the numbers do (generator.py,
networks.py).
"""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from baselines.generators.settings import GeometrySettings
from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen


class Pix2PixSampling(Frozen):
    """How a fitted pix2pix is sampled: dropout is its only source of variants, as in Isola et
    al."""

    dropout: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="share of decoder activations dropped; 0 = one image per edge map",
    )
    noise: Literal["address", "shared"] = Field(
        "address", description="dropout per slice, or per variant only (Q26)"
    )


class Pix2PixSettings(GeometrySettings):
    """All numbers of a pix2pix trained from scratch."""

    # Networks: each entry of `channels` halves the grid.
    channels: tuple[int, ...] = Field(
        (32, 64, 128, 128), min_length=2, description="generator: channels per resolution"
    )
    discriminator_channels: tuple[int, ...] = Field(
        (16, 32),
        min_length=1,
        description="PatchGAN: channels per halving; (64, 128, 256) sees patches of 70 px",
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="share of decoder activations dropped in training"
    )
    dropout_layers: int = Field(
        2, ge=1, description="decoder blocks with dropout, from the innermost on"
    )
    # Optimisation.
    steps: int = Field(450, ge=1, description="optimiser steps of each network")
    batch: int = Field(8, ge=1, description="slices per step")
    learning_rate: float = Field(
        1e-3, gt=0, description="of Adam; falls linearly to 0 over the second half of the steps"
    )
    l1_weight: float = Field(
        100.0, ge=0, description="weight of the mean absolute error beside the adversarial loss"
    )
    sampling: Pix2PixSampling = Pix2PixSampling()

    protocol_switches: ClassVar[tuple[str, ...]] = ("noise",)

    @model_validator(mode="after")
    def _network_fits(self) -> "Pix2PixSettings":
        if self.dropout_layers > len(self.channels) - 1:
            raise ValueError(
                f"dropout_layers {self.dropout_layers} exceeds the {len(self.channels) - 1} inner"
                f" decoder blocks"
            )
        return self

    def check_size(self, size: int) -> None:
        """Raises InputError when slices of `size` pixels cannot be halved as often as there are
        channels."""
        unit = 2 ** len(self.channels)
        if size % unit:
            raise InputError(
                f"slices of {size} pixels do not fit pix2pix, which needs a multiple of {unit}"
                f" ({len(self.channels)}"
                " resolutions); choose another size, or fewer generator.channels."
            )
