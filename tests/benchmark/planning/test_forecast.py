"""What a dry run says, and the live view with its time left."""

import io
import json
import shutil

import pytest
from rich.console import Console

from benchmark.commands.run import _planned
from benchmark.planning.forecast import forecast
from benchmark.planning.plan import unique_nodes
from benchmark.store.store import Store
from benchmark.terminal import console, live
from benchmark.terminal.time_left import TimeLeft
from tests.support.runs import compute, tiny

RATIOS = [tiny("none"), tiny("emitdiff", ratio=5), tiny("emitdiff", ratio=10)]
MACHINE = "made, 1 core"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def finish(
    store: Store, node, seconds: float, machine: str = MACHINE, memory: float = 100.0
) -> None:
    """A finished stage of a made cost."""
    cost = {"seconds": seconds, "peak_memory_mb": memory, "gpu_memory_mb": 0.0, "machine": machine}

    def work(folder):
        (folder / "a.bin").write_bytes(bytes(1000))
        return node.as_json() | {"results": {}, "cost": cost, "provenance": {}}

    store.compute(node.stage, node.key, work)


def rows(plans, store):
    return {row.stage: row for row in forecast(plans, store).rows}


def test_shared_stages_are_counted_and_what_they_spare(store):
    found = rows(_planned(RATIOS, store).plans, store)
    assert (found["prepare"].total, found["prepare"].shared, found["prepare"].spared) == (1, 1, 2)
    assert (
        found["fit-generator"].total,
        found["fit-generator"].shared,
        found["fit-generator"].spared,
    ) == (1, 1, 1)
    assert (found["synthesize"].total, found["synthesize"].shared, found["synthesize"].spared) == (
        2,
        1,
        1,
    )
    assert (
        found["fit-segmenter"].total,
        found["fit-segmenter"].shared,
        found["fit-segmenter"].spared,
    ) == (3, 0, 0)
    assert not any(row.costs or row.known or row.cached for row in found.values())


def test_costs_of_a_kind_are_foretold_by_machine(store):
    plans = _planned(RATIOS, store).plans
    first, second = [node for node in unique_nodes(plans) if node.stage == "synthesize"]
    finish(store, first, 4.0)
    row = rows(plans, store)["synthesize"]
    assert (row.cached, row.todo, row.known, row.disk_bytes) == (1, 1, 1, 1000)
    cost = row.costs[MACHINE]
    assert (cost.stages, cost.seconds, cost.memory_mb) == (1, 4.0, 100.0)
    assert row.spared_costs[MACHINE].seconds == 4.0  # the first block serves two runs
    finish(store, second, 6.0, "another", memory=7.0)
    done = rows(plans, store)["synthesize"]
    assert done.todo == 0 and done.costs == {}
    assert {machine: cost.seconds for machine, cost in done.spared_costs.items()} == {
        MACHINE: 4.0,
        "another": 6.0,
    }


def test_a_plan_learns_from_other_runs_of_the_store(store):
    known, other = (
        _planned([tiny("none")], store).plans,
        _planned([tiny("none", folds=(1,))], store).plans,
    )
    for node in known[0].nodes:
        finish(store, node, 2.0)
    found = rows(other, store)
    assert found["fit-segmenter"].known == found["fit-segmenter"].todo == 1
    assert found["fit-segmenter"].costs[MACHINE].seconds == 2.0


def test_a_dry_run_shows_what_is_shared_before_and_after_a_part(store, capsys):
    def dry(workers: int | None = None) -> str:
        assert compute(store.root, *RATIOS, actions={"dry_run": True}, workers=workers) == 0
        return capsys.readouterr().out

    before = dry()
    assert "3 runs, 0 of them done" in before and "Forecast from published runs" in before
    assert "Shared: 3 stages serve more than one run; that saves 4 computations." in before
    assert compute(store.root, *RATIOS[:2]) == 0
    capsys.readouterr()
    after = dry(2)
    assert (
        "3 runs, 2 of them done" in after
        and "One stage at a time:" in after
        and "2 at once:" in after
    )
    assert "never measured" not in after
    assert compute(store.root, *RATIOS) == 0
    capsys.readouterr()
    assert "Nothing to do: every run is done." in dry()
    records_alone = store.root.with_name("published")
    shutil.copytree(store.root / "records", records_alone / "records")
    assert compute(records_alone, *RATIOS, actions={"dry_run": True}) == 0
    assert "Nothing to do: every run is done." in capsys.readouterr().out
    next((records_alone / "records").glob("*.json")).unlink()
    assert compute(records_alone, *RATIOS, actions={"dry_run": True}) == 0
    assert "Nothing" not in capsys.readouterr().out


def test_time_left_starts_from_measured_costs_and_learns(store, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("benchmark.terminal.time_left.time.monotonic", lambda: now[0])
    nodes = unique_nodes(_planned(RATIOS, store).plans)
    finish(store, nodes[0], 1.0)
    synthesize = [node.key for node in nodes if node.stage == "synthesize"]
    left = TimeLeft(nodes, store, MACHINE)
    assert left.estimate() == (0.0, len(nodes) - 1)
    left.start(synthesize[0])
    now[0] += 5.0
    assert left.estimate() == (0.0, len(nodes) - 1)
    left.progress(synthesize[0], 0.5)  # half of it took 5 s: 5 more, and 10 for the other block
    assert left.estimate() == (15.0, len(nodes) - 3)
    left.start(synthesize[1])  # two at work
    assert left.estimate() == (7.5, len(nodes) - 3)
    now[0] += 5.0
    left.end(synthesize[0], computed=True)
    assert left.estimate() == (5.0, len(nodes) - 3)


@pytest.mark.parametrize("width", [80, 120])
def test_the_live_view_shows_the_call_and_every_stage_at_work(store, monkeypatch, width):
    screen = Console(
        file=io.StringIO(), force_terminal=True, width=width, height=20, color_system=None
    )
    monkeypatch.setattr(live, "out", screen)
    nodes = unique_nodes(_planned(RATIOS, store).plans)
    left = TimeLeft(nodes, store, None)
    with live.StageProgress(len(nodes), left, lambda: (1, 3)) as progress:
        with progress.stage(nodes[0]):
            pass
        with pytest.raises(RuntimeError), progress.stage(nodes[1]):
            raise RuntimeError
        with progress.stage(nodes[2]) as one, progress.stage(nodes[3]) as other:
            one(3, 8, loss=0.25)
            other(2, 4, loss=0.5, dice=0.75)
            plain = Console(file=io.StringIO(), width=width, color_system=None)
            plain.print(progress._bars.get_renderable())
    lines = plain.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert (
        f"1/{len(nodes)} stages" in lines[0]
        and "1/3 runs" in lines[0]
        and "1 failed" in lines[0]
        and "gone" in lines[0]
    )
    text = " ".join(lines)
    assert (
        nodes[2].stage in text
        and "3/8" in text
        and "loss 0.250" in text
        and "2/4" in text
        and "dice 0.750" in text
    )
    assert "left" in text and "stages never measured" in text


def test_durations_are_short():
    shown = [console.duration(seconds) for seconds in (0, 0.021, 48.4, 700, 12_600, 1e6)]
    assert shown == ["0 s", "0.02 s", "48 s", "12 min", "3.5 h", "12 days"]


def test_a_running_stage_notes_how_far_it_is(store):
    store.notes.write_progress("abc", 3, 8, {"loss": 0.5, "dice": float("nan")})
    assert store.notes.progress("abc") == {"done": 3, "total": 8, "numbers": {"loss": 0.5}}
    store.notes.clear_progress("abc")
    store.notes.clear_progress("abc")
    assert store.notes.progress("abc") is None
    (store.root / "progress" / "abc.json").write_text(json.dumps({"done": 1})[:-2])
    assert store.notes.progress("abc") is None
