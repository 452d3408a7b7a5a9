"""The rules that all engines share: what starts when, and what follows from how a stage ended."""

import contextlib
import threading

import pytest

from benchmark.core.progress import silent
from benchmark.engines.attempt import Outcome
from benchmark.engines.processes import describe_death
from benchmark.engines.scheduler import TRIES, Agenda
from benchmark.stages.catalogue import Node
from benchmark.store.notes import StoreUnusable
from benchmark.store.store import DamagedStage, Store
from tests.support.nodes import predict_node, prepare_node, score_node

A = prepare_node(1)
B = predict_node({"prepare": A.key, "synthesize": []})
C = score_node(0, {"prepare": A.key, "predict": B.key})
D = prepare_node(2)
NODES = [A, B, C, D]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def put(store: Store, node: Node) -> Outcome:
    store.compute(node.stage, node.key, lambda folder: {})
    return Outcome("computed")


def agenda(store: Store, nodes=NODES, **options) -> Agenda:
    return Agenda(nodes, store, options.pop("on_done", lambda node: None), **options)


def walk(todo: Agenda, end) -> list[Node]:
    """Takes stages until none is left; end(node) gives the outcome. Returns them in order."""
    order = []
    while taken := todo.take(block=False):
        order.append(taken[0])
        todo.settle(taken[0], end(taken[0]))
    return order


def test_inputs_come_first_in_the_order_of_the_plan(store):
    assert walk(agenda(store), lambda node: put(store, node)) == NODES


def test_what_is_there_is_not_taken(store):
    put(store, A)
    assert walk(agenda(store), lambda node: put(store, node)) == [B, C, D]


def test_nothing_starts_before_its_inputs(store):
    todo = agenda(store)
    assert [todo.take(block=False)[0], todo.take(block=False)[0]] == [A, D]
    assert todo.take(block=False) is None and todo.running == 2
    todo.settle(A, put(store, A))
    assert todo.take(block=False)[0] == B


def test_a_failure_fails_what_needs_it_alone(store):
    todo = agenda(store)
    order = walk(todo, lambda node: Outcome("failed", "broken") if node == A else put(store, node))
    assert order == [A, D]
    assert {key: failure.error for key, failure in todo.failures.items()} == dict.fromkeys(
        (A.key, B.key, C.key), "broken"
    )
    assert todo.failures[C.key].node == C


def test_after_max_failures_nothing_new_starts(store):
    todo = agenda(store, max_failures=1)
    assert walk(todo, lambda node: Outcome("failed", "broken")) == [A]
    assert D.key not in todo.failures


def test_a_death_is_tried_again_a_few_times(store):
    todo = agenda(store, [A, D])
    order = walk(todo, lambda node: Outcome("died", "gone") if node == A else put(store, node))
    assert order.count(A) == TRIES and order.count(D) == 1
    assert todo.failures[A.key].error == "gone" and not store.notes.failures()[A.key]["final"]


def test_a_stage_of_another_program_is_put_off_once_and_then_waited_for(store):
    todo = agenda(store, [A, D])
    node, wait = todo.take()
    assert (node, wait) == (A, False)
    todo.settle(A, Outcome("busy"))
    assert todo.take() == (D, False)
    assert todo.take() == (A, True)


def test_the_last_one_is_waited_for_at_once(store):
    assert agenda(store, [A]).take() == (A, True)


def test_a_damaged_input_is_computed_again_before_its_readers(store):
    put(store, A)
    todo, order = agenda(store), []
    while taken := todo.take(block=False):
        node = taken[0]
        order.append(node)
        if node == B and order.count(B) == 1:
            store.remove(A.stage, A.key)
            todo.settle(B, Outcome("damaged", "bad bytes", damaged=(A.stage, A.key)))
        else:
            todo.settle(node, put(store, node))
    assert order == [B, A, B, C, D] and not todo.failures


def test_an_input_that_is_damaged_again_and_again_fails_its_reader(store):
    put(store, A)
    todo = agenda(store, [A, B])

    def end(node):
        if node == A:
            return put(store, A)
        store.remove(A.stage, A.key)
        return Outcome("damaged", "bad bytes", damaged=(A.stage, A.key))

    assert len(walk(todo, end)) < 10
    assert todo.failures[B.key].error == "bad bytes"


def test_a_stage_found_damaged_by_the_record_is_computed_again(store):
    seen = []

    def on_done(node):
        seen.append(node)
        if seen == [A]:
            raise DamagedStage(A.stage, A.key, ["a.json: missing"])

    store.compute(A.stage, A.key, lambda folder: (folder / "a").write_text("a") and {})
    (store.folder(A.stage, A.key) / "a").unlink()
    todo = agenda(store, [A, D], on_done=on_done)
    todo._add(A.key)
    assert walk(
        todo, lambda node: put(store, node) if seen or node == D else Outcome("present")
    ) in ([D, A, A], [A, A, D])
    assert store.damage(A.stage, A.key) == []


def test_a_full_disk_stops_everything(store):
    todo = agenda(store)
    node, _ = todo.take()
    with pytest.raises(StoreUnusable, match="full"):
        todo.settle(node, Outcome("unusable", "the disk is full"))
    assert todo.take() is None


def test_after_a_halt_nothing_starts_and_no_death_counts(store):
    todo = agenda(store)
    todo.take()
    todo.halt()
    todo.settle(A, Outcome("died", "killed"))
    assert todo.take() is None and not todo.failures and not store.notes.failures()


def test_final_failures_wait_for_a_demand(store):
    store.notes.write_failure(A.key, A.stage, "broken", final=True)
    todo = agenda(store, retry=False)
    assert walk(todo, lambda node: put(store, node)) == [D]
    assert todo.failures[B.key].earlier and todo.failures[B.key].error == "broken"
    assert walk(agenda(store, retry=True), lambda node: put(store, node)) == [A, B, C]


def test_a_failure_that_the_user_can_mend_is_tried_again(store):
    store.notes.write_failure(A.key, A.stage, "no such folder", final=False)
    assert walk(agenda(store, [A], retry=False), lambda node: put(store, node)) == [A]


def test_threads_share_the_work(store):
    todo, order = agenda(store), []

    def work():
        while taken := todo.take():
            order.append(taken[0])
            todo.settle(taken[0], put(store, taken[0]))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(order) == 4 and set(order) == set(NODES)
    assert order.index(A) < order.index(B) < order.index(C)


def test_a_worker_takes_stages_until_none_can_start(store):
    asked = []

    def work(node, wait, report):
        asked.append(node)
        return Outcome("failed", "broken") if node == B else put(store, node)

    todo = agenda(store)
    todo.serve(lambda node: contextlib.nullcontext(silent), work)
    assert asked == [A, B, D] and set(todo.failures) == {B.key, C.key}


@pytest.mark.parametrize("code, says", [(0, "exit code 0"), (-9, "SIGKILL"), (-40, "signal 40")])
def test_every_death_of_a_worker_has_a_name(code, says):
    assert says in describe_death(code)
