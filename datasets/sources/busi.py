"""BUSI breast ultrasound (Al-Dhabyani et al. 2020): one folder per class, PNG images of differing
sizes with masks.

"malignant (1).png" belongs to "malignant (1)_mask.png"; further masks "_mask_1", "_mask_2" of one
image are joined. The subset is always named in the title, because the paper's own 147 images match
no class of BUSI (Q30). Not here: reading PNG (raster).
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from datasets.cases import Case, CaseInfo, checked_case, natural_key, some
from datasets.files import raster
from datasets.files.fingerprint import folder_fingerprint
from datasets.sources.base import PUBLISHED_FOLDERS, Source, SourceOptions, fetch_command, not_found

# Images per class of the published dataset.
PUBLISHED = {"malignant": 210, "benign": 437, "normal": 133}
LICENCE = "CC BY 4.0"
_MASK = re.compile(r"(?P<image>.+)_mask(_\d+)?$")
_TITLE = re.compile(r"BUSI \((malignant and benign|malignant|benign|normal)")


def find_folder(dataset: str, data_root: Path) -> Path | None:
    """The folder with the class folders: `data_root` itself or the published folder in it, or
    None."""
    for folder in (data_root, data_root / PUBLISHED_FOLDERS["breast"]):
        if any((folder / name).is_dir() for name in PUBLISHED):
            return folder
    return None


def open_busi(dataset: str, data_root: Path, options: SourceOptions) -> "BusiSource":
    """The BUSI source under `data_root`. Raises InputError where no class folder is found."""
    folder = find_folder(dataset, data_root)
    if folder is None:
        raise not_found(dataset, data_root, f"the class folders {', '.join(PUBLISHED)}")
    return BusiSource(folder, options)


class BusiSource(Source):
    """Cases of one class, or of both lesion classes; ids such as "malignant (1)", stratum = the
    class, spacing 1 px."""

    kind = "busi"
    dataset = "breast"
    licence = LICENCE

    def __init__(self, folder: Path, options: SourceOptions):
        self.folder, self._options = folder, options
        self.notes = []
        classes = ("malignant", "benign") if options.busi_class == "both" else (options.busi_class,)
        self._cases = {info.id: info for name in classes for info in self._of_class(name)}
        counts = {
            name: sum(info.stratum == name for info in self._cases.values()) for name in classes
        }
        self.title = subset_title(options.busi_class, counts)
        for name, count in counts.items():
            if count != PUBLISHED[name]:
                self.notes.append(
                    f"BUSI: {count} of the {PUBLISHED[name]} published {name} images are here."
                )
        self.notes.append(
            "BUSI: patients and pixel sizes are not recorded, so every image counts as a patient"
            " of its own and"
            " distances are in pixels."
        )

    def _of_class(self, name: str) -> list[CaseInfo]:
        directory = self.folder / name
        if not directory.is_dir():
            raise InputError(
                f"{self.folder} holds no folder '{name}'; expected: {', '.join(PUBLISHED)}."
            )
        images, masks = {}, {}
        for path in directory.iterdir():
            if path.suffix.lower() != ".png" or path.name.startswith("."):
                continue
            match = _MASK.match(path.stem)
            if match:
                masks.setdefault(match["image"], []).append(path.name)
            else:
                images[path.stem] = path.name
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
        problems = []
        for what, lonely in (
            (f"of {len(images)} images have no mask", images.keys() - masks.keys()),
            (f"of {len(masks)} masks have no image", masks.keys() - images.keys()),
        ):
            if lonely:
                problems.append(f"{len(lonely)} {what} ({some(sorted(lonely, key=natural_key))})")
        if not problems and whole:
            return
        if not whole:
            detail = "; ".join(problems) if problems else "no PNG images found"
            raise InputError(
                f"BUSI in {directory}: no image with a mask ({detail}); download BUSI with"
                f" {fetch_command('breast', self._root())}."
            )
        text = f"BUSI in {directory}: {' and '.join(problems)}"
        if not self._options.allow_incomplete:
            raise InputError(
                f"{text}; restore the files with {fetch_command('breast', self._root())}, or go on"
                f" with the"
                f" complete ones ({len(whole)}) by --allow-incomplete."
            )
        self.notes.append(f"{text}; going on with the complete ones ({len(whole)}).")

    def _root(self) -> Path:
        return (
            self.folder.parent if self.folder.name == PUBLISHED_FOLDERS["breast"] else self.folder
        )

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
        return folder_fingerprint(
            files, {"cases": [info.id for info in self.cases()]}, self._options.fingerprint_cache
        )

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        self.info(case_id)
        return raster.write_mask_png(mask, out)


def subset_title(busi_class: str, counts: Mapping[str, int]) -> str:
    """'BUSI (malignant)', or 'BUSI (malignant, 147 of 210 images)'; counts: images that are there,
    per class of the subset."""
    subset = "malignant and benign" if busi_class == "both" else busi_class
    published = sum(PUBLISHED[name] for name in counts)
    present = sum(counts.values())
    return (
        f"BUSI ({subset})"
        if present == published
        else f"BUSI ({subset}, {present} of {published} images)"
    )


def busi_class_of(title: str) -> str | None:
    """The option --busi-class that gives a source of this title; None for a title that
    `subset_title` does not make."""
    found = _TITLE.match(title)
    return None if found is None else "both" if found[1] == "malignant and benign" else found[1]
