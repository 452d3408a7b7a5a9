"""A download is whole, goes on where it was cut, and leaves nothing else."""

import socket
from unittest.mock import patch

import httpx
import pytest

from benchmark.core.errors import InputError
from datasets.fetching.download import download
from tests.datasets.fetching.archives import BODY, md5
from tests.support.serving import serving


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
