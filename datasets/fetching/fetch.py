"""Fetches a published dataset: download, checksum, unpack into a folder of its own, check, and
only then put in place. Nothing is fetched unless asked for. Not here: HTTP (download), archives
(unpack), addresses (tasks/)."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from datasets.fetching.download import download
from datasets.fetching.unpack import unpack
from datasets.sources.open import reader_of
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Archive, Release


@dataclass(frozen=True)
class Fetched:
    """Where the dataset lies now, and one sentence on how it was checked."""

    folder: Path
    checked: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.checked}"


def fetch(
    dataset: str, data_root: Path, report: Report = silent, archive: Archive | None = None
) -> Fetched:
    """Fetches `dataset` into `data_root` (made where needed); a dataset that is complete there is
    left alone.

    Of an incomplete one the missing files are added and none is replaced. report: bytes done and
    total, of the download and then of unpacking. archive: another place to fetch from (a mirror).
    Raises InputError where the download fails, the archive is not the published one, or the disk is
    full.
    """
    release = TASKS.named(dataset).published
    archive = archive or release.archive
    folder = _target_folder(release, data_root)
    if _lacks(release, folder) is None:
        return Fetched(folder, "It was complete already; nothing was downloaded.")
    try:
        packed = download(
            archive.address,
            folder.parent / Path(archive.address).name,
            md5=archive.md5,
            # archives of images are no larger than what they hold
            limit_bytes=archive.unpacked_limit_bytes,
            report=report,
        )
        _unpack_into(release, packed, archive, folder, report)
        packed.unlink()
    except OSError as error:
        raise InputError(
            f"cannot write to {folder.parent}: {error.strerror or error}; free space or choose"
            f" another --data-root."
        ) from error
    return Fetched(folder, _how_checked(release, archive))


def _target_folder(release: Release, data_root: Path) -> Path:
    """The published folder in `data_root`, or `data_root` where that is the published folder
    itself."""
    name = release.folder
    if data_root.exists() and not data_root.is_dir():
        raise InputError(
            f"the data root {data_root} is a file, not a folder; choose another --data-root."
        )
    return data_root if data_root.resolve().name == name else data_root / name


def _unpack_into(
    release: Release, packed: Path, archive: Archive, folder: Path, report: Report
) -> None:
    """Unpacks beside `folder`, checks what came out, and moves it into place."""
    name = release.folder
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as temporary:
        try:
            unpack(
                packed,
                archive.kind,
                Path(temporary),
                limit_bytes=archive.unpacked_limit_bytes,
                report=report,
            )
            problem = _lacks(release, Path(temporary) / name)
            if problem is not None:
                raise InputError(f"{archive.address} is not the published archive: {problem}")
        except InputError:
            # Kept, it would be unpacked and refused again; without a checksum nothing else tells a
            # bad copy.
            packed.unlink()
            raise
        if not folder.exists():
            os.replace(Path(temporary) / name, folder)
        else:
            _add_missing(Path(temporary) / name, folder)


def _add_missing(source: Path, folder: Path) -> None:
    for path in sorted(source.rglob("*")):
        target = folder / path.relative_to(source)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)


def _lacks(release: Release, folder: Path) -> str | None:
    """What lacks to the release, by names and counts alone; None where nothing does."""
    if not folder.is_dir():
        return f"there is no folder {folder.name} in it."
    return reader_of(release).lacks(release, folder)


def _how_checked(release: Release, archive: Archive) -> str:
    if archive.md5:
        return (
            f"The archive has the published MD5 {archive.md5}, and all cases that dataset.json"
            f" lists are there."
        )
    return (
        f"No checksum is published, so the content was counted: all {len(release.cases)} images"
        f" with masks are there ({reader_of(release).counted(release)})."
    )
