"""Folders of the Medical Segmentation Decathlon (dataset.json, imagesTr, labelsTr).

Reads the published tasks and any folder in the same layout. All labels of a case merge to one
foreground (of the prostate's two zones, Q31); of several channels the T2 image is taken. Not here:
NIfTI itself (nifti), folds, download.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Self

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.texts import some
from datasets.cases import Case, CaseInfo, checked_case
from datasets.files import nifti
from datasets.files.fingerprint import folder_fingerprint
from datasets.sources.base import PublishedSource, SourceOptions, fetch_command, not_found
from datasets.sources.msd_json import Description, Entry, read_description
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Release, Task


def _check_organ(task: Task, folder: Path, description: Description) -> None:
    """Raises InputError where name and labels speak of another built-in task and not of this one;
    a user's own task may have any name."""
    text = " ".join((description.name, *description.labels.values())).lower()
    if task.name in text or task.name not in TASKS:
        return
    for other in TASKS:
        if other in text:
            raise InputError(
                f"{folder} holds {other} cases ({description.name}), not {task.name}: --dataset"
                f" {other}."
            )


class MsdSource(PublishedSource):
    """Cases listed under "training" in dataset.json, in that order; every volume is one patient."""

    def __init__(
        self,
        task: Task,
        folder: Path,
        options: SourceOptions,
        *,
        kind: str = "msd",
        title: str | None = None,
        licence: str | None = None,
        spacing_mm: tuple[float, float, float] | None = None,
        group: Callable[[str], str] | None = None,
    ):
        """title ... group replace what dataset.json and the headers say (a user's YAML does so);
        spacing_mm (z, y, x); group: case id -> patient."""
        self.kind, self.task, self.folder = kind, task, folder
        self._options, self._spacing_mm = options, spacing_mm
        description = self._description = read_description(folder)
        _check_organ(task, folder, description)
        release = task.release if kind == "msd" else None
        published = release is not None and description.name == release.described_as
        self.title = title or (release.title if release and published else description.name)
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
        command = fetch_command(self.task, self.folder.parent)
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
        doubts = [geometry.doubt for geometry in geometries if geometry.doubt]
        if doubts:
            self.notes.append(
                f"{self.title}: headers contradict themselves ({len(doubts)} of {len(geometries)}"
                f" cases); in the first, {doubts[0]}."
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
            # A published source takes its words from the task.
            "words": self.task.words if self.kind == "folder" else None,
        }
        return folder_fingerprint(files, settings, self._options.fingerprint_cache)

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        return nifti.write_mask(mask, self.folder / self.info(case_id).files[0], out)

    @classmethod
    def find_folder(cls, release: Release, data_root: Path) -> Path | None:
        if (data_root / "dataset.json").is_file():
            return data_root
        published = data_root / release.folder
        return published if published.is_dir() else None

    @classmethod
    def open_at(cls, task: Task, data_root: Path, options: SourceOptions) -> Self:
        folder = cls.find_folder(task.published, data_root)
        if folder is None:
            raise not_found(task, data_root, "a dataset.json")
        return cls(task, folder, options)

    @classmethod
    def is_release(cls, release: Release, folder: Path) -> bool:
        return folder.resolve().name == release.folder

    @classmethod
    def lacks(cls, release: Release, folder: Path) -> str | None:
        try:
            entries = read_description(folder).training
        except InputError as error:
            return str(error)
        names = [name for entry in entries for name in (entry.image, entry.label)]
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            return f"{len(missing)} of {len(names)} files are missing ({some(missing)})."
        if len(entries) != len(release.cases):
            return f"dataset.json lists {len(entries)} cases, not {len(release.cases)}."
        return None

    @classmethod
    def counted(cls, release: Release) -> str:
        return str(len(release.cases))

    @classmethod
    def cases_of(
        cls, release: Release, title: str, ids: Collection[str] | None = None
    ) -> tuple[CaseInfo, ...] | None:
        if title != release.title:
            return None
        ids = release.cases if ids is None else ids
        if unknown := sorted(set(ids) - set(release.cases)):
            raise ValueError(f"{title} has no case '{unknown[0]}'.")
        return tuple(CaseInfo(name, name) for name in release.cases if name in ids)

    @classmethod
    def unreadable(cls, folder: Path) -> Iterator[str]:
        for path in sorted(folder.glob("*Tr/[!.]*.nii*")):
            try:
                nifti.read_geometry(path)
            except InputError as error:
                yield str(error)

    def unlike_published(self) -> Iterator[str]:
        release, training = self.task.release, self._description.training
        published = release is not None and self._description.name == release.described_as
        if release and published and len(training) != len(release.cases):
            yield (
                f"{self.title}: dataset.json lists {len(training)} cases; published are"
                f" {len(release.cases)}."
            )
        listed = {name for entry in training for name in (entry.image, entry.label)}
        for folder in ("imagesTr", "labelsTr"):
            present = sorted(
                f"{folder}/{path.name}" for path in (self.folder / folder).glob("[!.]*.nii*")
            )
            extra = [name for name in present if name not in listed]
            if extra:
                yield (
                    f"{self.title}: {len(extra)} files are not listed in dataset.json and not read"
                    f" ({some(extra)})."
                )

    def doubts(self, case: Case) -> Iterator[str]:
        image, label = (nifti.read_header(self.folder / name) for name in case.info.files)
        if (distance := nifti.distance_apart(label, image)) > nifti.SAME_GRID:
            yield f"by their headers, image and label lie {distance:.2g} voxels apart."
