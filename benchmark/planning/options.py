"""What `run` and `suite` ask for, as dataclasses whose fields are the options of the command line.

A new option is one line here (or in stages/execution.py, for how it is computed). This module
imports nothing heavy, so that `--help` answers at once. Not here: what the values mean for a run
(request.py), how typer is told (terminal/typer_options.py).
"""

import json
import re
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Literal

from benchmark.core.errors import InputError
from benchmark.core.options import option
from benchmark.core.texts import one_line

# The panels of `--help`, in this order; ENGINE is in stages/execution.py.
WHAT = "What"
METHOD = "Method"
DATA = "Data"
RULES = "Rules"
OUTPUT = "Output"
LEAST_LIMIT = 6  # cases of a quick look: two for each fold of every preset


def numbers_list(text: str, flag: str) -> tuple[int, ...]:
    """'3,4' -> (3, 4). Raises InputError naming the option."""
    parts = text.split(",")
    if not all(re.fullmatch(r" *[+-]?[0-9]{1,30} *", part) for part in parts):
        shown = one_line(text if len(text) <= 60 else f"{text[:60]}...")
        raise InputError(f"{flag} {shown} is not a list of whole numbers such as 0,1,2.")
    return tuple(map(int, parts))


def _folds(text: str) -> tuple[int, ...] | None:
    return None if text == "all" else numbers_list(text, "--fold")


def _seeds(text: str) -> tuple[int, ...]:
    return numbers_list(text, "--seeds")


@dataclass(frozen=True, kw_only=True)
class SourceChoice:
    """Where images come from."""

    source: str = option(
        "auto",
        "auto (default), phantom, msd, busi, YAML",
        DATA,
        metavar="NAME",
    )
    data_root: Path | None = option(
        None, "folder of the data, or the one around it", DATA, metavar="FOLDER"
    )
    busi_class: Literal["malignant", "benign", "both", "normal"] = option(
        "malignant", "of BUSI: malignant (default), both, ...", DATA, metavar="CLASS"
    )
    allow_incomplete: bool = option(False, "go on with the cases that are there", DATA)
    limit: int | None = option(
        None, "a quick look at N cases: no result", DATA, metavar="N", least=LEAST_LIMIT
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions(SourceChoice):
    """What may be said of all runs of a suite at once. None: the preset or the method says it."""

    transform: str | None = option(
        None, "classic transform, alone or with a method", WHAT, metavar="NAME"
    )
    architecture: str = option(
        "attention-unet",
        "attention-unet (default), unet, resunet, ...",
        WHAT,
        metavar="NAME",
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
    # the command line's default depends on the device: `default_preset`
    preset: str = option(
        "smoke",
        "smoke, compact (default with a GPU) or paper",
        WHAT,
        metavar="NAME",
    )
    ratio: int | None = option(None, "synthetic variants per real slice", METHOD, metavar="N")
    alpha: float | None = option(None, "share of real patches, 0 to 1", METHOD, metavar="SHARE")
    patch_size: int | None = option(
        None, "side of a merging patch, in pixels", METHOD, metavar="PIXELS"
    )
    match_compute: str | None = option(
        None,
        "none, classic: train for the measured hours of this method's generator too",
        METHOD,
        metavar="METHOD",
    )
    training_share: float = option(
        1.0, "training cases in use, 1 (default) = all", DATA, metavar="SHARE"
    )
    protocol: str = option(
        "rigorous", "rigorous (default), paper or released", RULES, metavar="NAME"
    )
    sets: tuple[str, ...] = option(
        (),
        "a rule or a number; see `list settings`",
        RULES,
        flag="--set",
        metavar="NAME=VALUE",
    )


@dataclass(frozen=True, kw_only=True)
class Request(RunOptions):
    """One `run` call: one method on one data set, for some folds and seeds. origin: the place in a
    file that asks for it, for messages; "" for the command line."""

    dataset: str = option(MISSING, "see `list datasets`", WHAT, metavar="NAME")
    method: str = option(MISSING, "FILE.py:Class or `list methods`", WHAT, metavar="NAME")
    origin: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """`--method folder:FOLDER` is the method of that name with one setting."""
        name, colon, value = self.method.partition(":")
        if not colon:
            return
        from baselines.generators.catalogue import generators

        cls = generators().get(name)
        if cls is not None and cls.takes:
            # in quotes, YAML reads all as text
            given = f"generator.{cls.takes}={json.dumps(value)}"
            object.__setattr__(self, "method", name)
            object.__setattr__(self, "sets", (*self.sets, given))


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What a call does with its runs."""

    store: Path = option(Path("store"), "folder of all results", OUTPUT, metavar="FOLDER")
    dry_run: bool = option(False, "print runs, stages and a forecast alone", OUTPUT)
    force: tuple[str, ...] = option(
        (), "compute the stages of this name again", OUTPUT, metavar="STAGE"
    )
    repeat: int = option(1, "do all so often and compare (default 1)", OUTPUT, metavar="N", least=1)
    save_predictions: Path | None = option(
        None, "write predicted masks too, NIfTI or PNG", OUTPUT, metavar="FOLDER"
    )
