"""The store: whole or absent, damage found, locks freed by death, unwritable folders said."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.core.errors import InputError
from benchmark.core.files import write_json
from benchmark.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
KEY = "ab" * 32


def work(text: str):
    def write(folder: Path) -> dict:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text(text)
        return {"spec": {}, "cost": {"seconds": 1}}

    return write


def test_a_computed_stage_is_whole(tmp_path):
    store = Store(tmp_path / "s")
    assert not store.has("prepare", KEY)
    store.compute("prepare", KEY, work("hello"))
    assert store.has("prepare", KEY)
    assert store.manifest("prepare", KEY)["files"]["sub/a.txt"]["bytes"] == 5
    assert store.damage("prepare", KEY) == []
    assert list(store.all_stages()) == [("prepare", KEY)]
    assert not list((tmp_path / "s" / "tmp").iterdir())


def test_a_failing_stage_leaves_nothing(tmp_path):
    store = Store(tmp_path)

    def fails(folder: Path) -> dict:
        (folder / "half.txt").write_text("half")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        store.compute("score", KEY, fails)
    assert not store.has("score", KEY) and not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_damage_is_found(tmp_path, damage):
    store = Store(tmp_path)
    store.compute("predict", KEY, work("0123456789"))
    path = store.folder("predict", KEY) / "sub" / "a.txt"
    if damage == "truncate":
        path.write_text("01234")
    elif damage == "flip":
        path.write_text("0123456780")
    else:
        path.unlink()
    assert len(store.damage("predict", KEY)) == 1


def test_every_changed_byte_of_a_manifest_is_noticed(tmp_path):
    store = Store(tmp_path)
    store.compute("predict", KEY, work("hello"))
    path = store.folder("predict", KEY) / "manifest.json"
    whole = path.read_bytes()
    for position in range(len(whole) - 1):  # the last is the final newline
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert store.damage("predict", KEY), changed[: position + 1]


def test_a_new_computation_replaces_the_old(tmp_path):
    store = Store(tmp_path)
    store.compute("predict", KEY, work("old"))
    store.compute("predict", KEY, work("new"))
    assert (store.folder("predict", KEY) / "sub" / "a.txt").read_text() == "new"


def test_a_lock_is_seen_by_others_and_freed_by_kill(tmp_path):
    store = Store(tmp_path)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom benchmark.store.store import Store\n"
        f"with Store(Path({str(tmp_path)!r})).locked({KEY!r}):\n    print('held', flush=True)\n   "
        f" time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert owner.stdout.readline().strip() == "held"
        assert store.is_locked(KEY)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait(10)
        start = time.monotonic()
        with store.locked(KEY):
            assert time.monotonic() - start < 5
        assert not store.is_locked(KEY)
    finally:
        owner.kill()
        owner.stdout.close()


def test_leftovers_of_a_dead_owner_are_removed(tmp_path):
    store = Store(tmp_path)
    (tmp_path / "tmp" / f"score-{KEY}-dead").mkdir()
    store.compute("score", KEY, work("x"))
    assert not list((tmp_path / "tmp").iterdir())


def test_json_is_replaced_whole(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_in_place_of_the_store_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Store(tmp_path / "file" / "store")


def test_keys_are_found_by_prefix_and_nothing_else_is_a_key(tmp_path):
    store = Store(tmp_path)
    store.notes.write_plan(KEY, {"stage": "score", "key": KEY})
    assert store.notes.find_plan("abab")["stage"] == "score"
    with pytest.raises(InputError, match="no stage"):
        store.notes.find_plan("cd")
    with pytest.raises(InputError, match="not a key"):
        store.notes.find_plan("../../etc")
