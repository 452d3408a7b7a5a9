"""A board of several submissions: every run once, each with its owner, nobody in another's row, the
refused named."""

import pytest

from benchmark.planning.stage_keys import stage_keys
from benchmark.spec.method import MethodSpec
from reports.comparison.badges import AS_SUBMITTED, DISPUTED, VERIFIED, Mark
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


def other_truth(record, more=5):
    """The record with another number of true voxels in its first case."""
    row = record.cases[0].model_copy(update={"truth_voxels": record.cases[0].truth_voxels + more})
    return record.model_copy(update={"cases": (row, *record.cases[1:])})


def with_records(checked, *records, verified=frozenset()):
    return checked.__class__(
        **vars(checked) | {"records": tuple(records), "verified": frozenset(verified)}
    )


def test_an_invented_run_does_not_take_the_place_of_a_verified_one(records, submitted):
    """Whatever the names of the files."""
    invented = submitted("aaa.zip", records[:1], owner="B")
    verified = submitted("zzz.zip", records[:2], owner="A", masks=True)
    board = merge([invented, verified], [])
    assert board.added == (0, 2) and {mark.owner for mark in board.marks.values()} == {"A"}
    assert {mark.badge for mark in board.marks.values()} == {VERIFIED}
    (told,) = board.refused
    assert told.name == "aaa.zip" and "by the submission zzz.zip" in told.reasons[0]


def test_another_truth_does_not_keep_an_honest_run_away(records, submitted):
    """Nobody can tell which is right, so both stay and are called disputed."""
    honest = submitted("zzy.zip", records[2:3], owner="A")
    poison = with_records(submitted("aab.zip", records[:1], owner="B"), other_truth(records[0]))
    board = merge([poison, honest], [])
    assert board.added == (1, 1) and board.refused == ()
    assert {mark.badge for mark in board.marks.values()} == {DISPUTED}


def test_what_was_recomputed_is_right_against_what_was_not(records, submitted):
    honest = submitted("zzy.zip", records[2:3], owner="A", masks=True)
    poison = with_records(submitted("aab.zip", records[:1], owner="B"), other_truth(records[0]))
    board = merge([poison, honest], [])
    assert board.added == (0, 1) and board.marks[records[2].key].badge == VERIFIED
    assert (
        board.refused[0].name == "aab.zip" and "true voxels of case" in board.refused[0].reasons[0]
    )


def test_a_contradiction_costs_the_runs_that_it_concerns_alone(records, submitted):
    one = with_records(submitted("a.zip", records[:2]), other_truth(records[0]), records[1])
    board = merge([one], records[2:])
    assert board.added == (1,) and set(board.marks) == {records[1].key}


def test_other_slices_of_a_fold_are_a_contradiction_too(records, submitted):
    """Else a made-up number of steps would forbid every conclusion from the comparison."""
    stages = [
        stage.model_copy(update={"results": stage.results | {"slices": 90}})
        if stage.stage == "fit-segmenter"
        else stage
        for stage in records[0].stages
    ]
    made = records[0].model_copy(update={"stages": tuple(stages)})
    one = with_records(submitted("a.zip", records[:1]), made)
    board = merge([one], records[2:])
    assert board.added == (0,) and "slices of fold 0: 90 here, 2 in" in board.refused[0].reasons[0]


def test_one_method_has_one_file(records, submitted):
    """Also within one submission."""
    both = [own_method(records[0], "a" * 64), own_method(records[1], "b" * 64)]
    assert "the file of its method is not that of other records" in " ".join(
        submitted("a.zip", both).reasons
    )
    assert submitted("b.zip", [own_method(one, "a" * 64) for one in records[:2]]).valid
    for nothing in ("", "abc"):
        assert "no stage names the sha256 of its method's file" in " ".join(
            submitted("c.zip", [own_method(records[0], nothing)]).reasons
        )


def test_files_together_do_not_make_a_comparison_too_large(records, submitted, monkeypatch):
    from reports.submission import extent

    monkeypatch.setattr(extent, "MAX_PLACES", 2)
    board = merge([submitted("a.zip", records[:1]), submitted("b.zip", records[2:3])], [])
    assert board.added == (1, 0) and "would have 2 methods" in board.refused[0].reasons[0]
