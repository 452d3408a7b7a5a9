"""Archives made for tests, and the bytes that servers give."""

import hashlib
import io
import tarfile

import numpy as np

LIMIT = 10_000_000

BODY = np.random.default_rng(0).bytes(300_000)


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member, body in members:
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return packed.getvalue()


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member
