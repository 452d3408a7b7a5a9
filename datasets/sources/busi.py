"""Folders in the layout of BUSI (Al-Dhabyani et al. 2020): one folder per class, PNG images of
differing sizes with masks.

"malignant (1).png" belongs to "malignant (1)_mask.png"; further masks "_mask_1", "_mask_2" of one
image are joined. The subset is always named in the title, because the paper's own 147 images match
no class of BUSI (Q30). Not here: reading PNG (raster).
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Self

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.text_files import plain_text
from benchmark.core.texts import some
from datasets.cases import Case, CaseInfo, checked_case, natural_key
from datasets.files import raster
from datasets.sources.base import (
    BOTH,
    BUSI_CLASSES,
    PublishedSource,
    SourceOptions,
    fetch_command,
    not_found,
    own_title,
    pairing_problems,
)
from datasets.tasks.task import Release, Task

CLASSES = tuple(name for name in BUSI_CLASSES if name != BOTH)
LESIONS = ("malignant", "benign")
_MASK = re.compile(r"(?P<image>.+)_mask(_\d+)?$")
_TITLE = re.compile(
    rf"(?P<release>.+) \((?P<subset>{' and '.join(LESIONS)}|{'|'.join(CLASSES)})"
    r"(?P<part>, \d{1,3} of \d{3} images)?\)"
)


class BusiSource(PublishedSource):
    """Cases of one class, or of both lesion classes; ids such as "malignant (1)", stratum = the
    class, spacing 1 px."""

    kind = "busi"
    subsets = BUSI_CLASSES

    def __init__(self, task: Task, folder: Path, options: SourceOptions):
        release = task.published
        self.task, self.folder, self._options = task, folder, options
        self.licence, self.notes = release.licence, []
        classes = _classes(options.busi_class)
        published = _images(release)
        self._cases = {info.id: info for name in classes for info in self._of_class(name)}
        counts = {
            name: sum(info.stratum == name for info in self._cases.values()) for name in classes
        }
        self.title = subset_title(release, options.busi_class, counts)
        own = sorted(self._cases.keys() - set(release.cases), key=natural_key)
        if own:
            where = f"{self._root().resolve().name}, {' and '.join(classes)}"
            self.title, self.licence = own_title(where), "not stated"
            self.notes.append(
                f"{self.title}: {len(own)} of {len(self._cases)} images are none of the published"
                f" ones of {release.title} ({some(own)})."
            )
        for name, count in counts.items():
            if count != published[name] and not own:
                self.notes.append(
                    f"{release.title}: {count} of the {published[name]} published {name} images"
                    f" are here."
                )
        self.notes.append(
            f"{self.title if own else release.title}: patients and pixel sizes are not recorded, so"
            f" every image counts as a patient of its own and distances are in pixels."
        )

    def _of_class(self, name: str) -> list[CaseInfo]:
        directory = self.folder / name
        if not directory.is_dir():
            raise InputError(
                f"{self.folder} holds no folder '{name}'; expected: {', '.join(CLASSES)}."
            )
        images: dict[str, str] = {}
        masks: dict[str, list[str]] = {}
        for path in directory.iterdir():
            if path.suffix.lower() != ".png" or not raster.is_image_file(path):
                continue
            stem = plain_text(path.stem)
            match = _MASK.match(stem)
            if match:
                masks.setdefault(match["image"], []).append(path.name)
            else:
                images[stem] = path.name
        whole = sorted(images.keys() & masks.keys(), key=natural_key)
        self._check_pairs(directory, images, masks, whole)
        return [
            CaseInfo(
                stem,
                stem,
                name,
                tuple(f"{name}/{file}" for file in (images[stem], *sorted(masks[stem]))),
            )
            for stem in whole
        ]

    def _check_pairs(self, directory: Path, images: dict, masks: dict, whole: list[str]) -> None:
        problems, name = pairing_problems(images, masks), self.task.published.title
        if not problems and whole:
            return
        if not whole:
            why = problems or "no PNG images found"
            raise InputError(
                f"{name} in {directory}: no image with a mask ({why});"
                f" download {name} with {fetch_command(self.task, self._root())}."
            )
        text = f"{name} in {directory}: {problems}"
        if not self._options.allow_incomplete:
            raise InputError(
                f"{text}; restore the files with {fetch_command(self.task, self._root())}, or go"
                f" on with the complete ones ({len(whole)}) by --allow-incomplete."
            )
        self.notes.append(f"{text}; going on with the complete ones ({len(whole)}).")

    def _root(self) -> Path:
        published = self.folder.name == self.task.published.folder
        return self.folder.parent if published else self.folder

    def cases(self) -> list[CaseInfo]:
        return list(self._cases.values())

    def load(self, case_id: str) -> Case:
        info = self.info(case_id)
        image = raster.read_grey(self.folder / info.files[0])
        labels = np.zeros(image.shape, dtype=np.uint8)
        for name in info.files[1:]:
            # Each file alone: masks of one image may differ in how they store their foreground.
            part = checked_case(
                CaseInfo(info.id, info.group, info.stratum, (info.files[0], name)),
                image,
                raster.read_labels(self.folder / name),
                None,
                spacing=(1.0, 1.0, 1.0),
                spacing_unit="px",
            )
            labels |= part.mask
        return Case(info, image, labels, (1.0, 1.0, 1.0), "px")

    def fingerprint(self) -> str:
        files = {name: self.folder / name for info in self.cases() for name in info.files}
        return self.fingerprint_with(
            files, {"cases": [info.id for info in self.cases()]}, self._options.fingerprint_cache
        )

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        self.info(case_id)
        return raster.write_mask_png(mask, out)

    @classmethod
    def find_folder(cls, release: Release, data_root: Path) -> Path | None:
        for folder in (data_root, data_root / release.folder):
            if any((folder / name).is_dir() for name in CLASSES):
                return folder
        return None

    @classmethod
    def open_at(cls, task: Task, data_root: Path, options: SourceOptions) -> Self:
        folder = cls.find_folder(task.published, data_root)
        if folder is None:
            raise not_found(task, data_root, f"the class folders {', '.join(CLASSES)}", cls)
        return cls(task, folder, options)

    @classmethod
    def lacks(cls, release: Release, folder: Path) -> str | None:
        few = []
        for name, count in _images(release).items():
            stems = {path.stem for path in (folder / name).glob("*.png")}
            present = sum(f"{stem}_mask" in stems for stem in stems)
            few += [f"{present} of {count} {name}"] if present < count else []
        return f"it holds {', '.join(few)} images with masks." if few else None

    @classmethod
    def counted(cls, release: Release) -> str:
        return ", ".join(f"{count} {name}" for name, count in _images(release).items())

    @classmethod
    def cases_of(
        cls, release: Release, title: str, ids: Collection[str] | None = None
    ) -> tuple[CaseInfo, ...] | None:
        found = _TITLE.fullmatch(title)
        if found is None or found["release"] != release.title:
            if ids is None:
                return None
            raise ValueError(f"'{title}' is no subset of {release.title}.")
        classes = found["subset"].split(" and ")
        possible = [name for name in release.cases if _class_of(name) in classes]
        if ids is None:
            return None if found["part"] else tuple(map(_case, possible))
        if unknown := [name for name in ids if name not in set(possible)]:
            raise ValueError(f"{title} holds no image '{unknown[0]}'.")
        listed = [name for name in possible if name in ids]
        counts = {name: sum(_class_of(case) == name for case in listed) for name in classes}
        expected = subset_title(release, busi_class_of(title) or "", counts)
        if expected != title:
            raise ValueError(
                f"the records list the cases of '{expected}', but their source is called '{title}'."
            )
        return tuple(map(_case, listed))

    def unlike_published(self) -> Iterator[str]:
        published = _images(self.task.published)
        for name, count in Counter(info.stratum for info in self.cases()).items():
            if name is not None and count > published[name]:
                yield (
                    f"{self.title}: {count} {name} images, more than the {published[name]}"
                    f" published."
                )


def subset_title(release: Release, busi_class: str, counts: Mapping[str, int]) -> str:
    """'BUSI (malignant)', or 'BUSI (malignant, 147 of 210 images)'; counts: images that are there,
    per class of the subset."""
    images, subset = _images(release), " and ".join(_classes(busi_class))
    published, present = sum(images[name] for name in counts), sum(counts.values())
    part = "" if present == published else f", {present} of {published} images"
    return f"{release.title} ({subset}{part})"


def busi_class_of(title: str) -> str | None:
    """The option --busi-class that gives a source of this title; None for a title that
    `subset_title` does not make."""
    found = _TITLE.fullmatch(title)
    return None if found is None else BOTH if " and " in found["subset"] else found["subset"]


def _classes(busi_class: str) -> tuple[str, ...]:
    return LESIONS if busi_class == BOTH else (busi_class,)


def _images(release: Release) -> Mapping[str, int]:
    """How many images each class of the release has."""
    return Counter(_class_of(name) for name in release.cases)


def _class_of(case_id: str) -> str:
    return case_id.partition(" ")[0]


def _case(name: str) -> CaseInfo:
    return CaseInfo(name, name, _class_of(name))
