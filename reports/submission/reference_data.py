"""What can be known of the data behind a record: its full list of cases, and, where the images are
here, the images.

In this order: the phantom, which is built in; images under a folder that the caller names, if
their fingerprint is the record's; the list of a published data set; else the cases that the
submission itself lists, of which a split must still be the one that the protocol draws. Not here:
the checks (splits.py, masks.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line
from benchmark.record.record import Record
from benchmark.spec.run import RunSpec, SourceSpec
from datasets.cases import CaseInfo
from datasets.sources.base import Source, SourceOptions
from datasets.sources.folder_yaml import read_folder_spec
from datasets.sources.open import open_source, published_as, reader_of
from datasets.sources.phantom import SIZES_PX, PhantomSource
from datasets.tasks.catalogue import TASKS
from reports.submission.findings import Refusal
from reports.submission.plain_names import flaw, folded

MAX_PHANTOMS = 2_000
MAX_PHANTOM_PIXELS = 400_000  # of a slice of each, all sizes together; drawn in 15 s
PHANTOM_TITLE = "phantom"


@dataclass(frozen=True)
class Known:
    """cases: all of the data set, None where they cannot be known; ordered: they stand in the data
    set's own order.

    origin: where the list is from, in words. images: the source to read pixels from, or None.
    absent: why there is none, where it is not that nobody named a folder.
    """

    cases: tuple[CaseInfo, ...] | None
    ordered: bool
    origin: str
    images: Source | None = None
    absent: str = ""


@dataclass(frozen=True)
class Truth:
    """The true mask of a case, kept as bits; shape and spacing (z, y, x)."""

    case: str
    packed: np.ndarray
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    unit: str

    @property
    def mask(self) -> np.ndarray:
        """uint8 {0, 1} (z, y, x)."""
        return np.unpackbits(self.packed, count=int(np.prod(self.shape))).reshape(self.shape)

    @property
    def diagonal(self) -> float:
        """The longest distance that there can be, in `unit`."""
        return float(np.linalg.norm(np.multiply(self.shape, self.spacing)))


class Sources:
    """What is known of the sources of one submission's records; each is looked up once."""

    def __init__(self, records: Sequence[Record], library: "Library"):
        self._library = library
        self._members: dict[SourceSpec, list[Record]] = {}
        for record in records:
            self._members.setdefault(record.spec.source, []).append(record)
        self._found: dict[tuple, Known | Refusal] = {}
        self._phantom_pixels = 0

    def of(self, record: Record) -> Known:
        """Raises Refusal where the data cannot be what the record says."""
        spec = record.spec
        key = spec.source, spec.dataset, spec.preset.phantom_cases, spec.preset.size
        if key not in self._found:
            try:
                known = self._library.known(spec, self._members[spec.source])
                self._found[key] = self._affordable(known, spec)
            except Refusal as refusal:
                self._found[key] = refusal
        found = self._found[key]
        if isinstance(found, Refusal):
            raise Refusal(str(found))
        return found

    def _affordable(self, known: Known, spec: RunSpec) -> Known:
        """Without its images where it would take too long to draw them."""
        if spec.source.kind != "phantom":
            return known
        count, size = spec.preset.phantom_cases, spec.preset.size
        pixels = count * size**2
        if self._phantom_pixels + pixels > MAX_PHANTOM_PIXELS:
            why = f"to draw {count} phantoms of {size} px, beside others, takes too long"
            return replace(known, images=None, absent=why)
        self._phantom_pixels += pixels
        return known

    def truth(self, record: Record, case_id: str) -> Truth:
        """The true mask of a case. Raises Refusal where it is not here or cannot be read."""
        images, source = self.of(record).images, record.spec.source
        if images is None:
            raise Refusal(f"the images of {source.title} are not here.")
        return self._library.truth(images, source.fingerprint, case_id)


class Library:
    """Finds what is known; opens each source once. roots: folders as for --data-root; described:
    YAML files of sources."""

    def __init__(self, roots: Sequence[Path] = (), described: Sequence[Path] = ()):
        for root in roots:
            if not root.is_dir():
                raise InputError(
                    f"the data root {root} is no folder; --data-root is the folder that holds the"
                    f" published data."
                )
        self._roots = tuple(roots)
        self._described = [(path, read_folder_spec(path).task.name) for path in described]
        self._here: dict[str, dict[str, Source]] = {}
        self._truths: dict[tuple[str, str], Truth] = {}
        self._phantoms: dict[tuple[str, int, int], Source] = {}

    def known(self, spec: RunSpec, records: Sequence[Record]) -> Known:
        """What is known of the data of `spec`; records: all of the submission with the same source.

        Raises Refusal where the data cannot be what the record says.
        """
        _check_name(spec)
        source = spec.source
        if source.kind == "phantom":
            return self._phantom(spec)
        here = self._at_hand(spec.dataset).get(source.fingerprint)
        if here is not None:
            if (here.kind, here.title) != (source.kind, source.title):
                raise Refusal(
                    f"these images are {here.title} ({here.kind}), not {source.title}"
                    f" ({source.kind})."
                )
            return Known(tuple(here.cases()), True, "the images at hand", here)
        return _listed(spec, records)

    def truth(self, images: Source, fingerprint: str, case_id: str) -> Truth:
        """The true mask of a case, read once. Raises Refusal where it cannot be read."""
        key = fingerprint, case_id
        if key not in self._truths:
            try:
                case = images.load(case_id)
            except InputError as error:
                raise Refusal(f"case {case_id} cannot be read here: {error}") from error
            self._truths[key] = Truth(
                case_id, np.packbits(case.mask), case.mask.shape, case.spacing, case.spacing_unit
            )
        return self._truths[key]

    def _phantom(self, spec: RunSpec) -> Known:
        count, size = spec.preset.phantom_cases, spec.preset.size
        if spec.source.title != PHANTOM_TITLE or spec.source.licence != PhantomSource.licence:
            raise Refusal(
                f"a phantom is called '{PHANTOM_TITLE}', with the licence"
                f" '{PhantomSource.licence}'."
            )
        if not (count <= MAX_PHANTOMS and SIZES_PX[0] <= size <= SIZES_PX[1]):
            raise Refusal(
                f"{count} phantoms of {size} px: there are at most {MAX_PHANTOMS}, of"
                f" {SIZES_PX[0]} to {SIZES_PX[1]} px."
            )
        key = spec.dataset, count, size
        if key not in self._phantoms:
            task = TASKS.of_results(spec.dataset)
            if task.phantom is None:
                raise Refusal(f"dataset {spec.dataset} has no phantom here.")
            self._phantoms[key] = PhantomSource(task, cases=count, size=size)
        source = self._phantoms[key]
        if source.fingerprint() != spec.source.fingerprint:
            raise Refusal(
                "the phantom's fingerprint is not that of this program's phantom; compute the run"
                " with this version."
            )
        return Known(tuple(source.cases()), True, "the built-in phantom", source)

    def _at_hand(self, dataset: str) -> dict[str, Source]:
        """The sources of a dataset under the folders named, by fingerprint."""
        if dataset not in self._here:
            self._here[dataset] = {source.fingerprint(): source for source in self._opened(dataset)}
        return self._here[dataset]

    def _opened(self, dataset: str) -> Iterable[Source]:
        task = TASKS.of_results(dataset)
        for root in self._roots if task.release else ():
            reader = reader_of(task.published)
            for name in reader.subsets:
                try:
                    options = SourceOptions(busi_class=name, allow_incomplete=True)
                    yield reader.open_at(task, root, options)
                except InputError:
                    continue  # a folder of another dataset
        for path, described in self._described:
            if described == dataset:
                options = SourceOptions(allow_incomplete=True)
                yield open_source(
                    dataset, str(path), None, phantom_cases=1, phantom_size=64, options=options
                )


def _listed(spec: RunSpec, records: Sequence[Record]) -> Known:
    """What the title and the records' own splits say. Raises Refusal for cases that a published
    data set does not have."""
    kind, title = spec.source.kind, spec.source.title
    splits = [
        record.split for record in records if record.spec.training_share == 1 and record.split
    ]
    sets = {frozenset((*split.train, *split.validation, *split.test)) for split in splits}
    if len(sets) > 1:
        raise Refusal(f"records of one source ({title}) list different cases.")
    listed, release = next(iter(sets), None), TASKS.of_results(spec.dataset).release
    if kind == "folder" or release is None:
        return Known(None, False, "which patients these images are of is not known here")
    published = reader_of(release).cases_of(release, title)
    if published is not None and listed in (None, {case.id for case in published}):
        return Known(published, True, "the published list of cases")
    if listed is None:
        return Known(None, False, "which patients these images are of is not known here")
    try:
        cases = reader_of(release).cases_of(release, title, listed)
    except ValueError as error:
        raise Refusal(str(error)) from error
    unordered = tuple(CaseInfo(name, name) for name in sorted(listed))
    return Known(cases or unordered, cases is not None, "the cases that the records list")


def _check_name(spec: RunSpec) -> None:
    """Raises Refusal for a source that calls itself by the name of another."""
    source = spec.source
    for what, text in (("title", source.title), ("licence", source.licence)):
        if wrong := flaw(text):
            raise Refusal(f"the {what} of its source, '{one_line(text)[:80]}', {wrong}.")
    if source.synthetic != (source.kind == "phantom"):
        raise Refusal(f"source {source.title}: only phantoms are synthetic, and all of them are.")
    release = TASKS.of_results(spec.dataset).release
    if source.kind not in ("phantom", "folder", release.source if release else None):
        raise Refusal(f"dataset {spec.dataset} does not come from {source.kind}.")
    published = published_as(source.title)
    if published is not None and published[0].name != spec.dataset:
        raise Refusal(f"{source.title} holds no {spec.dataset} cases.")
    if source.kind == "folder" and _is_taken(source.title):
        raise Refusal(
            f"a user's own images cannot be called '{source.title}', the name of another source."
        )


def _is_taken(title: str) -> bool:
    """Whether a reader takes the title for that of a published set, of a part of one, or of the
    phantom."""
    plain = folded(title)
    releases = (folded(task.release.title) for task in TASKS.values() if task.release)
    return plain == folded(PHANTOM_TITLE) or any(map(plain.startswith, releases))
