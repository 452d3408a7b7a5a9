"""Archives that do harm, swell or are damaged are refused in one sentence."""

import stat
import tarfile
import zipfile

import pytest

from benchmark.core.errors import InputError
from datasets.fetching.unpack import unpack
from tests.datasets.fetching.archives import LIMIT, tar_member, tar_of


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (tar_member("../escape.txt"), "leaves the folder"),
        (tar_member("a/../../escape.txt"), "leaves the folder"),
        (tar_member("/etc/escape.txt"), "leaves the folder"),
        (tar_member("C:\\escape.txt"), "leaves the folder"),
        (tar_member("a/link", tarfile.SYMTYPE, "/etc/passwd"), "is a link or a device"),
        (tar_member("a/link", tarfile.LNKTYPE, "../../escape.txt"), "is a link or a device"),
        (tar_member("a/pipe", tarfile.FIFOTYPE), "is a link or a device"),
        (tar_member("a/device", tarfile.CHRTYPE), "is a link or a device"),
        (tar_member("good.txt"), "appears twice"),
        (tar_member("good.txt/below"), "lies below another file"),
        (tar_member("x" * 300), "has too long a name"),
        (tar_member("../a\n\x1b[31mb"), r"holds '../a \[31mb'"),
    ],
)
def test_tar_members_that_do_harm_are_refused(tmp_path, member, message):
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_of((tar_member("good.txt"), b"good"), (member, b"")))
    (tmp_path / "in" / "side").mkdir(parents=True)
    with pytest.raises(InputError, match=message):
        unpack(archive, "tar", tmp_path / "in" / "side", limit_bytes=LIMIT)
    assert not list(tmp_path.rglob("escape.txt"))
    assert not list(tmp_path.rglob("link"))


def test_zip_members_that_do_harm_are_refused(tmp_path):
    link = zipfile.ZipInfo("a/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for member in ("../escape.txt", "/escape.txt", "..\\escape.txt", link):
        archive = tmp_path / "a.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(member, "x")
        with pytest.raises(InputError, match="leaves the folder|is a link"):
            unpack(archive, "zip", tmp_path / "in", limit_bytes=LIMIT)
    assert not list(tmp_path.rglob("*escape.txt"))


def test_an_archive_that_swells_is_stopped(tmp_path):
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("zeros", bytes(5_000_000))
    assert archive.stat().st_size < 10_000
    with pytest.raises(InputError, match="unpacks to more than the 0.001 GB"):
        unpack(archive, "zip", tmp_path / "in", limit_bytes=1_000_000)


def test_damaged_archives_are_refused_and_macos_files_left_out(tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(
        tar_of((tar_member("d/a.txt"), b"a" * 5000), (tar_member("d/._a.txt"), b"b"))[:2000]
    )
    with pytest.raises(InputError, match="cannot unpack"):
        unpack(archive, "tar", tmp_path / "in", limit_bytes=LIMIT)
    archive.write_bytes(tar_of((tar_member("d/a.txt"), b"a"), (tar_member("d/._a.txt"), b"b")))
    unpack(archive, "tar", tmp_path / "whole", limit_bytes=LIMIT)
    assert [path.name for path in (tmp_path / "whole" / "d").iterdir()] == ["a.txt"]
    (tmp_path / "a.zip").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match="cannot unpack"):
        unpack(tmp_path / "a.zip", "zip", tmp_path / "in", limit_bytes=LIMIT)


def test_odd_names_and_headers_are_one_sentence(tmp_path, monkeypatch):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("\u00e4\u00e4.png", "x")
    archive.write_bytes(archive.read_bytes().replace("\u00e4\u00e4".encode(), b"\xff\xfe\xff\xfe"))
    with pytest.raises(InputError, match="cannot unpack|holds"):
        unpack(archive, "zip", tmp_path / "zip", limit_bytes=LIMIT)
    sparse = tar_member("a.txt")
    sparse.pax_headers = {"GNU.sparse.major": "x", "GNU.sparse.map": "a,b"}
    (tmp_path / "a.tar").write_bytes(tar_of((sparse, b"a")))
    with pytest.raises(InputError, match="cannot unpack"):
        unpack(tmp_path / "a.tar", "tar", tmp_path / "tar", limit_bytes=LIMIT)
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, 1_500_000_000
    (tmp_path / "c.tar").write_bytes(head.tobuf(tarfile.USTAR_FORMAT) + bytes(10_240))
    with pytest.raises(InputError, match="a header of 1,500,000,000 bytes"):
        unpack(tmp_path / "c.tar", "tar", tmp_path / "c", limit_bytes=LIMIT)
    monkeypatch.setattr("datasets.fetching.unpack.MOST_FILES", 2)
    (tmp_path / "b.tar").write_bytes(tar_of(*((tar_member(f"{n}"), b"") for n in range(3))))
    with pytest.raises(InputError, match="more than 2 files"):
        unpack(tmp_path / "b.tar", "tar", tmp_path / "many", limit_bytes=LIMIT)
