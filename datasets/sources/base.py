"""What a source of images is, and the sentences for data that is not found."""

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.text_files import plain_text
from benchmark.core.texts import QUICK_LOOK, did_you_mean, one_line, some
from datasets.cases import Case, CaseInfo, natural_key
from datasets.files.fingerprint import file_digests, fingerprint_of
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Release, Task

BOTH = "both"  # the two classes of lesions
BUSI_CLASSES = ("malignant", "benign", BOTH, "normal")


@dataclass(frozen=True)
class SourceOptions:
    """Choices that open a source: the BUSI subset, whether missing cases are tolerated, where file
    digests are cached (a JSON file, or None), and of how many cases a quick look is asked for."""

    busi_class: str = BUSI_CLASSES[0]
    allow_incomplete: bool = False
    fingerprint_cache: Path | None = None
    limit: int | None = None


class Source(ABC):
    """The cases of one task from one place.

    kind: "msd", "busi", "phantom" or "folder"; title: the name shown with every result; licence;
    notes: sentences the user must read once, such as "distances are in voxels".
    """

    kind: str
    task: Task
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

    def fingerprint_with(
        self,
        files: Mapping[str, Path],
        settings: Mapping[str, object],
        cache: Path | None,
        images: str = "",
    ) -> str:
        """The fingerprint of files by name; notes images that are the same file in different
        groups. images: what stands in front of an image's name of CaseInfo in `files`. Raises
        InputError where an image is the same file as a mask."""
        digests = file_digests({plain_text(name): path for name, path in files.items()}, cache)
        pictures = {plain_text(images + info.files[0]) for info in self.cases()}
        masks = {digests[name]: name for name in digests if name not in pictures}
        for name in sorted(pictures):
            if name in digests and digests[name] in masks:
                raise InputError(
                    f"{self.title}: the image {name} is the same file as the mask"
                    f" {masks[digests[name]]}; give the image that belongs to it."
                )
        same: dict[str, list[CaseInfo]] = {}
        for info in self.cases():
            same.setdefault(digests[plain_text(images + info.files[0])], []).append(info)
        doubles = [infos for infos in same.values() if len({info.group for info in infos}) > 1]
        if doubles:
            listed = some([" = ".join(info.id for info in infos) for infos in doubles])
            note = f"{self.title}: some images are the same file under several ids ({listed})."
            self.notes += [note] * (note not in self.notes)
        return fingerprint_of(digests, settings)

    def info(self, case_id: str) -> CaseInfo:
        """The case called `case_id`. Raises InputError for an unknown one."""
        by_id = {info.id: info for info in self.cases()}
        if case_id not in by_id:
            raise InputError(
                f"{self.title} holds no case '{case_id}'{did_you_mean(case_id, by_id)}."
            )
        return by_id[case_id]


class PublishedSource(Source):
    """A source that reads a published folder, and what is to be known of such a folder without
    reading its images. One class per layout."""

    folder: Path
    # The values of `busi_class` that choose other images of the release.
    subsets: ClassVar[tuple[str, ...]] = BUSI_CLASSES[:1]

    @classmethod
    @abstractmethod
    def find_folder(cls, release: Release, data_root: Path) -> Path | None:
        """The folder with the images: `data_root` itself or the published folder in it, or None."""

    @classmethod
    @abstractmethod
    def open_at(cls, task: Task, data_root: Path, options: SourceOptions) -> Self:
        """The source under `data_root`. Raises InputError where the folder is not found."""

    @classmethod
    def is_release(cls, release: Release, folder: Path) -> bool:
        """Whether a folder that `find_folder` found is the published one, by its name alone."""
        return True

    @classmethod
    @abstractmethod
    def lacks(cls, release: Release, folder: Path) -> str | None:
        """What an existing folder lacks to the release, by names and counts, as the end of a
        sentence; None where it lacks nothing."""

    @classmethod
    @abstractmethod
    def counted(cls, release: Release) -> str:
        """How many cases the release has, in words."""

    @classmethod
    @abstractmethod
    def cases_of(
        cls, release: Release, title: str, ids: Collection[str] | None = None
    ) -> tuple[CaseInfo, ...] | None:
        """The cases of a source of this title, in its order: those of these ids, or all where the
        title says that none is left out.

        None where the title does not say it. Raises ValueError, a sentence, where such a source
        cannot have these ids.
        """

    @classmethod
    def unreadable(cls, folder: Path) -> Iterator[str]:
        """One sentence for each file that cannot be opened, where opening stops at the first."""
        yield from ()

    @abstractmethod
    def unlike_published(self) -> Iterator[str]:
        """Sentences on how the files differ from the release, though they can be read."""

    def doubts(self, case: Case) -> Iterator[str]:
        """Sentences on what is legal but strange about a case."""
        yield from ()


def fetch_command(task: Task, data_root: Path | None = None) -> str:
    """The command that downloads a task's images, as the messages print it."""
    return (
        f"`python cli.py data fetch {task.name} --data-root"
        f" {data_root if data_root is not None else 'DIR'}`"
    )


def not_found(
    task: Task, data_root: Path, alternative: str, reader: type[PublishedSource]
) -> InputError:
    """The error of a data root that holds neither the published folder nor `alternative`: says what
    was found, and which folders in it hold images of the task."""
    folder = task.published.folder
    usable = [str(place) for place in usable_below(task, data_root, reader)]
    if usable:
        return InputError(
            f"{data_root} holds {task.name} images one level down; use --data-root"
            f" {' or '.join(usable)}."
        )
    deeper = one_level_down(folder, data_root)
    if deeper is not None:
        return InputError(
            f"{data_root} holds {folder} one level down, but not all of its files are there; use"
            f" --data-root {deeper} to see what is missing."
        )
    entries = sorted(path.name for path in data_root.iterdir())
    return InputError(
        f"{data_root} holds neither {folder} nor {alternative} (found:"
        f" {some(entries) if entries else 'nothing'}); give"
        f" --data-root the folder that holds {folder}, or download it with"
        f" {fetch_command(task, data_root)}."
    )


def usable_below(task: Task, data_root: Path, reader: type[PublishedSource]) -> Iterator[Path]:
    """The folders in `data_root` that could be the data root of a task, since every file of theirs
    is there."""
    for place in sorted(path for path in data_root.iterdir() if path.is_dir()):
        if reader.find_folder(task.published, place) is None:
            continue
        with contextlib.suppress(InputError):
            reader.open_at(task, place, SourceOptions())
            yield place


def own_title(name: str) -> str:
    """The title of a user's own images in a published layout: never that of a release."""
    name = one_line(plain_text(name)).replace(QUICK_LOOK, "quick look")
    return f"{name} (own cases)" if TASKS.is_release_title(name) else name


def one_level_down(folder: str, data_root: Path) -> Path | None:
    """The subfolder of `data_root` that holds `folder`, or None."""
    found = sorted(path.parent for path in data_root.glob(f"*/{folder}") if path.is_dir())
    return found[0] if found else None


def centres_of(cases: Iterable[CaseInfo]) -> dict[str, object]:
    """What the centres of the cases add to a fingerprint's settings; nothing where none is
    known."""
    centres = [[case.id, case.centre] for case in cases if case.centre is not None]
    return {"centres": centres} if centres else {}


def patients_alike(cases: Iterable[CaseInfo]) -> str:
    """The end of a sentence on patients whose names differ by upper and lower case, blanks, hyphens
    or leading zeros alone; '' where none do."""
    alike: dict[str, set[str]] = {}
    for case in cases:
        if case.group != case.id:
            joined = re.sub(r"(?<!\d)[\s_.-]+|[\s_.-]+(?!\d)", "", case.group.casefold())
            plain = re.sub(r"(?<!\d)0+(?=\d)", "", joined)
            alike.setdefault(plain, set()).add(case.group)
    pairs = [" and ".join(sorted(names)) for names in alike.values() if len(names) > 1]
    return f"patients with nearly the same name count as several ({some(pairs)})" if pairs else ""


def pairing_problems(images: Collection[str], masks: Collection[str]) -> str:
    """What lacks to pair all images with all masks by name: '2 of 9 images have no mask (a, b) and
    1 of 8 masks have no image (c)'; '' where nothing does."""
    problems = []
    for have, other, what in (
        (images, masks, "images have no mask"),
        (masks, images, "masks have no image"),
    ):
        if lonely := sorted(set(have) - set(other), key=natural_key):
            problems.append(f"{len(lonely)} of {len(have)} {what} ({some(lonely)})")
    return " and ".join(problems)
