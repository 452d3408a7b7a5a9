"""Where a task's images come from: opens the source that the user names.

`auto` takes the real images under the data root, which must be there; without a data root it takes
the phantom, and says so. Not here: the readers themselves (msd, busi, folder, phantom), download
(fetching/).
"""

from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.registry import Registry, check_name
from datasets.cases import CaseInfo
from datasets.sources.base import (
    BUSI_CLASSES,
    PublishedSource,
    Source,
    SourceOptions,
    fetch_command,
)
from datasets.sources.folder_yaml import is_yaml, read_folder_spec
from datasets.sources.limited import LimitedSource
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Release, Task

_READERS = Registry(
    "source", {"msd": "datasets.sources.msd:MsdSource", "busi": "datasets.sources.busi:BusiSource"}
)


def task_of(dataset: str, source: str) -> Task:
    """The task called `dataset`: a built-in one, or the one that the YAML file `source` describes.
    Raises InputError for any other."""
    if is_yaml(source):
        task = read_folder_spec(Path(source)).task
        if task.name != dataset:
            raise InputError(
                f"{source} describes the dataset {task.name}, not {dataset}; use --dataset"
                f" {task.name}, or write {dataset} in the file."
            )
        return task
    return TASKS.named(dataset)


def reader_of(release: Release) -> type[PublishedSource]:
    """The class that reads a release's layout."""
    return _READERS.load(release.source)


def open_source(
    dataset: str,
    source: str = "auto",
    data_root: Path | None = None,
    *,
    phantom_cases: int,
    phantom_size: int,
    options: SourceOptions = SourceOptions(),
) -> Source:
    """Opens the source called `source` ("auto", "msd", "busi", "phantom" or the path of a YAML
    file) of `dataset`.

    data_root: the folder that holds the published folder, or that folder. phantom_cases and
    phantom_size (px) only matter for the phantom. Raises InputError for unknown names, a missing or
    wrongly laid out folder and missing files. With a limit in `options` it is a quick look at so
    many of its cases (limited.py).
    """
    whole = _open_whole(dataset, source, data_root, phantom_cases, phantom_size, options)
    return whole if options.limit is None else LimitedSource(whole, options.limit)


def _open_whole(
    dataset: str,
    source: str,
    data_root: Path | None,
    phantom_cases: int,
    phantom_size: int,
    options: SourceOptions,
) -> Source:
    task = task_of(dataset, source)
    check_name("busi class", options.busi_class, BUSI_CLASSES)
    if is_yaml(source):
        from datasets.sources.folder import open_folder

        return open_folder(Path(source), options)
    check_name("source", source, ("auto", "phantom", *_READERS))
    data_root = None if data_root is None else existing_folder(Path(data_root))
    if source == "phantom":
        return _phantom(task, phantom_cases, phantom_size)
    release = task.release
    if source == "auto":
        if data_root is None:
            return _stand_in(task, phantom_cases, phantom_size)
        if release is None:
            raise InputError(
                f"no images of {dataset} are published, so --data-root {data_root} cannot hold"
                f" them; leave it out for the phantom, or describe images of your own by --source"
                f" FILE.yaml."
            )
        return reader_of(release).open_at(task, data_root, options)
    if release is None or source != release.source:
        real = f"{release.source}, " if release else ""
        raise InputError(
            f"dataset {dataset} does not come from {source}; use --source {real}phantom or a"
            f" YAML file."
        )
    if data_root is None:
        raise InputError(
            f"--source {source} needs --data-root DIR, the folder that holds the published data;"
            f" {fetch_command(task)} downloads it."
        )
    return reader_of(release).open_at(task, data_root, options)


def published_as(title: str) -> tuple[Task, tuple[CaseInfo, ...]] | None:
    """The task whose whole release, or whole class of it, has this title, and the cases; None for
    any other title."""
    for task in TASKS.values():
        if task.release is not None:
            cases = reader_of(task.release).cases_of(task.release, title)
            if cases is not None:
                return task, cases
    return None


def existing_folder(data_root: Path) -> Path:
    """The data root. Raises InputError where it is no folder."""
    if not data_root.is_dir():
        what = "is a file, not a folder" if data_root.exists() else "does not exist"
        raise InputError(
            f"the data root {data_root} {what}; --data-root is the folder that holds the published"
            f" data."
        )
    return data_root


def _phantom(task: Task, cases: int, size: int) -> Source:
    from datasets.sources.phantom import PhantomSource

    return PhantomSource(task, cases=cases, size=size)


def _stand_in(task: Task, cases: int, size: int) -> Source:
    source = _phantom(task, cases, size)
    why = ", of which no images are published"
    if task.release is not None:
        why = f": no --data-root is given; {fetch_command(task)} downloads the real data"
    source.notes.append(f"The built-in phantom stands in for {task.name}{why}.")
    return source
