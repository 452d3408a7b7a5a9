"""What a record says of a run's synthetic images: fidelity, diversity, label agreement,
memorisation.

One row per case and part, never one per image, so that records stay small; histograms hold the
distributions that figures show. Parts:
    "training"   the samples that augment the training, made from training slices
    "held-out"   samples made from the edges and labels of the fold's TEST cases with the plain
                 prompt; they train nothing. Memorisation cannot flatter fidelity there, so Table I
                 is read from this part
The paper does not say which images its Table I was measured on. Not here: how the
numbers are computed (benchmark/stages/fidelity.py, benchmark/stages/memorisation.py).
"""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from benchmark.core.frozen import Frozen

Part = Literal["training", "held-out"]
TRAINING: Part = "training"
HELD_OUT: Part = "held-out"
AGREEMENT_BINS = 20  # over [0, 1]
DISTANCE_BINS = 30  # over [0, LARGEST_DISTANCE], the last one holds all above
LARGEST_DISTANCE = 1.5

# Within rounding: single precision puts an image's likeness to itself a little above 1.
Share = Annotated[float, Field(ge=-1e-3, le=1 + 1e-3, allow_inf_nan=False)]
Likeness = Annotated[float, Field(ge=-1 - 1e-3, le=1 + 1e-3, allow_inf_nan=False)]
Distance = Annotated[float, Field(ge=0, le=2 + 1e-3, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**9)]
AgreementCounts = Annotated[
    tuple[Count, ...], Field(min_length=AGREEMENT_BINS, max_length=AGREEMENT_BINS)
]
DistanceCounts = Annotated[
    tuple[Count, ...], Field(min_length=DISTANCE_BINS, max_length=DISTANCE_BINS)
]


class SampleRow(Frozen):
    """Samples of the slices of one case: means over its images, with their SD (n) where a table
    needs it.

    None where a number has no meaning: fidelity of samples without a source image (pairs),
    diversity of a single variant, agreement where no slice has a label.
    """

    case: str
    part: Part
    slices: Count = Field(ge=1)
    images: Count = Field(ge=1, description="samples that the fidelity numbers are means of")
    mae: Share | None = None
    mae_sd: Share | None = None
    mse: Share | None = None
    mse_sd: Share | None = None
    rmse: Share | None = None
    rmse_sd: Share | None = None
    ssim: Likeness | None = None
    ssim_sd: Share | None = None
    ms_ssim: Share | None = None
    ms_ssim_sd: Share | None = None
    diversity: Share | None = Field(None, description="mean over pairs of variants of 1 - MS-SSIM")
    pixel_sd: Share | None = Field(
        None, description="SD over variants, mean over pixels, grey range 0-1"
    )
    agreement: Share | None = Field(
        None, description="Dice of the segmenter's mask with the label, mean over labelled slices"
    )
    agreement_volume: Share | None = Field(
        None, description="the same over the case's slices together, mean over variants"
    )
    real_agreement: Share | None = Field(
        None, description="agreement of the real images of the same slices"
    )
    real_agreement_volume: Share | None = None
    own_distance: Distance | None = Field(None, description="distance to the source image")
    nearest: Distance | None = Field(
        None, description="distance to the nearest training slice of another case"
    )
    real_nearest: Distance | None = Field(
        None, description="the same for the real images of the slices"
    )
    copied: Share | None = Field(
        None, description="share of samples nearer to a training slice than copy_threshold"
    )
    real_copied: Share | None = Field(
        None, description="the same of the real images, to slices of other cases"
    )


class StandardDistances(Frozen):
    """Distances between samples and real slices in features of a public network: 'training' and
    'held-out' samples to the real slices of that part, and 'real', held-out to training slices.
    Neither is FID nor KID, whose features are those of Inception."""

    network: str = Field(max_length=100)
    weights: str = Field(pattern="^sha256:[0-9a-f]{64}$")
    frechet: dict[Part | Literal["real"], Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    kernel: dict[Part | Literal["real"], Annotated[float, Field(allow_inf_nan=False)]]


class Samples(Frozen):
    """The audit of one run's samples."""

    generator: str
    segmenter: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="key of the fit-segmenter stage that judged, of method none",
    )
    paired: bool = Field(description="samples bring their own masks and have no source image")
    variants: Count = Field(
        ge=1, description="variants per training slice whose agreement was measured: all of them"
    )
    measured_variants: Count = Field(
        ge=1, description="of these, those of all other numbers: the first ones"
    )
    held_out_variants: Count
    ms_ssim_scales: Count = Field(ge=1)
    reference_dice: Share | None = Field(
        None, description="volume Dice of the segmenter on its real validation cases"
    )
    copy_threshold: Distance = Field(
        description="99 % of real training slices are farther from any slice of another case"
    )
    frechet: dict[Part | Literal["real"], Annotated[float, Field(ge=0, allow_inf_nan=False)]] = (
        Field(
            default_factory=dict,
            description="Frechet distance on the segmenter's deepest features (no FID): 'training'"
            " and 'held-out' samples to"
            " the real slices of that part, and 'real', held-out to training slices",
        )
    )
    standard: StandardDistances | None = Field(
        None, description="distances in features of a public network, where they were asked for"
    )
    rows: tuple[SampleRow, ...] = Field(
        min_length=1, fail_fast=True, description="one per case and part"
    )
    agreement_histogram: dict[Part, AgreementCounts] = Field(description="labelled samples per bin")
    distance_histogram: dict[Part | Literal["real training", "real held-out"], DistanceCounts] = (
        Field(
            description="distance to the nearest training slice of another case, of samples and of"
            " real images"
        )
    )

    @model_validator(mode="after")
    def _one_row_each(self) -> "Samples":
        again = [
            key
            for key, count in Counter((row.case, row.part) for row in self.rows).items()
            if count > 1
        ]
        if again:
            raise ValueError(f"case {again[0][0]} stands twice in the part {again[0][1]}")
        return self

    def share_below(self, threshold: float, part: Part = TRAINING) -> float | None:
        """Share of labelled samples whose agreement lies below `threshold`, a multiple of 1 /
        AGREEMENT_BINS."""
        counts = next(
            (found for name, found in self.agreement_histogram.items() if name == part), ()
        )
        return (
            sum(counts[: round(threshold * AGREEMENT_BINS)]) / sum(counts) if sum(counts) else None
        )
