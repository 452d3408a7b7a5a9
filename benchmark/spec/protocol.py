"""The rules of a comparison: one switch per quirk, and the three named protocols.

`rigorous` is the default of this project. `paper` follows what the paper prints (arXiv 2310.12868)
and falls back to `rigorous` where the paper is silent. `released` follows what the authors'
released code does, the flaws included. The numbers Q1..Q40 are those of reports/paper/QUIRKS.md.
Every switch can be set alone (`--set selection=test`) and is part of the key of each stage that it
changes. Not here: sizes and budgets (presets).
"""

from typing import Literal

from pydantic import Field

from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.registry import check_name

PROTOCOL_NAMES = ("rigorous", "paper", "released")


class Protocol(Frozen):
    """All switches of a comparison. Defaults are those of `rigorous`."""

    selection: Literal["validation", "test", "last"] = Field(
        "validation",
        description="Cases that choose the checkpoint: a split of the fold's training cases; the"
        " test cases, which leaks"
        " them into the result (Q1); or none: the last checkpoint is taken.",
    )
    selection_dice: Literal["case", "batch"] = Field(
        "case",
        description="The Dice that chooses the checkpoint: the mean over cases of the Dice of a"
        " case's slices; or the mean over batches of 8 neighbouring slices of the Dice of a batch"
        " (Q38).",
    )
    generator_cases: Literal["fit", "training"] = Field(
        "fit",
        description="Cases the generator is trained on: those the segmenter is fitted to, or all"
        " training cases of the"
        " fold, the validation cases included (paper III-C).",
    )
    folds: Literal["shuffled", "dataset", "centre"] = Field(
        "shuffled",
        description="Seeded, patient-wise, stratified K-fold; or the unshuffled KFold over the"
        " order of dataset.json (Q8); or leave-one-centre-out: each fold tests the cases of one"
        " centre, or of one source of several.",
    )
    copies: Literal["grouped", "per-image"] = Field(
        "grouped",
        description="Cases that are near copies of each other stay together when folds and the"
        " validation split are dealt, as the cases of a patient do; or every image is dealt alone"
        " (Q40).",
    )
    slices: Literal["all", "foreground"] = Field(
        "all",
        description="All slices, or only slices with more than 20 foreground pixels, in training"
        " and in test volumes (Q9).",
    )
    shuffle: bool = Field(
        True,
        description="Shuffled training batches; off: a batch holds neighbouring slices of one"
        " case, in file order (Q7).",
    )
    merge: Literal["image", "logits"] = Field(
        "image",
        description="Real and synthetic patches are mixed at the image, as in Alg. 1; or at the"
        " logits of two forward"
        " passes (Q6).",
    )
    pairing: Literal["one", "all"] = Field(
        "one",
        description="Each presentation of a real slice meets one of its n variants, drawn at"
        " random, so that training"
        " length does not grow with n (Q14); or an epoch presents every variant once, so that it"
        " grows n-fold.",
    )
    deepstack: Literal["nnunet", "dropped"] = Field(
        "nnunet",
        description="DeepStack as nnU-Net v1's old default (Q22), or not applied at all, as in the"
        " release (Q2).",
    )
    renormalise: bool = Field(
        False,
        description="Min-max normalisation of every sample after augmentation, which cancels"
        " RandomBrightness exactly (Q3).",
    )
    intensity: Literal["slice-percentile", "volume-percentile", "ct-window"] = Field(
        "slice-percentile",
        description="Intensity rule of the slices: clipped at the 0.5 and 99.5 percentiles of the"
        " slice (Q17), of the"
        " volume, or a fixed CT window.",
    )
    lr_schedule: Literal["cosine", "constant"] = Field(
        "cosine",
        description="Learning rate of the segmenter after warm-up; the release keeps it constant"
        " (Q16).",
    )
    loss: Literal["dice-ce", "dice-ce-batch"] = Field(
        "dice-ce",
        description="DiceCE with the Dice of each slice, as in the release (Q16); or with one Dice"
        " over the batch, so that slices without foreground do not silence half of the loss.",
    )
    dice_background: bool = Field(
        False,
        description="Whether the Dice part of the DiceCE loss counts the background class; the"
        " release does not (Q16).",
    )
    text_mix: Literal["plain", "weighted"] = Field(
        "plain",
        description="Text embedding of the sampler: that of the prompt with its phrase; or 0.045 x"
        " prompt + 0.005 x phrase"
        " + 0.95 x 'gray, sketch' (Q12).",
    )
    grey: Literal["mean", "first-channel"] = Field(
        "mean",
        description="Grey image of Stable Diffusion: the mean of the three channels of its output"
        " (paper III-A), or the first of them (Q36).",
    )
    noise: Literal["address", "shared"] = Field(
        "address",
        description="Noise of a sample = f(generator, slice, variant); or every slice shares the"
        " same noise per variant (Q26).",
    )
    resize_z: bool = Field(
        False,
        description="The stack of kept slices is stretched to the original number of slices before"
        " scoring, with the"
        " original spacing (Q23).",
    )
    empty_mask: Literal["penalty", "centre-pixel"] = Field(
        "penalty",
        description="Scores of an empty prediction: fractions 0 and distances the diagonal of the"
        " volume; or all of them those of one pixel put at the image centre (Q10).",
    )
    truth: Literal["native", "resampled"] = Field(
        "native",
        description="What a prediction is scored against: the mask as it is; or the mask resampled"
        " to the working size and back, in which every structure lost on the way is no error"
        " (Q37).",
    )
    hd95: Literal["pooled", "max"] = Field(
        "pooled",
        description="Headline HD95: percentile of both directed sets pooled (MedPy), or the larger"
        " of two (MONAI) (Q11).",
    )
    assd: Literal["pooled", "mean"] = Field(
        "pooled",
        description="Headline ASSD: mean of the pooled distances, or mean of two directed means"
        " (MedPy <= 0.5.1) (Q28).",
    )
    aggregate: Literal["cases", "folds"] = Field(
        "cases",
        description="Mean and SD over all cases; or mean of fold means and root mean square of"
        " fold SDs (Q19).",
    )


_NAMED: dict[str, dict[str, object]] = {
    "rigorous": {},
    # As printed: three-fold cross-validation without a word on a validation split, the generator
    # fine-tuned on the training fold (III-C), the mask boundary of Alg. 1 merged at the image, no
    # learning-rate schedule and no near copies named.
    "paper": {
        "selection": "last",
        "generator_cases": "training",
        "folds": "dataset",
        "copies": "per-image",
        "lr_schedule": "constant",
    },
    "released": {
        "selection": "test",
        "selection_dice": "batch",
        "generator_cases": "training",
        "folds": "dataset",
        "copies": "per-image",
        "slices": "foreground",
        "shuffle": False,
        "merge": "logits",
        "deepstack": "dropped",
        "renormalise": True,
        "lr_schedule": "constant",
        "text_mix": "weighted",
        "grey": "first-channel",
        "noise": "shared",
        "resize_z": True,
        "empty_mask": "centre-pixel",
        "truth": "resampled",
        "assd": "mean",
        "aggregate": "folds",
    },
}

# Slices with at most this many foreground pixels do not exist under slices=foreground (Q9).
FOREGROUND_PIXELS = 20


def named_protocol(name: str) -> Protocol:
    """The protocol called `name`. Raises InputError for an unknown name."""
    return Protocol(**_NAMED[check_name("protocol", name, PROTOCOL_NAMES)])


def differences(protocol: Protocol, base: str = "rigorous") -> dict[str, object]:
    """The switches in which `protocol` differs from the protocol called `base`: name -> value."""
    reference = named_protocol(base).model_dump()
    return {
        name: value for name, value in protocol.model_dump().items() if value != reference[name]
    }


def nearest_protocol(protocol: Protocol) -> tuple[str, dict[str, object]]:
    """(the nearest named protocol, the switches that differ from it)."""
    found = [(name, differences(protocol, name)) for name in PROTOCOL_NAMES]
    return min(found, key=lambda pair: len(pair[1]))


def check_contradictions(protocol: Protocol) -> None:
    """Raises InputError for switches that cannot hold together."""
    if protocol.resize_z and protocol.slices != "foreground":
        raise InputError(
            "switch resize_z=true needs slices=foreground: with all slices kept there is nothing"
            " to stretch (Q23);"
            " set both, or neither."
        )
