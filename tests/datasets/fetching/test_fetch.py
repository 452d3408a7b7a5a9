"""Fetching over a real HTTP server: resumed, checked, safely unpacked, and nothing half-done left
in place."""

import hashlib
import importlib.util
import io
import shutil
import socket
import stat
import tarfile
import zipfile
from pathlib import Path
from unittest.mock import patch

import httpx
import numpy as np
import pytest

from benchmark.core.errors import InputError
from datasets.fetching.catalogue import catalogue
from datasets.fetching.download import download
from datasets.fetching.fetch import fetch
from datasets.fetching.unpack import unpack
from datasets.sources.base import SourceOptions
from datasets.sources.open import open_source
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Archive
from tests.support.made_images import busi_folder, msd_folder
from tests.support.made_tasks import publish
from tests.support.serving import serving

BODY = np.random.default_rng(0).bytes(300_000)
LIMIT = 10_000_000


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def test_a_download_is_whole_and_leaves_nothing_else(tmp_path):
    seen = []
    with serving({"/a.tar": BODY}) as server:
        out = download(
            server.address + "a.tar",
            tmp_path / "a.tar",
            md5=md5(BODY),
            report=lambda d, t, **f: seen.append((d, t)),
        )
    assert out.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["a.tar"]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on(tmp_path, ranges):
    with serving({"/a.tar": BODY}, ranges) as server:
        server.cut_after = 100_000
        with pytest.raises(InputError, match="goes on where it stopped"):
            download(server.address + "a.tar", tmp_path / "a.tar", md5=md5(BODY))
        assert not (tmp_path / "a.tar").exists()
        have = (tmp_path / "a.tar.part").stat().st_size
        assert 0 < have <= 100_000
        assert (
            download(server.address + "a.tar", tmp_path / "a.tar", md5=md5(BODY)).read_bytes()
            == BODY
        )
        assert server.requested == [None, f"bytes={have}-"]


def test_a_changed_file_is_not_glued_to_the_old_part(tmp_path):
    other = BODY[::-1]
    with serving({"/a.zip": BODY}) as server:
        server.cut_after = 50_000
        with pytest.raises(InputError):
            download(server.address + "a.zip", tmp_path / "a.zip")
        server.files["/a.zip"] = other
        assert download(server.address + "a.zip", tmp_path / "a.zip").read_bytes() == other


def test_a_part_that_is_whole_already_is_taken(tmp_path):
    (tmp_path / "a.tar.part").write_bytes(BODY)
    with serving({"/a.tar": BODY}) as server:
        assert (
            download(server.address + "a.tar", tmp_path / "a.tar", md5=md5(BODY)).read_bytes()
            == BODY
        )


def test_a_part_longer_than_the_file_is_dropped(tmp_path):
    (tmp_path / "a.tar.part").write_bytes(BODY + b"more")
    with serving({"/a.tar": BODY}) as server:
        with pytest.raises(InputError, match="does not fit and is dropped"):
            download(server.address + "a.tar", tmp_path / "a.tar")
        assert download(server.address + "a.tar", tmp_path / "a.tar").read_bytes() == BODY


def test_a_damaged_download_is_dropped(tmp_path):
    with (
        serving({"/a.tar": BODY[:-1] + b"x"}) as server,
        pytest.raises(InputError, match="is damaged .MD5"),
    ):
        download(server.address + "a.tar", tmp_path / "a.tar", md5=md5(BODY))
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_errors_of_the_server_and_of_the_network_are_one_sentence(tmp_path):
    with serving({}) as server, pytest.raises(InputError, match="b.tar answers 404 Not Found"):
        download(server.address + "b.tar", tmp_path / "b.tar")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        InputError, match=f"cannot download http://127.0.0.1:{port}/a.tar: .*check the network"
    ):
        download(f"http://127.0.0.1:{port}/a.tar", tmp_path / "a.tar")


@pytest.mark.parametrize("left", ["", "{", "[]", "{}", "null", '{"etag": 1}', "\x00"])
def test_a_damaged_note_beside_a_part_is_no_hindrance(tmp_path, left):
    (tmp_path / "a.tar.part").write_bytes(BODY[:1000])
    (tmp_path / "a.tar.part.json").write_text(left)
    with serving({"/a.tar": BODY}) as server:
        out = download(server.address + "a.tar", tmp_path / "a.tar", md5=md5(BODY))
    assert out.read_bytes() == BODY


def test_a_body_that_is_too_long_is_dropped(tmp_path):
    with serving({"/a.tar": BODY}) as server:
        with pytest.raises(InputError, match="sends more than the 1,000 bytes"):
            download(server.address + "a.tar", tmp_path / "a.tar", limit_bytes=1000)
        assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
        whole = download(server.address + "a.tar", tmp_path / "a.tar", limit_bytes=len(BODY))
    assert whole.read_bytes() == BODY


def test_a_server_that_crawls_is_left_and_its_part_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.fetching.download._PATIENCE_S", 0.0)
    monkeypatch.setattr("datasets.fetching.download._SLOWEST", 10**15)
    with serving({"/a.tar": BODY}) as server, pytest.raises(InputError, match="bytes a second"):
        download(server.address + "a.tar", tmp_path / "a.tar")
    assert (tmp_path / "a.tar.part").stat().st_size > 0


def test_what_a_server_says_is_shown_on_one_line(tmp_path):
    def answer(request):
        reason = b"no \x1b[31m " + b"x" * 1000
        return httpx.Response(503, extensions={"reason_phrase": reason})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with patch.object(httpx, "stream", client.stream), pytest.raises(InputError) as refusal:
        download("http://a.example/a.tar", tmp_path / "a.tar")
    assert "answers 503" in str(refusal.value) and str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (206, {"Content-Range": "bytes 0-2/9"}, "a part of the file that was not asked for"),
        (206, {}, "a part of the file that was not asked for"),
    ],
)
def test_a_part_that_nobody_asked_for_is_not_the_whole(tmp_path, status, headers, says):
    client = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(status, headers=headers))
    )
    with patch.object(httpx, "stream", client.stream), pytest.raises(InputError, match=says):
        download("http://a.example/a.tar", tmp_path / "a.tar")


def test_a_redirect_to_an_open_address_is_not_followed(tmp_path):
    def answer(request):
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://a.example/b.tar"})
        return httpx.Response(200, content=BODY)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with (
        patch.object(httpx, "stream", client.stream),
        pytest.raises(InputError, match="without encryption"),
    ):
        download("https://a.example/a.tar", tmp_path / "a.tar")
    assert not (tmp_path / "a.tar.part").exists()


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


@pytest.fixture
def packed_task(tmp_path, monkeypatch):
    """A tar of a small Task05_Prostate, taken as the published one."""
    publish(monkeypatch, "prostate", "prostate_07", "prostate_02", "prostate_11")
    folder = msd_folder(tmp_path / "made" / "Task05_Prostate")
    with tarfile.open(tmp_path / "task.tar", "w") as archive:
        archive.add(folder, "Task05_Prostate")
    return (tmp_path / "task.tar").read_bytes()


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_task_is_fetched_opened_and_not_fetched_again(tmp_path, packed_task):
    root = tmp_path / "new" / "data"
    with serving({"/Task05_Prostate.tar": packed_task}) as server:
        archive = Archive(server.address + "Task05_Prostate.tar", "tar", md5(packed_task), LIMIT)
        done = fetch("prostate", root, archive=archive)
        assert done.folder == root / "Task05_Prostate"
        assert f"published MD5 {md5(packed_task)}" in done.checked
        assert names(root) == ["Task05_Prostate"]
        assert (
            len(open_source("prostate", "auto", root, phantom_cases=1, phantom_size=64).cases())
            == 3
        )
        assert "complete already" in fetch("prostate", root, archive=archive).checked
        assert "complete already" in fetch("prostate", done.folder, archive=archive).checked
        assert len(server.requested) == 1


def test_missing_files_are_added_and_none_replaced(tmp_path, packed_task):
    folder = tmp_path / "data" / "Task05_Prostate"
    shutil.copytree(tmp_path / "made" / "Task05_Prostate", folder)
    kept = folder / "labelsTr" / "prostate_02.nii.gz"
    kept.write_bytes(b"mine")
    shutil.rmtree(folder / "imagesTr")
    with serving({"/t.tar": packed_task}) as server:
        fetch(
            "prostate",
            tmp_path / "data",
            archive=Archive(server.address + "t.tar", "tar", md5(packed_task), LIMIT),
        )
    assert len(list((folder / "imagesTr").iterdir())) == 3
    assert kept.read_bytes() == b"mine"


def test_an_archive_of_something_else_changes_nothing(tmp_path, packed_task):
    other = tar_of((tar_member("other/a.txt"), b"a"))
    with serving({"/t.tar": other}) as server:
        archive = Archive(server.address + "t.tar", "tar", md5(other), LIMIT)
        with pytest.raises(
            InputError, match="is not the published archive: there is no folder Task05_Prostate"
        ):
            fetch("prostate", tmp_path / "data", archive=archive)
    assert names(tmp_path / "data") == []


def test_busi_is_checked_by_its_content(tmp_path, monkeypatch):
    counts = {"malignant": 3, "benign": 2, "normal": 1}
    images = [f"{name} ({n})" for name, count in counts.items() for n in range(1, count + 1)]
    publish(monkeypatch, "breast", *images)
    made = busi_folder(tmp_path / "made", malignant=3, benign=2, normal=1)
    whole = shutil.make_archive(str(tmp_path / "whole"), "zip", made)
    (made / "Dataset_BUSI_with_GT" / "benign" / "benign (2)_mask.png").unlink()
    short = shutil.make_archive(str(tmp_path / "short"), "zip", made)
    with serving(
        {f"/{name}.zip": open(path, "rb").read() for name, path in (("w", whole), ("s", short))}
    ) as server:
        with pytest.raises(
            InputError,
            match="is not the published archive: it holds 1 of 2 benign images with masks",
        ):
            fetch(
                "breast",
                tmp_path / "data",
                archive=Archive(server.address + "s.zip", "zip", None, LIMIT),
            )
        assert names(tmp_path / "data") == []
        done = fetch(
            "breast",
            tmp_path / "data",
            archive=Archive(server.address + "w.zip", "zip", None, LIMIT),
        )
    assert "No checksum is published, so the content was counted: all 6 images" in done.checked
    options = SourceOptions(busi_class="both")
    source = open_source(
        "breast", "auto", tmp_path / "data", phantom_cases=1, phantom_size=64, options=options
    )
    assert source.title == "BUSI (malignant and benign)"


def test_a_data_root_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        fetch("prostate", tmp_path / "file")
    with pytest.raises(InputError, match="unknown dataset 'liver'"):
        fetch("liver", tmp_path)


def test_the_catalogue_names_every_source_and_where_it_lies(tmp_path):
    msd_folder(tmp_path / "Task05_Prostate")
    rows = {(row["dataset"], row["source"]): row for row in catalogue(tmp_path)}
    assert set(rows) == {("prostate", "msd"), ("spleen", "msd"), ("breast", "busi")} | {
        (name, "phantom") for name in ("prostate", "spleen", "breast")
    }
    here = f"{tmp_path / 'Task05_Prostate'}, but dataset.json lists 3 cases, not 32."
    assert rows["prostate", "msd"]["here"] == here
    assert rows["spleen", "msd"]["here"] == ""
    assert rows["breast", "busi"]["address"] == "https://scholar.cu.edu.eg/Dataset_BUSI.zip"
    assert all(row["here"] == "" for row in catalogue() if row["source"] != "phantom")
    assert len(TASKS["breast"].published.cases) == 780


def test_the_checksums_are_those_that_monai_publishes():
    # Read, not imported: importing MONAI takes ten seconds.
    package = Path(importlib.util.find_spec("monai").origin).parent
    published = (package / "apps" / "datasets.py").read_text()
    for name in ("prostate", "spleen"):
        release = TASKS[name].published
        assert f'"{release.folder}": "{release.archive.address}"' in published
        assert f'"{release.folder}": "{release.archive.md5}"' in published
