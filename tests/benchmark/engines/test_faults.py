"""What goes wrong on real machines, done for real. After each fault the same command ends complete,
computes nothing again that was finished, and writes the same record.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmark.commands.report import write_report
from benchmark.commands.store import print_status
from benchmark.commands.store_check import verify_store
from benchmark.engines import attempt, processes, ray_engine
from benchmark.stages.catalogue import STAGES
from benchmark.store.notes import StoreUnusable
from benchmark.store.store import Store
from benchmark.training.checkpoint import Checkpoint
from tests.support.runs import TINY, compute, tiny

ROOT = Path(__file__).resolve().parents[3]
AUDITED = "audit=true"  # so that every stage is there; method none has no samples to audit
REQUESTS = (tiny("none"), tiny("emitdiff", AUDITED))
SUITE = f"""
runs:
  - dataset: prostate
    method: [none, emitdiff]
    source: phantom
    architecture: unet
    folds: 0
    sets: {json.dumps([*TINY, AUDITED])}
"""
COSTS = ("seconds", "peak_memory_mb", "gpu_memory_mb", "machine")


def run(store: Path, engine: str = "inline", **options) -> int:
    return compute(store, *REQUESTS, engine=engine, **options)


def content(store: Path) -> dict[str, bytes]:
    """Every record without its costs and provenance, as bytes."""
    found = {}
    for path in sorted((store / "records").glob("*.json")):
        record = json.loads(path.read_bytes())
        del record["provenance"]
        record["stages"] = [
            {k: v for k, v in stage.items() if k not in COSTS} for stage in record["stages"]
        ]
        found[path.name] = json.dumps(record, indent=1).encode()
    return found


def computed(store: Path) -> dict[str, tuple[int, int]]:
    """When each stage was put in place: stage and key -> what a second computation would change."""
    found = {}
    for stage, key in Store(store).all_stages():
        status = Store(store).folder(stage, key).stat()
        # a freed inode number may come back at once
        found[f"{stage} {key}"] = (status.st_ino, status.st_ctime_ns)
    return found


def program(
    store: Path, suite: Path, *options: str, start: tuple[str, ...] = ("cli.py",)
) -> subprocess.Popen:
    """The suite as a program of its own, or with a part of it that fails."""
    words = [
        "suite",
        str(suite),
        "--preset",
        "smoke",
        "--store",
        str(store),
        "--device",
        "cpu",
        *options,
    ]
    start = [sys.executable, *start, *words]
    return subprocess.Popen(
        start, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store in which nothing went wrong."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder) == 0
    return folder


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "tiny.yaml").write_text(SUITE)
    return tmp_path / "tiny.yaml"


@pytest.fixture
def half(whole, tmp_path):
    """A copy of it from which the records and the last two stages of every run are gone."""
    folder = tmp_path / "half"
    shutil.copytree(whole, folder)
    for name in ("records", "stages/score", "stages/predict"):
        shutil.rmtree(folder / name)
    return folder


@pytest.mark.slow
def test_kill_9_of_the_program_in_each_stage(whole, suite, tmp_path):
    store, kept = tmp_path / "store", {}
    present = {stage for stage, _ in Store(whole).all_stages()}
    # of the preset paper alone
    assert {stage for stage in STAGES if stage not in present} <= {"pretrain"}
    for stage in (stage for stage in STAGES if stage in present):
        died = program(
            store,
            suite,
            start=("-m", "tests.support.faulty", stage, str(tmp_path / stage), "1", "cli"),
        )
        said, _ = died.communicate(timeout=120)
        assert died.returncode == -9, said
        assert kept.items() <= computed(store).items()
        kept = computed(store)
    assert run(store) == 0
    assert kept.items() <= computed(store).items() and not list((store / "tmp").iterdir())
    assert content(store) == content(whole)


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_training_goes_on_from_its_checkpoint(
    whole, half, suite, tmp_path, monkeypatch
):
    shutil.rmtree(half / "stages" / "fit-segmenter")
    kept = computed(half)
    died = program(
        half,
        suite,
        start=(
            "-m",
            "tests.support.faulty",
            "fit-segmenter:mid",
            str(tmp_path / "flag"),
            "1",
            "cli",
        ),
    )
    said, _ = died.communicate(timeout=120)
    assert died.returncode == -9, said
    assert len(list((half / "partial").iterdir())) == 1
    found = []
    real = Checkpoint.load
    monkeypatch.setattr(Checkpoint, "load", lambda self: found.append(real(self)) or found[-1])
    assert run(half) == 0
    # one training went on, the other had not begun
    assert sorted(one is not None for one in found) == [False, True]
    assert kept.items() <= computed(half).items() and not list((half / "partial").iterdir())
    assert content(half) == content(whole)


@pytest.mark.slow
def test_kill_9_of_a_worker_costs_one_stage(whole, tmp_path, monkeypatch):
    faulty = [
        sys.executable,
        "-m",
        "tests.support.faulty",
        "fit-segmenter",
        str(tmp_path / "flag"),
        "1",
        "worker",
    ]
    monkeypatch.setattr(processes, "COMMAND", faulty)
    assert run(tmp_path / "store", "processes", workers=2) == 0
    assert (tmp_path / "flag").read_text() == "1"
    assert content(tmp_path / "store") == content(whole)


@pytest.mark.slow
def test_a_stage_that_always_kills_its_worker_fails_alone(
    whole, half, tmp_path, monkeypatch, capsys
):
    shutil.rmtree(half / "stages" / "fit-generator")
    shutil.rmtree(half / "stages" / "synthesize")
    faulty = [
        sys.executable,
        "-m",
        "tests.support.faulty",
        "fit-generator",
        str(tmp_path / "flag"),
        "99",
        "worker",
    ]
    monkeypatch.setattr(processes, "COMMAND", faulty)
    assert run(half, "processes", workers=2) == 1
    assert (tmp_path / "flag").read_text() == "3" and "SIGKILL" in capsys.readouterr().err
    assert sum(json.loads(text)["status"] == "done" for text in content(half).values()) == 1
    monkeypatch.undo()
    assert run(half, "processes", retry_failed=False) == 0  # a death is no verdict on the stage
    assert content(half) == content(whole)


@pytest.mark.slow
def test_the_program_takes_its_workers_along(suite, tmp_path):
    started = program(tmp_path / "store", suite, "--engine", "processes", "--workers", "2")
    assert any(line.startswith("[1/") for line in started.stdout)
    mine = _children(started.pid)
    assert mine
    started.kill()
    started.communicate()
    assert not _left(mine)


def _left(pids: list[str]) -> list[str]:
    """Those processes that are still there after a while."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


@pytest.mark.slow
def test_an_interrupt_ends_the_program_and_its_workers(whole, suite, tmp_path):
    started = program(tmp_path / "store", suite, "--engine", "processes", "--workers", "2")
    assert any(line.startswith("[1/") for line in started.stdout)
    mine = _children(started.pid)
    started.send_signal(signal.SIGINT)
    said, _ = started.communicate(timeout=20)
    assert (
        started.returncode == 130 and "finished stages are kept" in said and "Traceback" not in said
    )
    assert not _left(mine)
    assert not Store(tmp_path / "store").notes.failures()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_of_a_ray_node_in_mid_suite(whole, tmp_path, monkeypatch):
    for name in ("RAY_USAGE_STATS_ENABLED", ray_engine.LOOPBACK, ray_engine.NICENESS):
        monkeypatch.setenv(name, "0")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        doomed = cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
        cluster.wait_for_nodes()
        store = tmp_path / "store"

        def kill() -> None:  # after the preparation two stages can go on, one per node
            while len(list((store / "logs").glob("*.log"))) < 3:
                time.sleep(0.05)
            cluster.remove_node(doomed, allow_graceful=False)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        assert run(store, "ray", address=cluster.address) == 0
        assert not killer.is_alive()
    finally:
        cluster.shutdown()
    assert content(store) == content(whole)
    assert computed(store).keys() == computed(whole).keys()
    assert set(_times_computed(store).values()) == {1}


def _times_computed(store: Path) -> dict[str, int]:
    return {
        path.stem: path.read_text().count("\ndone in ") for path in (store / "logs").glob("*.log")
    }


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
        said, _ = one.communicate(timeout=120)
        assert one.returncode == 0, said
    assert content(tmp_path / "store") == content(whole)
    assert set(_times_computed(tmp_path / "store").values()) == {1}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MB in memory; skips where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True
    )
    if done.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


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
