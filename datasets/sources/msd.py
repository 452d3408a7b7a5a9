"""Folders of the Medical Segmentation Decathlon (dataset.json, imagesTr, labelsTr).

Reads the published tasks and any folder in the same layout. All labels of a case merge to one
foreground (of the prostate's two zones, Q31); of several channels the T2 image is taken. Not here:
NIfTI itself (nifti), folds, download.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.texts import some
from datasets.cases import Case, CaseInfo, checked_case
from datasets.files import nifti
from datasets.files.names import as_on_disk
from datasets.sources.base import (
    PublishedSource,
    SourceOptions,
    centres_of,
    fetch_command,
    not_found,
    own_title,
    patients_alike,
)
from datasets.sources.msd_json import Description, Entry, read_description, stem_of
from datasets.sources.msd_layout import found_instead
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


def _is_published(description: Description, release: Release) -> bool:
    """Whether the cases are those of the release, or a part of them: name and case ids say it."""
    known = description.name in (release.described_as, release.title)
    return known and {entry.id for entry in description.training} <= set(release.cases)


def subset_title(release: Release, present: int) -> str:
    """'MSD Task05_Prostate', or 'MSD Task05_Prostate (6 of 32 cases)'."""
    total = len(release.cases)
    return release.title if present == total else f"{release.title} ({present} of {total} cases)"


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
        centre: Callable[[str], str] | None = None,
    ):
        """title ... centre replace what dataset.json and the headers say (a user's YAML does so);
        spacing_mm (z, y, x); group: case id -> patient; centre: case id -> where it was taken."""
        self.kind, self.task, self.folder = kind, task, folder
        self._options, self._spacing_mm = options, spacing_mm
        description = self._description = read_description(folder)
        _check_organ(task, folder, description)
        self.licence = licence or description.licence
        self.notes = []
        release = task.release if kind == "msd" else None
        self._release = release if release and _is_published(description, release) else None
        self.title = title or (
            self._release.title if self._release else own_title(description.name)
        )
        self._entries = {entry.id: entry for entry in self._present(description)}
        if self._release:
            self.title = subset_title(self._release, len(self._entries))
        elif release and description.name == release.described_as:
            self.notes.append(
                f"{self.title}: the name in dataset.json is that of {release.title}, but the cases"
                f" are not; their results are never called by it."
            )
        self._group = group or (lambda case_id: case_id)
        self._centre: Callable[[str], str | None] = centre or (lambda case_id: None)
        self._channel = self._choose_channel(description)
        self._foreground = sorted(description.labels)
        if len(self._foreground) > 1:
            names = ", ".join(
                f"{value} = {description.labels[value]}" for value in self._foreground
            )
            self.notes.append(f"{self.title}: the labels {names} are merged to one foreground.")
        self._note_headers()
        self._note_patients()

    def _present(self, description: Description) -> list[Entry]:
        """The entries whose files exist, with the names as the folder spells them; raises
        InputError where some lack and incompleteness is not allowed."""
        entries = [
            replace(entry, image=self._on_disk(entry.image), label=self._on_disk(entry.label))
            for entry in description.training
        ]
        whole = [entry for entry in entries if self._is_whole(entry)]
        if len(whole) == len(entries):
            return whole
        problems, instead = [], ""
        for what in ("image", "label"):
            names = [getattr(entry, what) for entry in entries]
            if missing := [name for name in names if not (self.folder / name).is_file()]:
                listed = some([stem_of(name) for name in missing])
                problems.append(f"{len(missing)} of {len(names)} {what}s are missing ({listed})")
                instead = instead or found_instead(self.folder, missing[0])
        text = f"{self.title} in {self.folder}: {' and '.join(problems)}"
        if self._options.allow_incomplete and whole:
            self.notes.append(f"{text}; going on with the complete ones ({len(whole)}).")
            return whole
        command = fetch_command(self.task, self.folder.parent)
        remedy = f"download them with {command}" if self._release else "restore them"
        remedy = instead or remedy
        if whole:
            remedy += f", or go on with the complete ones ({len(whole)}) by --allow-incomplete"
        raise InputError(f"{text}; {remedy}.")

    def _on_disk(self, name: str) -> str:
        return as_on_disk(self.folder / name).relative_to(self.folder).as_posix()

    def _is_whole(self, entry: Entry) -> bool:
        return (self.folder / entry.image).is_file() and (self.folder / entry.label).is_file()

    def _choose_channel(self, description: Description) -> int:
        names = description.channels
        # "T2" and "T2w" go before "T2*" and "T2-FLAIR", which are other images.
        likely = [i for i, name in enumerate(names) if re.fullmatch(r"T2([ _-]?w.*)?", name, re.I)]
        likely += [i for i, name in enumerate(names) if "T2" in name.upper()]
        channel = (likely or [0])[0]
        self._announced = max(1, len(names))
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
        more = [one.channels for one in geometries if one.channels > self._announced]
        if more:
            self.notes.append(
                f"{self.title}: {len(more)} of {len(geometries)} images have more channels (up to"
                f" {max(more)}) than dataset.json announces ({self._announced}); only channel"
                f" {self._channel} is read."
            )
        fewer = [one.channels for one in geometries if one.channels < self._announced]
        if fewer:
            self.notes.append(
                f"{self.title}: {len(fewer)} of {len(geometries)} images have fewer channels (down"
                f" to {min(fewer)}) than dataset.json announces ({self._announced}); channel"
                f" {self._channel} of those that are there is read."
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

    def _note_patients(self) -> None:
        """Says which patients may be one."""
        if alike := patients_alike(self.cases()):
            self.notes.append(f"{self.title}: {alike}.")
        users: dict[str, list[CaseInfo]] = {}
        for info in self.cases():
            users.setdefault(info.files[1], []).append(info)
        shared = [infos for infos in users.values() if len({info.group for info in infos}) > 1]
        if shared:
            listed = some([" = ".join(info.id for info in infos) for infos in shared])
            self.notes.append(
                f"{self.title}: some cases have one label file, but count as different patients"
                f" ({listed})."
            )

    def cases(self) -> list[CaseInfo]:
        return [
            CaseInfo(
                entry.id,
                self._group(entry.id),
                None,
                (entry.image, entry.label),
                self._centre(entry.id),
            )
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
        for info in self.cases():  # before anything runs: each label belongs to its image
            nifti.check_label(*(self.folder / name for name in reversed(info.files)))
        files = {name: self.folder / name for info in self.cases() for name in info.files}
        settings = {
            "cases": [[info.id, info.group] for info in self.cases()],
            "channel": self._channel,
            "foreground": self._foreground,
            "spacing_mm": self._spacing_mm,
            # A published source takes its words from the task.
            "words": self.task.words if self.kind == "folder" else None,
            **centres_of(self.cases()),
        }
        return self.fingerprint_with(files, settings, self._options.fingerprint_cache)

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
            raise not_found(task, data_root, "a dataset.json", cls)
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
        if ids is None:
            ids = release.cases if title == release.title else ()
        if not ids or release.title not in (title, title.partition(" (")[0]):
            return None
        if unknown := sorted(set(ids) - set(release.cases)):
            raise ValueError(f"{title} has no case '{unknown[0]}'.")
        if (expected := subset_title(release, len(set(ids)))) not in (title, release.title):
            raise ValueError(
                f"the records list the cases of '{expected}', but their source is called '{title}'."
            )
        return tuple(CaseInfo(name, name) for name in release.cases if name in ids)

    @classmethod
    def unreadable(cls, folder: Path) -> Iterator[str]:
        for path in sorted(folder.glob("*Tr/[!.]*.nii*")):
            try:
                nifti.read_geometry(path)
            except InputError as error:
                yield str(error)

    def unlike_published(self) -> Iterator[str]:
        release, training = self._release, self._description.training
        if release and len(training) != len(release.cases):
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
