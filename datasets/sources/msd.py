"""Medical Segmentation Decathlon folders (dataset.json, imagesTr, labelsTr): prostate MRI and
spleen CT.

Reads the two published tasks and any folder in the same layout. All labels of a case merge to one
foreground (Task05: peripheral + transitional zone = whole prostate, Q31); of several channels the
T2 image is taken. Not here: NIfTI itself (nifti), folds, download.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from datasets.cases import Case, CaseInfo, checked_case, some
from datasets.files import nifti
from datasets.files.fingerprint import folder_fingerprint
from datasets.sources.base import PUBLISHED_FOLDERS, Source, SourceOptions, fetch_command, not_found
from datasets.sources.msd_json import Description, Entry, read_description

# The "name" of the published dataset.json, and its number of training cases.
PUBLISHED_NAMES = {"prostate": "PROSTATE", "spleen": "Spleen"}
PUBLISHED_CASES = {"prostate": 32, "spleen": 41}


def find_folder(dataset: str, data_root: Path) -> Path | None:
    """The task's folder: `data_root` itself if it holds a dataset.json, or the published folder in
    it, or None."""
    if (data_root / "dataset.json").is_file():
        return data_root
    published = data_root / PUBLISHED_FOLDERS[dataset]
    return published if published.is_dir() else None


def open_msd(dataset: str, data_root: Path, options: SourceOptions) -> "MsdSource":
    """The MSD source under `data_root`. Raises InputError where the folder is absent or holds
    another organ."""
    folder = find_folder(dataset, data_root)
    if folder is None:
        raise not_found(dataset, data_root, "a dataset.json")
    return MsdSource(dataset, folder, options)


def _check_organ(dataset: str, folder: Path, description: Description) -> None:
    """Raises InputError where name and labels speak of another dataset's organ and not of this
    one's."""
    text = " ".join((description.name, *description.labels.values())).lower()
    for other in PUBLISHED_NAMES:
        if other != dataset and other in text and dataset not in text:
            raise InputError(
                f"{folder} holds {other} cases ({description.name}), not {dataset}: --dataset"
                f" {other}."
            )


class MsdSource(Source):
    """Cases listed under "training" in dataset.json, in that order; every volume is one patient."""

    def __init__(
        self,
        dataset: str,
        folder: Path,
        options: SourceOptions,
        *,
        kind: str = "msd",
        title: str | None = None,
        licence: str | None = None,
        spacing_mm: tuple[float, float, float] | None = None,
        group: Callable[[str], str] | None = None,
        words: tuple[str, str, str] | None = None,
    ):
        """title ... words replace what dataset.json and the headers say (a user's YAML does so);
        spacing_mm (z, y, x); group: case id -> patient; words: the triplet of the prompts."""
        self.kind, self.dataset, self.folder = kind, dataset, folder
        self._options, self._spacing_mm, self._words = options, spacing_mm, words
        description = read_description(folder)
        _check_organ(dataset, folder, description)
        published = kind == "msd" and description.name == PUBLISHED_NAMES[dataset]
        self.title = title or (
            f"MSD {PUBLISHED_FOLDERS[dataset]}" if published else description.name
        )
        self.licence = licence or description.licence
        self.notes = []
        self._entries = {entry.id: entry for entry in self._present(description, published)}
        self._group = group or (lambda case_id: case_id)
        self._channel = self._choose_channel(description)
        self._foreground = sorted(description.labels)
        if len(self._foreground) > 1:
            names = ", ".join(
                f"{value} = {description.labels[value]}" for value in self._foreground
            )
            self.notes.append(f"{self.title}: the labels {names} are merged to one foreground.")
        self._note_headers()

    def _present(self, description: Description, published: bool) -> list[Entry]:
        """The entries whose files exist; raises InputError where some lack and incompleteness is
        not allowed."""
        whole = [entry for entry in description.training if self._is_whole(entry)]
        if len(whole) == len(description.training):
            return whole
        total = len(description.training)
        problems = []
        for what in ("image", "label"):
            missing = [
                entry.id
                for entry in description.training
                if not (self.folder / getattr(entry, what)).is_file()
            ]
            if missing:
                problems.append(f"{len(missing)} of {total} {what}s are missing ({some(missing)})")
        text = f"{self.title} in {self.folder}: {' and '.join(problems)}"
        if self._options.allow_incomplete and whole:
            self.notes.append(f"{text}; going on with the complete ones ({len(whole)}).")
            return whole
        command = fetch_command(self.dataset, self.folder.parent)
        remedy = f"download them with {command}" if published else "restore them"
        if whole:
            remedy += f", or go on with the complete ones ({len(whole)}) by --allow-incomplete"
        raise InputError(f"{text}; {remedy}.")

    def _is_whole(self, entry: Entry) -> bool:
        return (self.folder / entry.image).is_file() and (self.folder / entry.label).is_file()

    def _choose_channel(self, description: Description) -> int:
        names = description.channels
        channel = next((index for index, name in enumerate(names) if "T2" in name.upper()), 0)
        if len(names) > 1:
            self.notes.append(
                f"{self.title}: of the channels {', '.join(names)} only {names[channel]} is used."
            )
        return channel

    def _note_headers(self) -> None:
        """Says once what the headers leave out."""
        geometries = [
            nifti.read_geometry(self.folder / entry.image) for entry in self._entries.values()
        ]
        unknown_spacing = sum(geometry.spacing_unit == "voxel" for geometry in geometries)
        if unknown_spacing and self._spacing_mm is None:
            self.notes.append(
                f"{self.title}: the voxel spacing is not recorded ({unknown_spacing} of"
                f" {len(geometries)} cases), so"
                " distances are in voxels, not mm."
            )
        assumed = sorted(
            {geometry.orientation for geometry in geometries if not geometry.orientation_recorded}
        )
        if assumed:
            count = sum(not geometry.orientation_recorded for geometry in geometries)
            self.notes.append(
                f"{self.title}: the orientation is not recorded ({count} of {len(geometries)}"
                f" cases); the stored axes"
                f" are taken as {' or '.join(assumed)}."
            )

    def cases(self) -> list[CaseInfo]:
        return [
            CaseInfo(entry.id, self._group(entry.id), None, (entry.image, entry.label))
            for entry in self._entries.values()
        ]

    def load(self, case_id: str) -> Case:
        info = self.info(case_id)
        image_path, label_path = self.folder / info.files[0], self.folder / info.files[1]
        geometry = nifti.read_geometry(image_path)
        if self._channel >= geometry.channels:
            raise InputError(
                f"{image_path} has {geometry.channels} channels, but dataset.json announces"
                f" channel {self._channel};"
                " correct one of them."
            )
        return checked_case(
            info,
            nifti.read_volume(image_path, self._channel),
            nifti.read_labels(label_path, image_path),
            self._foreground,
            spacing=self._spacing_mm or geometry.spacing,
            spacing_unit="mm" if self._spacing_mm else geometry.spacing_unit,
            affine=geometry.affine,
            orientation=geometry.orientation,
        )

    def fingerprint(self) -> str:
        files = {name: self.folder / name for info in self.cases() for name in info.files}
        settings = {
            "cases": [[info.id, info.group] for info in self.cases()],
            "channel": self._channel,
            "foreground": self._foreground,
            "spacing_mm": self._spacing_mm,
            "words": self._words,
        }
        return folder_fingerprint(files, settings, self._options.fingerprint_cache)

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        return nifti.write_mask(mask, self.folder / self.info(case_id).files[0], out)

    def triplet(self) -> tuple[str, str, str]:
        return self._words or super().triplet()
