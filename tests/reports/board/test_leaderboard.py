"""Rows of the leaderboard: a verdict with its colour, and a rank, only from enough runs; times of
other machines stand apart."""

from reports.board.leaderboard import board_section, seed_dots, time_notes
from reports.comparison.study import Study
from tests.support.study import table2


def section(seeds):
    (comparison,) = Study(table2(seeds=seeds)).comparisons
    return board_section(comparison, {})


def rows(seeds):
    return {row.name: row for row in section(seeds).rows}


def test_one_seed_has_an_interval_and_no_verdict_colour_rank_or_letter():
    for name, row in rows(seeds=1).items():
        assert (row.rank, row.ties, row.detectable) == ("–", "–", "")
        if name != "none":
            assert (row.pill.words, row.pill.mark) == ("too few runs", "open")
            assert row.pill.detail == "3 folds, 1 seed"
            assert row.seeds == "seed 0" and "[" in row.difference


def test_enough_runs_have_a_verdict_and_what_they_could_have_shown():
    found = rows(seeds=3)
    best = found["emitdiff"]
    assert (best.pill.words, best.pill.mark, best.rank) == ("helps", "good", "1")
    assert best.pill.detail == "more than classic deepstack"
    assert best.detectable.startswith("could show ") and best.seeds == ""
    assert all(row.ties != "–" for row in found.values())


def test_rows_are_short_and_what_they_share_stands_once_below():
    found = section(seeds=3)
    labels = [(row.name, row.settings) for row in found.rows]
    assert len(set(labels)) == len(labels) and all(len(name) < 24 for name, _ in labels)
    [ours] = [row for row in found.rows if row.name == "emitdiff"]
    assert ours.settings.startswith("n = ") and "alpha" not in ours.settings
    assert any(note.startswith("emitdiff: from scratch; alpha") for note in found.footnotes)


def test_methods_without_a_verdict_stand_below_the_ranked_ones():
    records = table2(seeds=2)
    few = [one for one in records if one.spec.method.name != "emitdiff" or one.spec.seed == 0]
    (comparison,) = Study(few).comparisons
    shown = board_section(comparison, {}).rows
    assert shown[-1].name == "emitdiff" and shown[-1].rank == "–"
    dice = [row.order["dice"] for row in shown[:-1]]
    assert dice == sorted(dice, reverse=True)  # though emitdiff has the highest mean
    assert shown[-1].order["dice"] > dice[0]
    assert (shown[-1].dots, shown[-1].evidence) == ("●○", "3/6")


def test_a_seed_with_some_of_its_folds_is_half_a_dot():
    records = [one for one in table2(seeds=2) if one.spec.method.name in ("none", "emitdiff")]
    kept = [
        one
        for one in records
        if not (one.spec.method.name == "emitdiff" and one.spec.seed == 1 and one.spec.fold > 0)
    ]
    (comparison,) = Study(kept).comparisons
    [ours] = [runs for runs in comparison.group.methods if runs.method.name == "emitdiff"]
    assert seed_dots(ours) == "●◐"


def test_the_time_of_another_machine_is_marked_and_has_no_factor():
    records = table2(seeds=2)
    moved = [
        one.model_copy(update={"provenance": {**one.provenance, "platform": "another system"}})
        if one.spec.method.transform == "mirror"
        else one
        for one in records
    ]
    (comparison,) = Study(moved).comparisons
    found = {row.name: row for row in board_section(comparison, {}).rows}
    assert found["classic mirror"].other_machine and found["classic mirror"].factor == ""
    assert found["none"].factor == "1.0×" and not found["none"].other_machine
    assert found["emitdiff"].factor == "3.0×"  # 40 s of its generator and 20 s of the network
    assert any("1 row ran on another machine" in note for note in time_notes(comparison))
