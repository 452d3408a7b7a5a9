"""Rows of the leaderboard: a verdict with its colour only from enough runs."""

from reports.comparison.study import Study
from reports.pages.board import board_section
from tests.support.study import table2


def rows(seeds):
    (comparison,) = Study(table2(seeds=seeds)).comparisons
    return {row.method: row for row in board_section(comparison, {}).rows}


def test_one_seed_has_an_interval_and_no_verdict_colour_rank_or_letter():
    found = rows(seeds=1)
    for name, row in found.items():
        assert (row.rank, row.ties, row.verdict_css, row.detectable) == ("–", "–", "", "")
        if name != "none":
            assert row.verdict == "too few runs (3 folds, 1 seed)"
            assert row.seeds == "seed 0 only" and row.interval is not None


def test_enough_runs_have_a_verdict_and_what_they_could_have_shown():
    found = rows(seeds=3)
    best = found["emitdiff (from scratch)"]
    assert (best.verdict, best.verdict_css, best.rank) == ("better", "good", "1")
    assert best.detectable.startswith("could show ") and best.seeds == ""
    assert all(row.ties != "–" for row in found.values())
