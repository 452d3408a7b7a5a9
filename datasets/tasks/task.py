"""What a data set is to the benchmark: its words, its published images, and those of the paper.

Nothing heavy is imported, so that whoever needs a name or a title gets it at once.
Not here: the data sets themselves (one file of this folder each), reading images (sources).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmark.core.errors import InputError

LAST = 100  # the place of a task that names none


@dataclass(frozen=True)
class Archive:
    """A file to download. size: in words; md5: hex, None where none is published;
    unpacked_limit_bytes: the most that its content may weigh."""

    address: str
    kind: Literal["tar", "zip"]
    md5: str | None
    unpacked_limit_bytes: int
    size: str = ""


@dataclass(frozen=True)
class Release:
    """The published images of a task.

    Args:
        source: the reader of their layout, a name of --source.
        folder: the folder that the archive holds.
        title: the name shown with every result; a reader may add which part of them is in use.
        licence, citation: for lists; bibtex: for `cite`.
        cases: ids of all published cases, in the order of the release.
        described_as: the "name" in its dataset.json, where it has such a file.
        copies: clusters of cases that are near copies of each other (datasets/copies), found among
            the cases `searched`; others were never compared.
        not_shipped: why no picture of them is published with results, '' if nothing is known.
    """

    source: str
    folder: str
    title: str
    archive: Archive
    licence: str
    citation: str
    bibtex: str
    cases: tuple[str, ...]
    described_as: str = ""
    copies: tuple[tuple[str, ...], ...] = ()
    searched: frozenset[str] = frozenset()
    not_shipped: str = ""


@dataclass(frozen=True)
class OtherImages:
    """Published images of a task that are no release of this program, but that records may be made
    from, in a layout that one of its readers knows.

    Args:
        name: what `data prepare` calls them; title: of their source in records.
        address: where they are asked for; licence: in words; bibtex: for `cite`.
        cases: id of a case -> name of its file there, without its ending.
        shape: (x, y, z) of the grid that every case is brought to.
        modality, label: for dataset.json.
    """

    name: str
    title: str
    address: str
    licence: str
    bibtex: str
    cases: Mapping[str, str]
    shape: tuple[int, int, int]
    modality: str
    label: str


@dataclass(frozen=True)
class PaperImages:
    """The images that the paper has for a task, in words. title: the source of ours that is the
    same images, None where the paper does not say which they are; unknown_because: then why."""

    words: str
    title: str | None = None
    unknown_because: str = ""


@dataclass(frozen=True)
class Task:
    """A data set.

    Args:
        name: lower-case letters, digits and hyphens; results carry it.
        title: the heading of its results.
        words: (modality, organ, category) of its prompts; images of modality "CT" are in
            Hounsfield units.
        unit: of the distances that the paper prints for it.
        release: its published images, None where there are none to fetch.
        others: other published images that records of it are made from.
        paper: the paper's images, None for a data set that the paper does not have.
        phantom: the module of its phantom, None where it has none. The module holds VERSION and
            `case(index, seed, size)` (see datasets/phantoms), and `stratum(index, seed)` where
            folds are stratified.
        released_epochs: epochs of the release's generator where it has its own for this data set.
        margin_points: two methods are equal if their Dice differs by less, in points.
        place: its place in lists and tables, before names count.
    """

    name: str
    title: str
    words: tuple[str, str, str]
    unit: Literal["mm", "px"] = "mm"
    release: Release | None = None
    others: tuple[OtherImages, ...] = ()
    paper: PaperImages | None = None
    phantom: str | None = None
    released_epochs: int | None = None
    margin_points: float = 1.0
    place: int = LAST

    @property
    def hounsfield(self) -> bool:
        """Whether the images are in Hounsfield units."""
        return self.words[0].upper() == "CT"

    @property
    def published(self) -> Release:
        """The release. Raises InputError where there is none."""
        if self.release is None:
            raise InputError(
                f"no images of dataset {self.name} are published; use --source phantom or a YAML"
                f" file."
            )
        return self.release

    def has_papers_images(self, kind: str, title: str) -> bool:
        """Whether a source of this kind and title is the very images of the paper."""
        if self.release is None or self.paper is None:
            return False
        return kind == self.release.source and title == self.paper.title

    def prompt(self, stratum: str | None = None) -> str:
        """The prompt of a case, "MRI, prostate, whole gland"; a stratum joins the category:
        "malignant lesion", and "no lesion" for the stratum "normal"."""
        modality, organ, category = self.words
        if stratum is not None:
            category = f"{'no' if stratum == 'normal' else stratum} {category}"
        return f"{modality}, {organ}, {category}"


def user_task(name: str) -> Task:
    """The task of a user's own data set, of which only the name is known."""
    return Task(name, title=name, words=("medical image", name.replace("-", " "), "region"))
