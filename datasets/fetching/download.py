"""Downloads one file over HTTP: streamed, resumed where it stopped, checked by size and checksum.

Not here: which file, and what is done with it.
"""

import hashlib
import json
import time
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.core.texts import one_line, one_line_of

_TIMEOUT_S = httpx.Timeout(30.0)
_LONGEST_REASON = 100
_PATIENCE_S, _SLOWEST = 300.0, 1_000  # bytes a second on average, after that time


def download(
    address: str,
    out: Path,
    *,
    md5: str | None = None,
    limit_bytes: int | None = None,
    report: Report = silent,
) -> Path:
    """Downloads `address` to `out`; an earlier attempt's `<out>.part` is continued where the server
    can do so.

    report: done and total in bytes (total 0 where the server does not say). Raises InputError where
    the server cannot be reached or answers with an error, where the transfer ends early (the part
    is kept), where the checksum differs, and where more than `limit_bytes` come (the part is
    dropped).
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    try:
        with FileLock(out.with_name(f".{out.name}.lock"), timeout=0):
            _transfer(address, part, limit_bytes, report)
            _check(address, part, md5)
            part.replace(out)
            _tag_file(part).unlink(missing_ok=True)
    except Timeout as error:
        raise InputError(f"another download to {out} is running; wait for it to end.") from error
    return out


def _transfer(address: str, part: Path, limit_bytes: int | None, report: Report) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        # The server sends the whole file where it has changed since the part was made.
        if tag := _known_tag(part):
            headers["If-Range"] = tag
    try:
        with httpx.stream(
            "GET", address, headers=headers, follow_redirects=True, timeout=_TIMEOUT_S
        ) as response:
            if have and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                if response.headers.get("content-range") == f"bytes */{have}":
                    return
                part.unlink()
                raise InputError(
                    f"the part of {address} downloaded before does not fit and is dropped; run it"
                    f" again."
                )
            if response.is_error:
                raise InputError(
                    f"{address} answers {response.status_code}"
                    f" {one_line(response.reason_phrase)[:_LONGEST_REASON]}; try again later."
                )
            if address.startswith("https:") and response.url.scheme != "https":
                raise InputError(
                    f"{address} leads to an address without encryption; it was not followed."
                )
            if response.status_code == httpx.codes.PARTIAL_CONTENT and not _goes_on(response, have):
                raise InputError(
                    f"{address} answers with a part of the file that was not asked for; try again"
                    f" later."
                )
            if not _write_body(response, part, have, limit_bytes, report):
                part.unlink()
                _tag_file(part).unlink(missing_ok=True)
                raise InputError(
                    f"{address} sends more than the {limit_bytes or 0:,} bytes that the file may"
                    f" have; it is not the published file, and was dropped."
                )
    except httpx.HTTPError as error:
        raise InputError(
            f"cannot download {address}: {one_line_of(error)}; check the network and run the same"
            f" command again, it goes"
            " on where it stopped."
        ) from error


def _write_body(
    response: httpx.Response, part: Path, have: int, limit_bytes: int | None, report: Report
) -> bool:
    """Writes the body to `part`, after what is there if the server goes on from there. False where
    more than `limit_bytes` come."""
    resumed = _goes_on(response, have)
    done = have if resumed else 0
    length = response.headers.get("content-length", "")
    total = done + int(length) if length.isdigit() else 0
    if not resumed:
        _remember_tag(response, part)
    start, before = time.monotonic(), done
    with part.open("ab" if resumed else "wb") as stream:
        # As the bytes arrive: a larger chunk would be lost where the transfer breaks off inside it.
        for chunk in response.iter_raw():
            done += len(chunk)
            if limit_bytes is not None and done > limit_bytes:
                return False
            stream.write(chunk)
            report(done, total)
            seconds = time.monotonic() - start
            if seconds > _PATIENCE_S and done - before < seconds * _SLOWEST:
                raise InputError(
                    f"the server sends less than {_SLOWEST:,} bytes a second; run the same command"
                    f" again later, it goes on where it stopped."
                )
    return True


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _goes_on(response: httpx.Response, have: int) -> bool:
    """Whether the body is what follows after the `have` bytes that are here."""
    place = response.headers.get("content-range", "")
    partial = response.status_code == httpx.codes.PARTIAL_CONTENT
    return bool(have) and partial and place.startswith(f"bytes {have}-")


def _known_tag(part: Path) -> str | None:
    """The server's name for the version that the part is of; None where it was never written down,
    or not to its end."""
    try:
        tag = json.loads(_tag_file(part).read_bytes())["etag"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return tag if isinstance(tag, str) and tag.isascii() and tag.isprintable() else None


def _remember_tag(response: httpx.Response, part: Path) -> None:
    tag = response.headers.get("etag", "")
    if tag and not tag.startswith("W/"):
        _tag_file(part).write_text(json.dumps({"etag": tag}))
    else:
        _tag_file(part).unlink(missing_ok=True)


def _check(address: str, part: Path, md5: str | None) -> None:
    if md5 is None:
        return
    with part.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    if found != md5:
        part.unlink()
        _tag_file(part).unlink(missing_ok=True)
        raise InputError(
            f"the download of {address} is damaged (MD5 {found}, published {md5}) and was dropped;"
            f" run the same command"
            " again."
        )
