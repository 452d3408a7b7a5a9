"""What a source of images is, and the sentences for data that is not found."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.registry import did_you_mean
from datasets.cases import Case, CaseInfo, some
from datasets.prompts import join_triplet, triplet

BUSI_CLASSES = ("malignant", "benign", "both", "normal")


# The real source of each dataset, and the folder it is published in.
REAL_SOURCES = {"prostate": "msd", "spleen": "msd", "breast": "busi"}


PUBLISHED_FOLDERS = {
    "prostate": "Task05_Prostate",
    "spleen": "Task09_Spleen",
    "breast": "Dataset_BUSI_with_GT",
}


@dataclass(frozen=True)
class SourceOptions:
    """Choices that open a source: the BUSI subset, whether missing cases are tolerated, and where
    file digests are cached (a JSON file, or None)."""

    busi_class: Literal["malignant", "benign", "both", "normal"] = "malignant"
    allow_incomplete: bool = False
    fingerprint_cache: Path | None = None


class Source(ABC):
    """The cases of one dataset from one place.

    kind: "msd", "busi", "phantom" or "folder"; dataset: "prostate", "spleen" or "breast"; title:
    the name shown with every result; licence; notes: sentences the user must read once, such as
    "distances are in voxels".
    """

    kind: str
    dataset: str
    title: str
    licence: str
    notes: list[str]

    @abstractmethod
    def cases(self) -> list[CaseInfo]:
        """All cases, in the source's own order (that of dataset.json for MSD)."""

    @abstractmethod
    def load(self, case_id: str) -> Case:
        """The pixels of one case, checked. Raises InputError for an unknown case and for damaged
        files."""

    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 hex of the content, independent of where the folder lies."""

    @abstractmethod
    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        """Writes a mask uint8 (z, y, x) as the case's own kind of file (NIfTI, or PNG for 2D);
        returns its path."""

    def triplet(self) -> tuple[str, str, str]:
        """(modality, organ, category) of this source's prompts."""
        return triplet(self.dataset)

    def prompt(self, info: CaseInfo) -> str:
        """The prompt of a case, such as "ultrasound, breast, malignant lesion"."""
        return join_triplet(self.triplet(), info.stratum)

    def info(self, case_id: str) -> CaseInfo:
        """The case called `case_id`. Raises InputError for an unknown one."""
        by_id = {info.id: info for info in self.cases()}
        if case_id not in by_id:
            raise InputError(
                f"{self.title} holds no case '{case_id}'{did_you_mean(case_id, by_id)}."
            )
        return by_id[case_id]


def fetch_command(dataset: str, data_root: Path | None = None) -> str:
    """The command that downloads a dataset, as the messages print it."""
    return (
        f"`python cli.py data fetch {dataset} --data-root"
        f" {data_root if data_root is not None else 'DIR'}`"
    )


def not_found(dataset: str, data_root: Path, alternative: str) -> InputError:
    """The error of a data root that holds neither the published folder nor `alternative`: says what
    was found."""
    folder = PUBLISHED_FOLDERS[dataset]
    deeper = _one_level_down(dataset, data_root)
    if deeper is not None:
        return InputError(f"{data_root} holds {folder} one level down; use --data-root {deeper}.")
    entries = sorted(path.name for path in data_root.iterdir())
    return InputError(
        f"{data_root} holds neither {folder} nor {alternative} (found:"
        f" {some(entries) if entries else 'nothing'}); give"
        f" --data-root the folder that holds {folder}, or download it with"
        f" {fetch_command(dataset, data_root)}."
    )


def _one_level_down(dataset: str, data_root: Path) -> Path | None:
    """The subfolder of `data_root` that would be the right data root."""
    found = sorted(
        path.parent for path in data_root.glob(f"*/{PUBLISHED_FOLDERS[dataset]}") if path.is_dir()
    )
    return found[0] if found else None
