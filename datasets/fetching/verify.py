"""Checks a dataset on disk case by case: counts, missing and unreadable files, shapes, labels,
empty masks, doubles. Reads every image, which takes seconds to a minute. Not here: repairing,
download (fetch)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.core.registry import check_name
from datasets.cases import some
from datasets.files import nifti
from datasets.files.fingerprint import file_digest
from datasets.prompts import DATASETS
from datasets.sources import busi, msd
from datasets.sources.base import REAL_SOURCES, Source, SourceOptions
from datasets.sources.msd_json import read_description
from datasets.sources.open import open_source


@dataclass(frozen=True)
class Finding:
    """One sentence about a dataset. error: runs fail or leave cases out; warning: legal, but not as
    published or expected; note: how the data are read; ok: what was checked without complaint."""

    level: Literal["error", "warning", "note", "ok"]
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"


def verify(dataset: str, data_root: Path, report: Report = silent) -> list[Finding]:
    """Everything wrong or remarkable with the real data of `dataset` under `data_root`. report:
    cases read, of all."""
    check_name("dataset", dataset, DATASETS)
    findings: list[Finding] = []
    sources: list[Source] = []
    for busi_class in busi.PUBLISHED if REAL_SOURCES[dataset] == "busi" else ("malignant",):
        source, said = _opened(dataset, data_root, busi_class)
        findings += said
        sources += [source] if source else []
    total, done = sum(len(source.cases()) for source in sources), 0
    for source in sources:
        empty: list[str] = []
        broken = 0
        for info in source.cases():
            found = list(_case_findings(source, info.id, empty))
            findings += found
            broken += any(finding.level == "error" for finding in found)
            done += 1
            report(done, total)
        findings += _about_masks(source, empty)
        count = len(source.cases())
        findings.append(
            Finding("ok", f"{source.title}: {count - broken} of {count} cases read without error.")
        )
    findings += [Finding("warning", text) for text in _doubles(sources)]
    # The classes of BUSI share some sentences.
    return list(dict.fromkeys(findings))


def _opened(dataset: str, data_root: Path, busi_class: str) -> tuple[Source | None, list[Finding]]:
    """The source with whatever is there, and what its opening says."""

    def attempt(allow_incomplete: bool) -> Source:
        options = SourceOptions(busi_class=busi_class, allow_incomplete=allow_incomplete)
        return open_source(
            dataset,
            REAL_SOURCES[dataset],
            data_root,
            phantom_cases=1,
            phantom_size=64,
            options=options,
        )

    findings = []
    try:
        source = attempt(False)
        notes = source.notes
    except InputError as error:
        findings.append(Finding("error", str(error)))
        try:
            source = attempt(True)
        except InputError as second:
            findings.append(Finding("error", str(second)))
            return None, findings + [
                Finding("error", text) for text in _unreadable_headers(dataset, data_root)
            ]
        # The first note repeats the error above.
        notes = source.notes[1:]
    findings += [Finding("note", note) for note in notes]
    findings += [Finding("warning", text) for text in _unlike_published(source)]
    return source, findings


def _unreadable_headers(dataset: str, data_root: Path) -> Iterator[str]:
    """All volumes that cannot be opened: the source stops at the first."""
    folder = msd.find_folder(dataset, data_root) if REAL_SOURCES[dataset] == "msd" else None
    for path in sorted(folder.glob("*Tr/[!.]*.nii*")) if folder else ():
        try:
            nifti.read_geometry(path)
        except InputError as error:
            yield str(error)


def _unlike_published(source: Source) -> Iterator[str]:
    if isinstance(source, busi.BusiSource):
        for name in {info.stratum for info in source.cases()}:
            count = sum(info.stratum == name for info in source.cases())
            if count > busi.PUBLISHED[name]:
                yield (
                    f"{source.title}: {count} {name} images, more than the {busi.PUBLISHED[name]}"
                    f" published."
                )
        return
    description = read_description(source.folder)
    published = msd.PUBLISHED_CASES[source.dataset]
    if (
        description.name == msd.PUBLISHED_NAMES[source.dataset]
        and len(description.training) != published
    ):
        yield (
            f"{source.title}: dataset.json lists {len(description.training)} cases; published are"
            f" {published}."
        )
    listed = {name for entry in description.training for name in (entry.image, entry.label)}
    for folder in ("imagesTr", "labelsTr"):
        present = sorted(
            f"{folder}/{path.name}" for path in (source.folder / folder).glob("[!.]*.nii*")
        )
        extra = [name for name in present if name not in listed]
        if extra:
            yield (
                f"{source.title}: {len(extra)} files are not listed in dataset.json and not read"
                f" ({some(extra)})."
            )


def _case_findings(source: Source, case_id: str, empty: list[str]) -> Iterator[Finding]:
    try:
        case = source.load(case_id)
    except InputError as error:
        yield Finding("error", str(error))
        return
    if not case.mask.any():
        empty.append(case_id)
    if isinstance(source, msd.MsdSource):
        image, label = (source.folder / name for name in case.info.files)
        if not nifti.same_place(image, label):
            yield Finding(
                "warning",
                f"case {case_id}: by their headers, image and label lie at different places.",
            )


def _about_masks(source: Source, empty: list[str]) -> Iterator[Finding]:
    count = len(source.cases())
    if empty and all(info.stratum == "normal" for info in source.cases()):
        yield Finding(
            "note",
            f"{source.title}: {len(empty)} of {count} masks are empty, as is right without a"
            f" lesion.",
        )
    elif empty:
        yield Finding(
            "warning", f"{source.title}: {len(empty)} of {count} masks are empty ({some(empty)})."
        )


def _doubles(sources: list[Source]) -> Iterator[str]:
    """Image files with identical bytes: two of them in different folds leak."""
    same: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        for info in source.cases():
            same[file_digest(source.folder / info.files[0])].append(info.id)
    for names in same.values():
        if len(names) > 1:
            yield (
                f"{' and '.join(names)} are the same image; cross-validation may put them into"
                f" different folds."
            )
