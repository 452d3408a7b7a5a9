"""Unpacks a tar or zip archive from outside: plain files only, inside one folder, up to a given
size.

Refused: names that leave the folder, links, devices, encrypted members, more bytes than announced.
Left out: the archive's permissions, owners and times, and the files macOS adds ("._name",
"__MACOSX").
"""

import errno
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Self

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.core.texts import one_line, one_line_of

_CHUNK_BYTES = 1 << 20
MOST_FILES = 50_000  # the largest published archive holds about 2,000
_LONGEST_NAME = 200
# Headers that hold a long name or other words on the next member; tarfile reads each whole.
_WORDS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MOST_WORDS_BYTES = 1 << 20
_READ_ERRORS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    UnicodeError,  # a name that is not UTF-8
    ValueError,  # a header that says nonsense
    RecursionError,
    OverflowError,
)


class _Member(tarfile.TarInfo):
    """A member of a tar whose words are short."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _WORDS and member.size > _MOST_WORDS_BYTES:
            raise tarfile.ReadError(f"a header of {member.size:,} bytes")
        return member


def unpack(
    archive: Path, kind: str, out: Path, *, limit_bytes: int, report: Report = silent
) -> None:
    """Unpacks `archive` ("tar", compressed or not, or "zip") into the folder `out`.

    report: bytes written so far, of at most limit_bytes. Raises InputError for damaged archives and
    for whatever is refused, OSError where the disk is full; what was written by then stays in
    `out`, which the caller drops.
    """
    written = count = 0
    try:
        for name, stream in _tar_members(archive) if kind == "tar" else _zip_members(archive):
            target = _target(archive, name, out)
            if target is None:
                continue
            count += 1
            if count > MOST_FILES:
                raise InputError(
                    f"{archive.name} holds more than {MOST_FILES:,} files; it is not the published"
                    f" archive."
                )
            try:
                if target.exists():
                    raise _refused(archive, name, "appears twice")
                target.parent.mkdir(parents=True, exist_ok=True)
                file = target.open("xb")
            except (FileExistsError, NotADirectoryError) as error:
                raise _refused(archive, name, "lies below another file") from error
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                raise _refused(archive, name, "has too long a name") from error
            with file:
                while chunk := stream.read(_CHUNK_BYTES):
                    written += len(chunk)
                    if written > limit_bytes:
                        raise InputError(
                            f"{archive.name} unpacks to more than the {limit_bytes / 1e9:g} GB"
                            f" expected of it;"
                            " it is not the published archive."
                        )
                    file.write(chunk)
            report(written, limit_bytes)
    except _READ_ERRORS as error:
        raise InputError(
            f"cannot unpack {archive}: {one_line_of(error)}; remove it and download it again."
        ) from error


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive, "r:*", tarinfo=_Member) as opened:
        for member in opened:
            if member.isdir():
                continue
            if not member.isreg():
                raise _refused(archive, member.name, "is a link or a device")
            stream = opened.extractfile(member)
            if stream is not None:
                yield member.name, stream


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            if member.is_dir():
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise _refused(archive, member.filename, "is a link or a device")
            if member.flag_bits & 0x1:
                raise _refused(archive, member.filename, "is encrypted")
            with opened.open(member) as stream:
                yield member.filename, stream


def _target(archive: Path, name: str, out: Path) -> Path | None:
    """Where a member goes, None for macOS's own files; raises InputError for a name that leaves
    `out`."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if (
        not name
        or "\0" in name
        or posix.is_absolute()
        or windows.drive
        or windows.root
        or ".." in {*posix.parts, *windows.parts}
    ):
        raise _refused(archive, name, "leaves the folder it is unpacked into")
    if "__MACOSX" in posix.parts or posix.name.startswith("._") or posix.name == ".DS_Store":
        return None
    return out / posix


def _refused(archive: Path, name: str, why: str) -> InputError:
    shown = one_line(name)
    shown = shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}..."
    return InputError(
        f"{archive.name} holds '{shown}', which {why}; it is not the published archive."
    )
