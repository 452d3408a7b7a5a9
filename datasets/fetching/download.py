"""Downloads one file over HTTP: streamed, resumed where it stopped, checked by size and checksum.

Not here: which file, and what is done with it.
"""

import hashlib
import json
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.core.texts import one_line_of

_TIMEOUT_S = httpx.Timeout(30.0)


def download(address: str, out: Path, *, md5: str | None = None, report: Report = silent) -> Path:
    """Downloads `address` to `out`; an earlier attempt's `<out>.part` is continued where the server
    can do so.

    report: done and total in bytes (total 0 where the server does not say). Raises InputError where
    the server cannot be reached or answers with an error, where the transfer ends early (the part
    is kept), and where the checksum differs (the part is dropped).
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    try:
        with FileLock(out.with_name(f".{out.name}.lock"), timeout=0):
            _transfer(address, part, report)
            _check(address, part, md5)
            part.replace(out)
            _tag_file(part).unlink(missing_ok=True)
    except Timeout as error:
        raise InputError(f"another download to {out} is running; wait for it to end.") from error
    return out


def _transfer(address: str, part: Path, report: Report) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        # The server sends the whole file where it has changed since the part was made.
        if _tag_file(part).exists():
            headers["If-Range"] = json.loads(_tag_file(part).read_text())["etag"]
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
                    f"{address} answers {response.status_code} {response.reason_phrase}; try again"
                    f" later."
                )
            _write_body(response, part, have, report)
    except httpx.HTTPError as error:
        raise InputError(
            f"cannot download {address}: {one_line_of(error)}; check the network and run the same"
            f" command again, it goes"
            " on where it stopped."
        ) from error


def _write_body(response: httpx.Response, part: Path, have: int, report: Report) -> None:
    resumed = response.status_code == httpx.codes.PARTIAL_CONTENT and response.headers.get(
        "content-range", ""
    ).startswith(f"bytes {have}-")
    done = have if resumed else 0
    length = response.headers.get("content-length", "")
    total = done + int(length) if length.isdigit() else 0
    if not resumed:
        _remember_tag(response, part)
    with part.open("ab" if resumed else "wb") as stream:
        # As the bytes arrive: a larger chunk would be lost where the transfer breaks off inside it.
        for chunk in response.iter_raw():
            stream.write(chunk)
            done += len(chunk)
            report(done, total)


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


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
