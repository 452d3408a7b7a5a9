"""What goes wrong on real machines, done for real. After each fault the same command ends complete,
computes nothing again that was finished, and writes the same record.
"""

import json
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmark.engines import processes, ray_engine
from benchmark.stages.catalogue import STAGES
from benchmark.store.store import Store
from benchmark.training.checkpoint import Checkpoint
from tests.benchmark.engines.two_runs import (
    _times_computed,
    computed,
    content,
    program,
    run,
)


@pytest.mark.slow
def test_kill_9_of_the_program_in_each_stage(whole, suite, tmp_path):
    store, kept = tmp_path / "store", {}
    present = {stage for stage, _ in Store(whole).all_stages()}
    # of the preset paper alone, and of weights that are fetched
    assert {stage for stage in STAGES if stage not in present} <= {"pretrain", "features"}
    for stage in (stage for stage in STAGES if stage in present):
        died = program(
            store,
            suite,
            start=("-m", "tests.support.faulty", stage, str(tmp_path / stage), "1", "cli"),
        )
        said, _ = died.communicate(timeout=270)
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
    said, _ = died.communicate(timeout=270)
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
    said, _ = started.communicate(timeout=120)
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
