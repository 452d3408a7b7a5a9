"""What `run` and `suite` ask for, as dataclasses whose fields are the options of the command line.

A new option is one line here (or in stages/execution.py, for how it is computed). This module
imports nothing heavy, so that `--help` answers at once. Not here: what the values mean for a run
(request.py), how typer is told (terminal/typer_options.py).
"""

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Literal

from benchmark.core.errors import InputError
from benchmark.core.options import option

WHAT = "What is run"
IMAGES = "Images"
DONE = "What is done"


def numbers_list(text: str, flag: str) -> tuple[int, ...]:
    """'3,4' -> (3, 4). Raises InputError naming the option."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise InputError(f"{flag} {shown} is not a list of whole numbers such as 0,1,2.") from None


def _folds(text: str) -> tuple[int, ...] | None:
    return None if text == "all" else numbers_list(text, "--fold")


def _seeds(text: str) -> tuple[int, ...]:
    return numbers_list(text, "--seeds")


@dataclass(frozen=True, kw_only=True)
class SourceChoice:
    """Where images come from."""

    source: str = option(
        "auto",
        "auto, phantom (made here), msd, busi or FILE.yaml",
        IMAGES,
        metavar="NAME",
    )
    data_root: Path | None = option(
        None, "folder of the published data set, or the folder around it", IMAGES, metavar="FOLDER"
    )
    busi_class: Literal["malignant", "benign", "both", "normal"] = option(
        "malignant", "of BUSI: malignant, benign, both or normal", IMAGES, metavar="CLASS"
    )
    allow_incomplete: bool = option(
        False, "use the cases that are there if some are missing", IMAGES
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions(SourceChoice):
    """What may be said of all runs of a suite at once. None: the preset or the method says it."""

    transform: str | None = option(
        None, "a classic transform, alone or with a method; see `doctor`", WHAT, metavar="NAME"
    )
    architecture: str = option(
        "attention-unet", "attention-unet, unet, ...; see `doctor`", WHAT, metavar="NAME"
    )
    ratio: int | None = option(None, "synthetic variants per real slice", WHAT, metavar="N")
    alpha: float | None = option(None, "share of real patches, 0 to 1", WHAT, metavar="SHARE")
    patch_size: int | None = option(
        None, "side of a merging patch, in pixels", WHAT, metavar="PIXELS"
    )
    folds: tuple[int, ...] | None = option(
        None,
        "all, or a list such as 0,1",
        WHAT,
        flag="--fold",
        metavar="LIST",
        default_text="all",
        parse=_folds,
    )
    seeds: tuple[int, ...] = option(
        (0,), "a list such as 3,4", WHAT, metavar="LIST", default_text="0", parse=_seeds
    )
    training_share: float = option(
        1.0, "share of the training cases in use, 0 to 1", WHAT, metavar="SHARE"
    )
    protocol: str = option(
        "rigorous", "the rules: rigorous, paper or released", WHAT, metavar="NAME"
    )
    # the command line's default depends on the device: `default_preset`
    preset: str = option(
        "smoke",
        "how big: smoke, compact or paper",
        WHAT,
        metavar="NAME",
        default_text="compact with a GPU, else smoke",
    )
    sets: tuple[str, ...] = option(
        (),
        "a rule or a number, as in epochs=40; may be repeated",
        WHAT,
        flag="--set",
        metavar="NAME=VALUE",
    )


@dataclass(frozen=True, kw_only=True)
class Request(RunOptions):
    """One `run` call: one method on one data set, for some folds and seeds. origin: the place in a
    file that asks for it, for messages; "" for the command line."""

    dataset: str = option(MISSING, "a data set; see `data list`", WHAT, metavar="NAME")
    method: str = option(
        MISSING, "none, classic, a generator or FILE.py:Class; see `doctor`", WHAT, metavar="NAME"
    )
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What a call does with its runs."""

    store: Path = option(Path("store"), "folder of all results", DONE, metavar="FOLDER")
    dry_run: bool = option(False, "print runs, stages and a forecast; compute nothing", DONE)
    force: tuple[str, ...] = option(
        (), "compute the stages of this name again; may be repeated", DONE, metavar="STAGE"
    )
    repeat: int = option(
        1, "compute everything N times and show how far it differs", DONE, metavar="N", least=1
    )
    save_predictions: Path | None = option(
        None, "also write the predicted masks here, as NIfTI or PNG", DONE, metavar="FOLDER"
    )
