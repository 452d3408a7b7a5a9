"""A board of several submissions: every run once, each with its owner, nobody in another's row, the
refused named."""

import pytest

from benchmark.planning.stage_keys import stage_keys
from benchmark.spec.method import MethodSpec
from reports.comparison.badges import AS_SUBMITTED, VERIFIED, Mark
from reports.records.load import load_records
from reports.submission.merge import ANONYMOUS, merge
from reports.submission.pack import pack
from tests.reports.submission.made import check, tiny_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tiny_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def records(store):
    return sorted(
        load_records([store.root]).records,
        key=lambda r: (r.spec.method.name != "none", r.spec.fold),
    )


@pytest.fixture
def submitted(store, tmp_path):
    def make(name, given, owner="A. Author", note="", masks=False):
        pack(given, store, tmp_path / name, owner=owner, note=note, with_masks=masks)
        return check(tmp_path / name)

    return make


def own_method(record, sha256):
    """The record as if a user's own transform had made it."""
    method = MethodSpec(name="mine", own=True)
    spec = record.spec.model_copy(update={"method": method})
    changed = record.model_copy(update={"spec": spec, "key": spec.key})
    stages = [
        stage.model_copy(update={"key": key, "results": stage.results | {"own_sha256": sha256}})
        for stage, (_, key) in zip(record.stages, stage_keys(changed), strict=True)
    ]
    return changed.model_copy(update={"stages": tuple(stages)})


def test_owner_badge_and_note_stand_with_each_submitted_run(records, submitted):
    first = submitted("a.zip", records[2:3], note="ours", masks=True)
    second = submitted("b.zip", records[3:], owner="")
    board = merge([first, second], records[:2])
    assert board.refused == () and [record.key for record in board.records] == [
        record.key for record in records
    ]
    assert board.marks == {
        records[2].key: Mark("A. Author", VERIFIED, "ours"),
        records[3].key: Mark(ANONYMOUS, AS_SUBMITTED, ""),
    }


def test_a_run_stands_on_the_board_once(records, submitted):
    board = merge([submitted("a.zip", records[:3]), submitted("b.zip", records[2:])], records[:1])
    assert len(board.records) == 4 and len(board.marks) == 3
    first, second = board.refused
    assert (
        first.name == "a.zip"
        and "is left out: this run is on the board already, by our own records" in first.reasons[0]
    )
    assert (
        second.name == "b.zip"
        and "by the submission a.zip" in second.reasons[0]
        and len(second.reasons) == 1
    )


def test_an_audit_does_not_make_it_another_run(records, submitted):
    """Else an audited copy of a run would take the place of the run itself."""
    other = records[2].spec.model_copy(update={"audit": True})
    disguised = records[2].model_copy(update={"spec": other, "key": other.key})
    assert disguised.key != records[2].key
    one = submitted("a.zip", records[2:3])
    board = merge([one.__class__(**vars(one) | {"records": (disguised,)})], records)
    assert board.marks == {} and "already" in board.refused[0].reasons[0]


def test_nobody_adds_runs_to_anothers_own_method(records, submitted):
    mine = submitted("a.zip", [own_method(records[0], "a" * 64)], owner="A")
    same = submitted("b.zip", [own_method(records[1], "a" * 64)], owner="A")
    theirs = submitted("c.zip", [own_method(records[1], "b" * 64)], owner="B")
    assert mine.valid and same.valid and theirs.valid, mine.reasons
    assert merge([mine, same], []).refused == ()
    board = merge([mine, theirs], [])
    assert (
        len(board.records) == 1
        and "another's method is called 'mine', by A" in board.refused[0].reasons[0]
    )


def test_another_truth_of_a_case_is_refused(records, submitted):
    row = records[0].cases[0]
    changed = row.model_copy(update={"truth_voxels": row.truth_voxels + 1})
    ours = records[0].model_copy(update={"cases": (changed, *records[0].cases[1:])})
    board = merge([submitted("a.zip", records[2:])], [ours])
    assert set(board.marks) == {records[3].key}  # of the other fold
    assert (
        f"true voxels of case {row.case}: {row.truth_voxels} here, {row.truth_voxels + 1} in"
        in board.refused[0].reasons[0]
    )


def test_a_file_that_is_none_is_refused_and_the_others_stand(records, submitted, tmp_path):
    (tmp_path / "b<b>.zip").write_bytes(b"PK nothing at all, but long enough to be read")
    board = merge([check(tmp_path / "b<b>.zip"), submitted("a.zip", records)], [])
    assert (
        len(board.records) == 4
        and board.refused[0].name == "b<b>.zip"
        and len(board.refused[0].reasons) == 1
    )
