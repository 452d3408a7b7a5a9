"""Damaged files, a full disk, a read-only one and a clock that jumps: nothing is lost."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from benchmark.commands.report import write_report
from benchmark.commands.store import print_status
from benchmark.commands.store_check import verify_store
from benchmark.engines import attempt
from benchmark.store.notes import StoreUnusable
from benchmark.store.store import Store
from tests.benchmark.engines.two_runs import _times_computed, computed, content, program, run


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("prepare", "images.npy"),
        ("synthesize", "images.npy"),
        ("fit-segmenter", "weights.safetensors"),
    ],
)
def test_a_damaged_artefact_is_noticed_before_it_is_used(whole, half, stage, name, damage):
    if stage == "synthesize":
        for reader in ("fit-segmenter", "audit"):  # else nobody reads the variants again
            shutil.rmtree(half / "stages" / reader)
    before = computed(half)
    target = sorted((half / "stages" / stage).glob(f"*/{name}"))[0]
    _damage(target, damage)
    assert run(half) == 0
    assert content(half) == content(whole)
    after = computed(half)
    assert {key for key in before if before[key] != after[key]} == {f"{stage} {target.parent.name}"}


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_a_damaged_manifest_is_no_result(whole, half, damage):
    before = computed(half)
    target = sorted((half / "stages" / "fit-segmenter").glob("*/manifest.json"))[0]
    _damage(target, damage)
    assert run(half) == 0
    assert content(half) == content(whole)
    after = computed(half)
    assert {key for key in before if before[key] != after[key]} == {
        f"fit-segmenter {target.parent.name}"
    }


def _damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "delete":
        path.unlink()
    elif how == "truncate":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def test_damaged_scores_and_records_are_made_again(whole, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    scores, records = (
        sorted(store.glob("stages/score/*/cases.json")),
        sorted(store.glob("records/*.json")),
    )
    _damage(scores[0], "flip")
    records[0].unlink()
    _damage(records[1], "truncate")
    before = computed(store)
    assert run(store) == 0
    assert content(store) == content(whole)
    changed = {key for key, inode in computed(store).items() if before[key] != inode}
    assert changed == {f"score {scores[0].parent.name}"}


def test_verify_has_damaged_stages_computed_again(whole, tmp_path, capsys):
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    before = computed(store)
    broken = sorted(store.glob("stages/synthesize/*/images.npy"))[0]
    _damage(broken, "flip")
    assert verify_store(store) == 1
    assert "damaged: synthesize" in capsys.readouterr().err
    said = capsys.readouterr().out if print_status(store) == 0 else ""
    assert (
        "1 done, 0 running, 1 waiting, 0 failed" in said
        and "waiting: synthesize" in said
        and "is damaged" in said
    )
    assert run(store) == 0 and verify_store(store) == 0
    assert content(store) == content(whole)
    after = computed(store)
    assert {key for key in after if before[key] != after[key]} == {
        f"synthesize {broken.parent.name}"
    }


def test_two_programs_on_one_store(whole, suite, tmp_path):
    both = [program(tmp_path / "store", suite) for _ in range(2)]
    for one in both:
        said, _ = one.communicate(timeout=270)
        assert one.returncode == 0, said
    assert content(tmp_path / "store") == content(whole)
    assert set(_times_computed(tmp_path / "store").values()) == {1}


def test_a_full_disk_ends_in_one_sentence_and_nothing_is_lost(whole, small_disk):
    store, ballast = small_disk / "store", small_disk / "ballast"
    Store(store)
    kept, stops = {}, 0
    for free in (16_000, 200_000, 1_500_000, 5_000_000):
        room = shutil.disk_usage(small_disk).free - free
        if room > 0:
            ballast.write_bytes(bytes(room))
        try:
            run(store)
        except StoreUnusable as error:
            stops += 1
            assert "no space left" in str(error) and "\n" not in str(error)
        ballast.unlink(missing_ok=True)
        assert kept.items() <= computed(store).items()
        kept = computed(store)
    assert stops >= 3
    assert run(store) == 0
    assert kept.items() <= computed(store).items()
    assert content(store) == content(whole)


def test_a_read_only_store_can_be_read(whole, small_disk, tmp_path, capsys):
    store = small_disk / "store"
    shutil.copytree(whole, store)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert print_status(store) == 0 and "2 done" in capsys.readouterr().out
    assert verify_store(store) == 0
    assert write_report(store, tmp_path / "page") == 0
    with pytest.raises(StoreUnusable, match="cannot be written .*--store"):
        run(store)


def test_a_clock_that_jumps_changes_nothing(whole, half, monkeypatch):
    for path in half.rglob("*"):
        os.utime(path, (4e9, 4e9))  # as if written in 2096
    before, now = computed(half), [2e9]

    def back_a_year() -> float:
        now[0] -= 3.2e7
        return now[0]

    monkeypatch.setattr(time, "time", back_a_year)
    again = []
    real = attempt.execute
    monkeypatch.setattr(
        attempt,
        "execute",
        lambda store, key, *rest: (again.append(key), real(store, key, *rest))[1],
    )
    assert run(half) == 0
    assert len(again) == 4 and before.items() <= computed(half).items()
    assert content(half) == content(whole)
