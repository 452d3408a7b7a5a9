"""How steps are recorded: plain ones first, one recording, replays; and what happens where that
cannot be done."""

import json
import logging

import torch
from torch import nn

from baselines.objectives.objectives import RealObjective
from benchmark.results.assembly import _graph_notes
from benchmark.training.graphs import (
    WARM_UP_STEPS,
    Graphs,
    make_graphs,
    read_graphs,
    set_learning_rate,
)
from benchmark.training.microbatch import SHORTAGE
from tests.benchmark.training.test_static_step import (
    fitted,
    network,
    on_tape,
    same,
    shown,
)
from tests.support.taped import Tapes


class Counted:
    """A step that notes its calls."""

    def __init__(self):
        self.calls, self.total = 0, torch.zeros(())

    def __call__(self):
        self.calls += 1
        self.total += 1


def test_a_step_is_run_plainly_then_recorded_once_and_replayed():
    work, tapes = Counted(), Tapes()
    graphs = Graphs(tapes)
    step = graphs.step(work)
    assert graphs.told["graphs"]["how"] == "plain"
    for _ in range(WARM_UP_STEPS + 6):
        step()
    assert (tapes.plain, tapes.recordings, tapes.replays) == (WARM_UP_STEPS, 1, 6)
    assert work.calls == WARM_UP_STEPS + 1 and work.total == WARM_UP_STEPS + 6
    assert graphs.told == {"graphs": {"how": "graph"}}


def test_a_recording_that_fails_falls_back_with_one_sentence(caplog, tmp_path):
    work, tapes = Counted(), Tapes("operation not permitted\nwhen the stream is capturing")
    graphs = Graphs(tapes)
    step, other = graphs.step(work), graphs.step(Counted())
    with caplog.at_level(logging.WARNING):
        for _ in range(WARM_UP_STEPS + 6):
            step(), other()
    assert work.calls == work.total == WARM_UP_STEPS + 6
    (said,) = [line.getMessage() for line in caplog.records]
    assert "could not be recorded as one CUDA graph (operation not permitted)" in said
    expected = {"graphs": {"how": "fallen back", "reason": "operation not permitted"}}
    graphs.write(tmp_path)
    assert graphs.told == read_graphs(tmp_path) == expected


def test_after_a_failure_no_earlier_recording_is_replayed():
    """Its generators are no longer those of the plain steps."""
    tapes = Tapes("too large", after=1)
    graphs, first = Graphs(tapes), Counted()
    step, other = graphs.step(first), graphs.step(Counted())
    for _ in range(WARM_UP_STEPS + 1):
        step()
    for _ in range(WARM_UP_STEPS + 1):
        other()
    replays = tapes.replays
    step()
    assert tapes.replays == replays and first.total == first.calls + 0 == WARM_UP_STEPS + 2


def test_the_first_of_several_errors_is_the_reason():
    class Twice(Tapes):
        def record(self, work):
            try:
                raise RuntimeError("a copy from the CPU.")
            except RuntimeError:
                raise RuntimeError("capture was invalidated")  # noqa: B904 - as ending one does

    graphs = Graphs(Twice())
    step = graphs.step(Counted())
    for _ in range(WARM_UP_STEPS + 1):
        step()
    assert graphs.told["graphs"]["reason"] == "a copy from the CPU"


def test_what_a_stage_says_of_its_steps(tmp_path):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert make_graphs(cpu, [], wanted=True).told == {}
    make_graphs(cpu, [], wanted=True).write(tmp_path)
    assert not list(tmp_path.iterdir()) and read_graphs(tmp_path) == {}
    for wanted, obstacle, reason in ((False, "own", "--no-graphs"), (True, "own", "own")):
        graphs = make_graphs(gpu, [], wanted=wanted, obstacle=obstacle)
        assert graphs.told == {"graphs": {"how": "plain", "reason": reason}}
        assert json.loads(json.dumps(graphs.told)) == graphs.told


def test_a_learning_rate_is_set_where_a_recorded_step_reads_it():
    rate = torch.zeros(())
    adamw = torch.optim.AdamW(nn.Linear(1, 1).parameters(), lr=rate, fused=True)
    set_learning_rate(adamw, 0.5)
    assert adamw.param_groups[0]["lr"] is rate and rate == 0.5


def plain_training():
    return fitted(network(), RealObjective(**shown()), torch.Generator())


def test_a_training_that_falls_back_ends_with_the_weights_of_the_plain_one(monkeypatch):
    expected = plain_training()
    on_tape(monkeypatch, Tapes("not permitted"))
    found = plain_training()
    assert same(expected.state, found.state) and expected.curve == found.curve
    assert found.graphs["graphs"]["how"] == "fallen back" and expected.graphs == {}


class Reading(RealObjective):
    """Reads a number of the GPU in each step."""

    def __call__(self, model, items, rng):
        assert int(items.sum()) >= 0
        return super().__call__(model, items, rng)


def test_a_step_that_reads_a_number_is_not_recorded(monkeypatch):
    on_tape(monkeypatch, Tapes())
    found = fitted(network(), Reading(**shown()), torch.Generator())
    assert found.graphs["graphs"]["how"] == "fallen back"
    assert "_local_scalar_dense" in found.graphs["graphs"]["reason"]


class Growing(RealObjective):
    """Its loss grows by a number of the host."""

    steps = [0]

    def __call__(self, model, items, rng):
        self.steps[0] += 1
        loss, presented = super().__call__(model, items, rng)
        return loss * self.steps[0], presented


def test_a_step_that_uses_a_number_of_the_host_is_found_out_on_tape(monkeypatch):
    expected = fitted(network(), Growing(**shown()), torch.Generator())
    Growing.steps[0] = 0
    on_tape(monkeypatch, Tapes())
    found = fitted(network(), Growing(**shown()), torch.Generator())
    assert not same(expected.state, found.state)


class Narrow(nn.Module):
    """Runs out of memory with more than two slices, from its third pass on."""

    def __init__(self):
        super().__init__()
        self.body, self.passes = nn.Conv2d(1, 2, 3, padding=1), 0

    def forward(self, images):
        self.passes += 1
        if len(images) > 2 and self.passes > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.body(images)


def test_where_memory_runs_out_the_batch_is_cut_and_nothing_is_recorded(monkeypatch):
    tapes = Tapes()
    on_tape(monkeypatch, tapes)
    found = fitted(Narrow(), RealObjective(**shown()), torch.Generator())
    assert found.shortage["micro_batch"]["size"] == 2 and tapes.recordings == 0
    assert found.graphs["graphs"] == {"how": "plain", "reason": SHORTAGE}


def test_the_notes_of_a_record_name_a_training_that_fell_back():
    def stage(name, **told):
        return {"stage": name, "results": {"graphs": told} if told else {}}

    stages = (
        stage("prepare"),
        stage("fit-generator", how="plain", reason="--no-graphs"),
        stage("fit-segmenter", how="fallen back", reason="not permitted"),
        stage("pretrain", how="graph"),
    )
    (note,) = _graph_notes(stages)
    assert "training step of fit-segmenter could not be recorded" in note
    assert "(not permitted)" in note
