"""A user's own images as a source, described by one small YAML file: 2D images with masks, or a
folder in MSD layout.

    dataset: breast                      # a built-in data set that they stand for, or a new name
    title: Ultrasound of our clinic
    licence: internal
    images: pictures                     # folders beside the YAML file
    masks: masks
    mask_suffix: _seg                    # pictures/p07_2.png belongs to masks/p07_2_seg.png
    group: ^(p\\d+)_                      # the patient, so that none crosses folds
    spacing_mm: [0.1, 0.1]               # row, column

Not here: the keys (folder_yaml), MSD layout (msd), several files as one source (joined).
"""

from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.text_files import plain_text
from benchmark.core.texts import some
from datasets.cases import Case, CaseInfo, checked_case, natural_key
from datasets.files import raster
from datasets.files.names import files_below, is_file, is_left_behind
from datasets.sources.base import (
    Source,
    SourceOptions,
    centres_of,
    pairing_problems,
    patients_alike,
)
from datasets.sources.folder_yaml import FolderSpec, read_folder_spec
from datasets.sources.id_expression import part_of_id
from datasets.sources.joined import JoinedSource
from datasets.sources.msd import MsdSource

# Images that are not read, where others of the folder are.
_OTHER_KINDS = (
    *(".gif", ".webp", ".jp2", ".jfif", ".jpe", ".heic", ".pgm", ".ppm", ".svg"),
    *(".dcm", ".nii", ".gz", ".mha", ".mhd", ".nrrd", ".npy", ".npz", ".mat"),
)


def open_folder(path: Path, options: SourceOptions) -> Source:
    """The source that the YAML file `path` describes. Raises InputError for what is wrong with the
    file or its images."""
    spec = read_folder_spec(path)
    if spec.place is None:
        return JoinedSource(spec, [_part(part, path, spec, options) for part in spec.parts])
    if isinstance(spec.place, tuple):
        return FolderSource(spec, *spec.place, options)
    return MsdSource(
        spec.task,
        spec.place,
        options,
        kind="folder",
        title=spec.title,
        licence=spec.licence,
        spacing_mm=spec.spacing_mm,
        group=part_of_id(spec.group, "group", path) if spec.group else None,
        centre=part_of_id(spec.centre, "centre", path) if spec.centre else None,
    )


def _part(part: Path, path: Path, whole: FolderSpec, options: SourceOptions) -> tuple[str, Source]:
    """(name, source) of a file that another one joins."""
    spec = read_folder_spec(part)
    if spec.parts:
        raise InputError(f"{path}: the part {part} is of parts itself; name those in its place.")
    if spec.task.name != whole.task.name:
        raise InputError(
            f"{path}: the part {part} is of the dataset {spec.task.name}, not {whole.task.name}."
        )
    return part.stem, open_folder(part, options)


class FolderSource(Source):
    """2D images and masks paired by name; cases in natural order of their ids."""

    kind = "folder"

    def __init__(self, spec: FolderSpec, images: Path, masks: Path, options: SourceOptions):
        self.task, self.title, self.licence = spec.task, spec.title, spec.licence
        self.notes = []
        self._spec, self._options = spec, options
        self._images, self._masks = self._paired(images, masks)
        group = (
            part_of_id(spec.group, "group", spec.title) if spec.group else lambda case_id: case_id
        )
        stratum = (
            part_of_id(spec.stratum, "stratum", spec.title)
            if spec.stratum
            else lambda case_id: None
        )
        centre = (
            part_of_id(spec.centre, "centre", spec.title) if spec.centre else lambda case_id: None
        )
        self._cases = [
            CaseInfo(
                name,
                group(name),
                stratum(name),
                (self._images[name].name, self._masks[name].name),
                centre(name),
            )
            for name in sorted(self._images, key=natural_key)
        ]
        if alike := patients_alike(self._cases):
            self.notes.append(f"{self.title}: {alike}.")
        if not spec.group:
            self.notes.append(
                f"{self.title}: no group is given, so every image counts as a patient of its own."
            )
        if spec.spacing_mm is None:
            self.notes.append(f"{self.title}: no spacing_mm is given, so distances are in pixels.")

    def _paired(self, pictures: Path, drawn: Path) -> tuple[dict[str, Path], dict[str, Path]]:
        """Images and masks by case id, of the folders of images and of masks."""
        spec = self._spec
        masks = _files(drawn, spec.mask_suffix)
        taken = set(masks.values()) if spec.mask_suffix else set()
        images = {
            name: path
            for name, path in _files(pictures, spec.image_suffix).items()
            if path not in taken
        }
        if not images:
            if taken:
                raise InputError(
                    f"{self.title}: all {len(taken)} images of {pictures} are masks by their ending"
                    f" {spec.mask_suffix}; check mask_suffix."
                )
            wanted = spec.image_suffix or ", ".join(raster.SUFFIXES)
            raise InputError(
                f"{self.title}: {pictures} holds no image ending in {wanted}"
                f"{_found_instead(pictures, drawn)}; check image_suffix."
            )
        whole = images.keys() & masks.keys()
        if problems := pairing_problems(images, masks):
            text = f"{self.title}: {problems}"
            if not whole or not self._options.allow_incomplete:
                further = (
                    f", or go on with the complete ones ({len(whole)}) by --allow-incomplete"
                    if whole
                    else ""
                )
                deeper = _found_instead(drawn, pictures) if not masks else ""
                raise InputError(
                    f"{text}{deeper}; check the folders, image_suffix and mask_suffix{further}."
                )
            self.notes.append(f"{text}; going on with the complete ones ({len(whole)}).")
        if others := _pictures_of_other_kinds(pictures):
            self.notes.append(
                f"{self.title}: {len(others)} files in {pictures} are of kinds that are not read"
                f" ({some(others)})."
            )
        if below := _images_below(pictures, drawn):
            self.notes.append(
                f"{self.title}: {len(below)} images in subfolders of {pictures} are not read"
                f" ({some([path.name for path in below])})."
            )
        return {name: images[name] for name in whole}, {name: masks[name] for name in whole}

    def cases(self) -> list[CaseInfo]:
        return list(self._cases)

    def load(self, case_id: str) -> Case:
        info = self.info(case_id)
        spacing = self._spec.spacing_mm
        return checked_case(
            info,
            raster.read_grey(self._images[case_id]),
            raster.read_labels(self._masks[case_id]),
            self._spec.labels,
            spacing=spacing or (1.0, 1.0, 1.0),
            spacing_unit="mm" if spacing else "px",
        )

    def fingerprint(self) -> str:
        files = {f"images/{path.name}": path for path in self._images.values()}
        files |= {f"masks/{path.name}": path for path in self._masks.values()}
        settings = {
            "cases": [[info.id, info.group, info.stratum] for info in self._cases],
            "spacing_mm": self._spec.spacing_mm and self._spec.spacing_mm[1:],
            "labels": self._spec.labels,
            "words": self.task.words,
            **centres_of(self._cases),
        }
        return self.fingerprint_with(files, settings, self._options.fingerprint_cache, "images/")

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        self.info(case_id)
        return raster.write_mask_png(mask, out)


def _files(folder: Path, suffix: str | None) -> dict[str, Path]:
    """Image files of a folder: name without `suffix` -> path. A suffix without a file type stands
    in front of any; None is the file type alone."""
    ending = plain_text(suffix or "")
    has_type = Path(ending).suffix.lower() in raster.SUFFIXES or ending.lower() in raster.SUFFIXES
    found: dict[str, Path] = {}
    for path in _entries(folder):
        name = plain_text(path.name if has_type else path.stem)
        raster.check_entry(path)
        if not raster.is_image_file(path) or not name.lower().endswith(ending.lower()):
            continue
        name = name[: len(name) - len(ending)]
        if name in found:
            raise InputError(
                f"{folder} holds two files for '{name}' ({found[name].name}, {path.name}); remove"
                f" one."
            )
        found[name] = path
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not is_left_behind(path))
    except OSError as error:
        raise InputError(
            f"cannot list {folder} ({error.strerror}); check its permissions."
        ) from error


def _pictures_of_other_kinds(folder: Path) -> list[str]:
    return [path.name for path in _entries(folder) if path.suffix.lower() in _OTHER_KINDS]


def _images_below(folder: Path, other: Path) -> list[Path]:
    """Images in subfolders, but for those of `other`."""
    return [
        path
        for path in files_below(folder)
        if raster.is_image_file(path) and other not in path.parents
    ]


def _found_instead(folder: Path, other: Path) -> str:
    """What a folder without images of its own holds, as a part of a sentence."""
    if deeper := _images_below(folder, other):
        return (
            f", but {len(deeper)} images lie in its subfolders"
            f" ({some(sorted({path.parent.name for path in deeper}))}): move them into one folder,"
            f" with the patient in their names"
        )
    kinds = {"".join(path.suffixes[-2:]) for path in _entries(folder) if is_file(path)} - {""}
    return f" (found: {some(sorted(kinds))} files)" if kinds else ""
