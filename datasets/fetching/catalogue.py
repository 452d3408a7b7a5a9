"""What can be had and from where: one row per dataset and source. Not here: the facts (tasks/)."""

from pathlib import Path

from datasets.sources.base import usable_below
from datasets.sources.open import reader_of
from datasets.sources.phantom import PhantomSource
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Release, Task


def catalogue(data_root: Path | None = None) -> list[dict[str, str]]:
    """The release of each dataset, and then its phantom: one row of texts each.

    Keys: dataset, source, title, cases, size, licence, address, citation, and here: the folder
    under `data_root` that holds it and what it lacks, where else to look, or "".
    """
    rows = []
    for task in TASKS.values():
        rows += [_real(task, task.release, data_root)] if task.release else []
        rows += [_phantom(task)] if task.phantom else []
    return rows


def _real(task: Task, release: Release, data_root: Path | None) -> dict[str, str]:
    reader = reader_of(release)
    where = None if data_root is None else reader.find_folder(release, data_root)
    here = where is not None and reader.is_release(release, where)
    lacks = reader.lacks(release, where) if here and where else None
    return {
        "dataset": task.name,
        "source": release.source,
        "title": release.title,
        "cases": reader.counted(release),
        "size": release.archive.size,
        "licence": release.licence,
        "address": release.archive.address,
        "citation": release.citation,
        "here": f"{where}{f', but {lacks}' if lacks else ''}" if here else _hint(task, data_root),
    }


def _hint(task: Task, data_root: Path | None) -> str:
    """Which folders in the data root hold images of a task; '' if none does."""
    if data_root is None or not data_root.is_dir():
        return ""
    places = usable_below(task, data_root, reader_of(task.published))
    found = " or ".join(map(str, places))
    return f"not here; use --data-root {found}" if found else ""


def _phantom(task: Task) -> dict[str, str]:
    return {
        "dataset": task.name,
        "source": "phantom",
        "title": "phantom",
        "cases": "any number",
        "size": "",
        "licence": PhantomSource.licence,
        "address": "built in",
        "citation": "",
        "here": "built in",
    }
