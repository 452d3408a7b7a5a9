"""Checks a dataset on disk case by case: counts, missing and unreadable files, shapes, labels,
empty masks, doubles, near copies. Reads every image, which takes seconds to a minute. Not here:
repairing, download (fetch)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.core.texts import some
from benchmark.spec.presets import Preset, preset
from datasets.cases import CaseInfo
from datasets.copies.finder import CopyPair, case_views, clusters_of, find_copies
from datasets.files.fingerprint import file_digest
from datasets.folds import Split, copied_cases, split
from datasets.sources.base import BOTH, PublishedSource, SourceOptions
from datasets.sources.open import existing_folder, reader_of
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Task


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
    task = TASKS.named(dataset)
    findings: list[Finding] = []
    sources: list[PublishedSource] = []
    for subset in reader_of(task.published).subsets:
        if subset == BOTH:
            continue  # images of other subsets
        source, said = _opened(task, data_root, subset)
        findings += said
        sources += [source] if source else []
    total, done = sum(len(source.cases()) for source in sources), 0
    views: dict[str, np.ndarray] = {}
    for source in sources:
        empty: list[str] = []
        broken = 0
        for info in source.cases():
            found = list(_case_findings(source, info.id, empty, views))
            findings += found
            broken += any(finding.level == "error" for finding in found)
            done += 1
            report(done, total)
        findings += _about_masks(source, empty)
        count = len(source.cases())
        findings.append(
            Finding(
                "error" if broken else "ok",
                f"{source.title}: {count - broken} of {count} cases read without error.",
            )
        )
    findings += [Finding("warning", text) for text in _doubles(sources)]
    findings += [Finding("warning", text) for text in _near_copies(sources, find_copies(views))]
    # The classes of BUSI share some sentences.
    return list(dict.fromkeys(findings))


def _opened(
    task: Task, data_root: Path, busi_class: str
) -> tuple[PublishedSource | None, list[Finding]]:
    """The source with whatever is there, and what its opening says."""
    reader = reader_of(task.published)

    def attempt(allow_incomplete: bool) -> PublishedSource:
        options = SourceOptions(busi_class=busi_class, allow_incomplete=allow_incomplete)
        return reader.open_at(task, existing_folder(data_root), options)

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
            folder = reader.find_folder(task.published, data_root)
            broken = reader.unreadable(folder) if folder else ()
            return None, findings + [Finding("error", text) for text in broken]
        # The first note repeats the error above.
        notes = source.notes[1:]
    findings += [Finding("note", note) for note in notes]
    findings += [Finding("warning", text) for text in source.unlike_published()]
    return source, findings


def _case_findings(
    source: PublishedSource, case_id: str, empty: list[str], views: dict[str, np.ndarray]
) -> Iterator[Finding]:
    try:
        case = source.load(case_id)
    except InputError as error:
        yield Finding("error", str(error))
        return
    views[case_id] = case_views(case)
    if not case.mask.any():
        empty.append(case_id)
    for text in source.doubts(case):
        yield Finding("warning", f"case {case_id}: {text}")


def _about_masks(source: PublishedSource, empty: list[str]) -> Iterator[Finding]:
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


def _doubles(sources: list[PublishedSource]) -> Iterator[str]:
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


def _near_copies(sources: list[PublishedSource], pairs: list[CopyPair]) -> Iterator[str]:
    """Each pair; and per source, how many test cases have a near copy in their own fold's training
    or validation part if folds are dealt case by case."""
    for pair in pairs:
        yield (
            f"{pair.first} and {pair.second} are near copies (correlation {pair.whole:.3f} of the"
            f" whole, {pair.detail:.2f} of the detail)."
        )
    numbers = preset("compact")
    for source in sources:
        cases = source.cases()
        clusters = clusters_of(pairs, [case.id for case in cases])
        if not clusters or len({case.group for case in cases}) < numbers.n_folds:
            continue
        parts = [_dealt_alone(cases, fold, numbers) for fold in range(numbers.n_folds)]
        copied = sum(
            len(copied_cases(part.test, part.train + part.validation, clusters)) for part in parts
        )
        yield (
            f"{source.title}: clusters of near copies: {len(clusters)}, with"
            f" {sum(map(len, clusters))} of {len(cases)} cases; dealt one by one into"
            f" {numbers.n_folds} folds, {copied} of {len(cases)} test cases have a near copy among"
            f" the training or validation cases of their fold;"
            f" copies=grouped, the rule of rigorous, leaves none."
        )


def _dealt_alone(cases: list[CaseInfo], fold: int, numbers: Preset) -> Split:
    return split(
        cases,
        order="shuffled",
        n_folds=numbers.n_folds,
        fold=fold,
        seed=numbers.split_seed,
        validation_share=numbers.validation_share,
    )
