"""What `status`, `verify` and `gc` say of a store with damaged, edited or missing files: each in a
sentence, and the rest of the store as ever."""

import errno
import json
import os
import shutil
import threading
from types import SimpleNamespace

import pytest

from benchmark.commands.run_output import print_changed_code
from benchmark.commands.store import collect_garbage, print_status
from benchmark.commands.store_check import verify_store
from benchmark.core.errors import InputError
from benchmark.core.files import is_full
from benchmark.engines.attempt import short_of_memory
from benchmark.results.assembly import _code_notes
from benchmark.store.notes import StoreUnusable
from benchmark.store.store import Store
from tests.support.nodes import score_node
from tests.support.runs import run, tiny


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    code, _ = run(folder, tiny("none", "epochs=1"))
    assert code == 0
    return folder


@pytest.fixture
def store(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "store")
    return tmp_path / "store"


def only(store, folder):
    (path,) = (store / folder).glob("*.json")
    return path


def edit(store, *keys, value):
    path = only(store, "records")
    record = json.loads(path.read_text())
    place = record
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(record))


def test_a_sound_store_is_sound(store, capsys):
    assert verify_store(store) == 0 and "0 records in doubt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        (("spec", "seed"), 7, "its spec is not that of its key"),
        (("key",), "ab" * 32, "its file is not named by its key"),
        (("seeds", "segmenter"), 1, "its seeds are not those of its spec"),
        (("split", "train"), ["x"], "its split is not that of the split's hash"),
        (("status",), "failed", "its status is failed"),
        (("cases", 0, "dice"), 0.123, "its case rows differ"),
        (("stages", -1, "version"), 999, "the version of score"),
    ],
)
def test_an_edited_record_is_in_doubt(store, capsys, keys, value, says):
    edit(store, *keys, value=value)
    assert verify_store(store) == 1
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_renamed_record_and_other_costs_are_told(store, capsys):
    edit(store, "stages", 0, "seconds", value=1e6)
    assert verify_store(store) == 0
    assert "tells other times or machines" in " ".join(capsys.readouterr().out.split())
    path = only(store, "records")
    path.rename(path.with_name(f"{'cd' * 32}.json"))
    assert verify_store(store) == 1 and "not named by its key" in capsys.readouterr().err


def test_a_stage_without_its_manifest_is_damaged_and_made_again(store, capsys):
    (manifest,) = store.glob("stages/score/*/manifest.json")
    manifest.unlink()
    assert verify_store(store) == 1
    assert "manifest.json: missing" in " ".join(capsys.readouterr().err.split())
    assert not manifest.parent.exists()
    code, records = run(store, tiny("none", "epochs=1"))
    assert code == 0 and records[0].status == "done"
    assert verify_store(store) == 0


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"key": 1}', "[" * 100_000, None])
@pytest.mark.parametrize("folder", ["runs", "records"])
def test_damaged_notes_are_said_and_left_out(store, capsys, folder, content):
    path = only(store, folder)
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    stages = list(Store(store, write=False).all_stages())
    assert print_status(store) == 0 and f"damaged: {folder}/" in capsys.readouterr().err
    assert verify_store(store) == 1
    assert collect_garbage(store, delete=True) == 0  # the other file tells what the run needs
    assert list(Store(store, write=False).all_stages()) == stages


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("folder", ["runs", "records"])
def test_pipes_and_devices_in_place_of_notes_stop_nothing(store, capsys, folder, make):
    path = only(store, folder)
    path.unlink()
    make(path)
    assert print_status(store) == 0 and f"damaged: {folder}/" in capsys.readouterr().err
    assert verify_store(store) == 1
    assert collect_garbage(store, delete=False) == 0


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("key",), 5),
        (("stages", 0, "key"), 5),
        (("spec", "dataset"), ["a"]),
        (("spec", "architecture"), {}),
        (("spec", "fold"), "a"),
        (("spec", "source", "title"), 5),
        (("stages", 0, "seconds"), "x"),
        (("stages", 0, "seconds"), None),
    ],
)
def test_fields_of_another_kind_stop_nothing(store, keys, value):
    edit(store, *keys, value=value)
    for path in (only(store, "records"), only(store, "runs")):
        only(store, "runs").write_text(path.read_text())
        assert print_status(store) == 0
        assert verify_store(store) == 1
        assert collect_garbage(store, delete=False) == 0


def test_no_text_of_a_store_moves_the_cursor(store, capsys):
    edit(store, "spec", "source", "title", value="\x1b[31mred\x9b")
    only(store, "runs").write_text(only(store, "records").read_text())
    assert print_status(store) == 0
    shown = capsys.readouterr().out
    assert "\N{REPLACEMENT CHARACTER}[31mred" in shown and not {"\x1b", "\x9b"} & set(shown)


def test_nothing_is_removed_while_what_a_run_needs_is_unknown(store, capsys):
    stages = list(Store(store, write=False).all_stages())
    only(store, "runs").write_text("{")
    only(store, "records").unlink()
    assert collect_garbage(store, delete=False) == 0
    with pytest.raises(InputError, match="nothing was removed: what the damaged runs/"):
        collect_garbage(store, delete=True)
    assert list(Store(store, write=False).all_stages()) == stages


def test_records_alone_are_spoken_of(store, capsys):
    for folder in store.iterdir():
        if folder.name != "records":
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    assert print_status(store) == 0 and "1 done" in capsys.readouterr().out
    edit(store, "spec", "seed", value=3)
    assert verify_store(store) == 1


@pytest.mark.parametrize("name", ["nowhere", "x" * 300])
def test_a_store_that_is_not_there_is_one_sentence(tmp_path, name):
    for command in (print_status, verify_store, lambda folder: collect_garbage(folder, False)):
        with pytest.raises(InputError, match="there is no store"):
            command(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_garbage_is_listed_without_writing(store):
    before = sorted(path.name for path in store.rglob("*"))
    assert collect_garbage(store, delete=False) == 0
    assert sorted(path.name for path in store.rglob("*")) == before


def test_a_full_disk_is_seen_while_the_half_written_files_fill_it(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def probe(error, folder):  # a disk that is full as long as the half-written stage is there
        return any(folder.glob("prepare-*/half"))

    def work(folder):
        (folder / "half").write_bytes(b"x")
        raise RuntimeError("SafetensorError: error")

    monkeypatch.setattr("benchmark.store.notes.is_full", probe)
    with pytest.raises(StoreUnusable, match="no space left for stage prepare"):
        store.compute("prepare", "ab" * 32, work)
    assert not any((tmp_path / "tmp").iterdir())


def test_what_libraries_say_of_a_full_disk(tmp_path):
    assert is_full(RuntimeError("I/O error: No space left on device (os error 28)"), tmp_path)
    caused = ValueError("x")
    caused.__cause__ = OSError(errno.EDQUOT, "quota")
    assert is_full(caused, tmp_path) and not is_full(ValueError("x"), tmp_path)


def test_a_shortage_of_memory_is_no_failure_for_good():
    assert short_of_memory(MemoryError()) and short_of_memory(OSError(errno.ENOMEM, "x"))
    wrapped = ValueError("x")
    wrapped.__cause__ = MemoryError()
    assert short_of_memory(wrapped) and not short_of_memory(ValueError("x"))


def test_two_codes_of_one_run_are_noted():
    codes = [{"results": {"own_sha256": letter * 64}} for letter in "aba"] + [{"results": {}}]
    (note,) = _code_notes(codes)
    assert "made by 2 codes (sha256 aaaaaaaaaaaa, bbbbbbbbbbbb)" in note
    assert _code_notes(codes[:1]) == ()


def test_garbage_is_not_collected_while_a_suite_notes_its_runs(store):
    notes, done = Store(store), []
    key, run_key = "ab" * 32, "cd" * 32
    gc = threading.Thread(target=lambda: done.append(collect_garbage(store, delete=True)))
    with notes.noting():
        notes.notes.write_plan(key, {"stage": "score", "key": key})
        gc.start()
        gc.join(0.5)
        assert not done
        stages = [{"stage": "score", "key": key}]
        notes.notes.write_run(run_key, {"key": run_key, "stages": stages})
    gc.join(30)
    assert done == [0] and notes.notes.find_plan(key)["key"] == key


def test_stages_made_before_a_file_was_changed_are_told(tmp_path, capsys):
    store, node = Store(tmp_path), score_node()
    store.compute("score", node.key, lambda folder: {"results": {"own_sha256": "a" * 64}})
    mine = SimpleNamespace(address="mine.py:Mine", sha256="b" * 64)
    own = SimpleNamespace(
        stage="score", key=node.key, spec=SimpleNamespace(method_class=lambda: "own:mine@1")
    )
    print_changed_code([own], {"own:mine@1": mine}, store)
    said = " ".join(capsys.readouterr().out.split())
    assert "1 finished stages were made before mine.py:Mine was changed" in said
    mine.sha256 = "a" * 64
    print_changed_code([own], {"own:mine@1": mine}, store)
    assert not capsys.readouterr().out
