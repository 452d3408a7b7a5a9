"""The zip of a submission: written so that equal content gives equal bytes, read so that nothing in
it can do harm.

Only zips as `write` makes them are read: entries one after another from the first byte to the
directory, no comment, no encryption, no link, no second entry of a name, no data between or around
them. Sizes are checked before anything is decompressed, and entries are read into memory, never to
disk. Not here: what the entries hold.
"""

import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line
from reports.submission.findings import Refusal

MAX_FILE_BYTES = 64 << 20
MAX_CONTENT_BYTES = 512 << 20
MAX_ENTRY_BYTES = 64 << 20
MAX_ENTRIES = 60_000
MAX_NAME = 100
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_END = struct.Struct("<4s4H2LH")  # the end record of a zip without a comment
_DIRECTORY_BYTES = 46  # of an entry in the directory, without its name
_LOCATOR_BYTES, _LOCATOR = 20, b"PK\x06\x07"  # before the end record of a zip64
_UNIX, _VERSION = 3, 20


class Unreadable(InputError):
    """A place without a file that can be read."""


def write(
    path: Path, entries: Iterable[tuple[str, bytes]], check: Callable[[Path], None] | None = None
) -> None:
    """Writes the entries, in their order, to `path` at one stroke; an older file stays until then.

    check: called with the finished file before it takes its place, and raises what forbids that.
    Raises InputError where the file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); give another file by --out."
        ) from error
    try:
        with (
            os.fdopen(handle, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=False) as archive,
        ):
            for entry, data in entries:
                info = zipfile.ZipInfo(entry, _DATE)
                info.compress_type, info.create_system, info.external_attr = (
                    zipfile.ZIP_DEFLATED,
                    _UNIX,
                    _MODE << 16,
                )
                archive.writestr(info, data, compresslevel=9)
        if check is not None:
            check(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(
                f"{path} cannot be written ({error.strerror}); give another file by --out."
            ) from error
        raise


class Container:
    """An opened submission: `names` in the order of the file, `sizes` in bytes by name. Raises
    Refusal for any other zip.

    Raises Unreadable where the file itself cannot be read.
    """

    def __init__(self, path: Path):
        try:
            if not path.is_file():
                raise Unreadable(
                    f"{path} is no file; give the file that `leaderboard submit` wrote."
                )
            self._file = path.open("rb")
        except OSError as error:
            raise Unreadable(
                f"{path} cannot be read ({error.strerror}); check the file and its permissions."
            ) from error
        try:
            self._archive = self._opened()
            infos = self._archive.infolist()
            _check_entries(infos)
            _check_layout(infos, self._archive.start_dir, self._file)
        except BaseException:
            self._file.close()
            raise
        self._infos = {info.filename: info for info in infos}
        self.names = list(self._infos)
        self.sizes = {name: info.file_size for name, info in self._infos.items()}

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, name: str) -> bytes:
        """The content of an entry. Raises Refusal where it is damaged or has another size than it
        says."""
        info = self._infos[name]
        try:
            # A size is given to read, so that a stream which unpacks to more than it announces is
            # not unpacked.
            with self._archive.open(info) as stream:
                data = stream.read(info.file_size)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            OSError,
            ValueError,
            struct.error,
        ) as error:
            raise Refusal(
                f"{name} cannot be decompressed ({one_line(str(error))[:100]})."
            ) from error
        if len(data) != info.file_size:
            raise Refusal(f"{name} has {len(data)} bytes where its header says {info.file_size}.")
        return data

    def _opened(self) -> zipfile.ZipFile:
        size = os.fstat(self._file.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise Refusal(f"the file has {size} bytes; a submission has at most {MAX_FILE_BYTES}.")
        if size < _END.size:
            raise Refusal("the file is no zip: it is too short.")
        self._file.seek(max(size - _END.size - _LOCATOR_BYTES, 0))
        tail = self._file.read()
        signature, *numbers, directory_bytes, start, comment = _END.unpack(tail[-_END.size :])
        if signature != b"PK\x05\x06" or comment:
            raise Refusal("the file does not end as a zip without a comment does.")
        disk, first_disk, here, entries = numbers
        if disk or first_disk or here != entries or not 0 < entries <= MAX_ENTRIES:
            raise Refusal(
                f"the zip announces {entries} entries; a submission has 1 to {MAX_ENTRIES}, on one"
                f" disk."
            )
        # zipfile would believe the other end record, whatever this one says.
        if tail.startswith(_LOCATOR):
            raise Refusal("the zip has a second end record (zip64), which no submission has.")
        if start + directory_bytes + _END.size != size or directory_bytes > entries * (
            _DIRECTORY_BYTES + MAX_NAME
        ):
            raise Refusal(
                "the zip's directory is not where its end says, or too long for its entries."
            )
        try:
            archive = zipfile.ZipFile(self._file)
        except (
            zipfile.BadZipFile,
            struct.error,
            NotImplementedError,
            ValueError,
            OverflowError,
            OSError,
        ) as error:
            raise Refusal(f"the file is no readable zip ({one_line(str(error))[:100]}).") from error
        if len(archive.infolist()) != entries:
            raise Refusal(
                f"the zip announces {entries} entries and lists {len(archive.infolist())}."
            )
        return archive


def _check_entries(infos: list[zipfile.ZipInfo]) -> None:
    """Raises Refusal for a name that leads elsewhere, a link, an encrypted or oversized entry, or a
    name that comes twice."""
    seen, total = set(), 0
    for info in infos:
        shown = one_line(info.orig_filename)[:MAX_NAME]
        mode = info.external_attr >> 16
        parts = info.orig_filename.replace("\\", "/").split("/")
        if info.orig_filename.startswith(("/", "\\")) or ".." in parts or ":" in info.orig_filename:
            raise Refusal(f"the entry '{shown}' has a name that leads out of the file.")
        if (
            info.filename != info.orig_filename
            or len(info.filename) > MAX_NAME
            or not info.filename.isascii()
        ):
            raise Refusal(f"the entry '{shown}' has a name that is too long or not plain.")
        if stat.S_ISLNK(mode):
            raise Refusal(f"the entry '{shown}' is a link.")
        if info.flag_bits & 1:
            raise Refusal(f"the entry '{shown}' is encrypted.")
        if info.filename in seen:
            raise Refusal(f"the zip holds '{shown}' more than once.")
        seen.add(info.filename)
        total += info.file_size
        if info.file_size > MAX_ENTRY_BYTES or total > MAX_CONTENT_BYTES:
            raise Refusal(
                f"the entries unpack to more than is allowed at '{shown}': {MAX_ENTRY_BYTES} bytes"
                f" each,"
                f" {MAX_CONTENT_BYTES} together."
            )
        usual = (
            zipfile.ZIP_DEFLATED,
            _UNIX,
            _VERSION,
            _VERSION,
            _MODE << 16,
            0,
            0,
            0,
            _DATE,
            b"",
            b"",
        )
        found = (
            info.compress_type,
            info.create_system,
            info.create_version,
            info.extract_version,
            info.external_attr,
            info.internal_attr,
            info.volume,
            info.flag_bits,
            info.date_time,
            info.extra,
            info.comment,
        )
        if found != usual:
            raise Refusal(f"the entry '{shown}' is not stored as `leaderboard submit` stores it.")


def _check_layout(infos: list[zipfile.ZipInfo], directory: int, file: BinaryIO) -> None:
    """Raises Refusal unless the entries fill the file from its first byte to the directory, in the
    directory's order.

    The header before each entry must say what the directory says of it.
    """
    place = 0
    for info in infos:
        if info.header_offset != place:
            raise Refusal("the zip holds data between or before its entries.")
        header = info.FileHeader(zip64=False)
        file.seek(place)
        if file.read(len(header)) != header:
            raise Refusal(f"the header of '{info.filename}' differs from the directory.")
        place += len(header) + info.compress_size
    if place != directory:
        raise Refusal("the zip holds data between or before its entries.")
