"""The answer to the question of the project follows from the verdicts alone."""

import math
from dataclasses import replace

import pytest

from reports.board.answer import DRAWN, NO, NOT_RUN, OPEN, YES, answer
from reports.board.first_screen import first_screen
from reports.board.gain_cost import gain_cost
from reports.board.pairs import leading, pairs_of
from reports.board.scope import scope
from reports.comparison.study import Study
from reports.statistics.verdicts import BETTER, EQUAL, FEW, WORSE
from reports.statistics.verdicts import OPEN as NOT_APART
from tests.support.made_records import make_record
from tests.support.study import BUSI, table2


@pytest.fixture(scope="module")
def study():
    return Study(table2(seeds=3))


@pytest.fixture(scope="module")
def pair(study):
    (comparison,) = study.comparisons
    return pairs_of(comparison)["alone"]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([BETTER], YES),
        ([BETTER, BETTER], YES),
        ([WORSE, EQUAL], NO),
        ([NOT_APART, EQUAL], OPEN),
        ([FEW], OPEN),
        ([], NOT_RUN),
    ],
)
def test_one_rule_turns_verdicts_into_the_answer(pair, verdicts, words):
    found = answer([{"joined": replace(pair, verdict=one)} for one in verdicts], synthetic=False)
    assert found.words == words and len(found.sentences) == len(verdicts)


def test_a_gain_on_one_data_set_alone_is_said_so(pair):
    both = [{"joined": replace(pair, verdict=one)} for one in (BETTER, NOT_APART)]
    assert answer(both, synthetic=False).words == "On prostate yes, elsewhere not shown."


def test_drawn_images_give_no_answer(pair):
    assert answer([{"alone": replace(pair, verdict=BETTER)}], synthetic=True).words == DRAWN


def test_the_pair_on_top_of_a_transform_decides_before_the_method_alone(pair):
    both = {"alone": replace(pair, verdict=BETTER), "joined": replace(pair, verdict=WORSE)}
    assert answer([both], synthetic=False).words == NO


def test_an_open_verdict_tells_the_gain_that_would_have_shown(pair):
    [text] = answer(
        [{"alone": replace(pair, verdict=NOT_APART, detectable=0.0242)}], False
    ).sentences
    assert "no clear difference; a gain of 2.4 points would show" in text
    [text] = answer(
        [{"alone": replace(pair, verdict=NOT_APART, detectable=math.nan)}], False
    ).sentences
    assert "is not known" in text


def test_pairs_have_the_verdict_the_difference_and_the_times_of_the_comparison(study, pair):
    (comparison,) = study.comparisons
    inference = comparison.inference
    found = pairs_of(comparison)
    assert found["stack"].a == inference.best_classic and found["stack"].b == "none"
    assert pair.verdict == inference.by_label[pair.a]["none_verdict"]
    assert pair.interval.mean == pytest.approx(100 * inference.by_label[pair.a]["none_difference"])
    assert pair.factor == pytest.approx(3.0)
    assert "joined" not in found  # no run of emitdiff on top of a transform


def test_real_images_answer_before_drawn_ones():
    drawn = [make_record(name, fold=fold) for name in ("none", "emitdiff") for fold in (0, 1, 2)]
    real = [
        make_record(name, fold=fold, dataset="breast", source=BUSI)
        for name in ("none", "emitdiff")
        for fold in (0, 1, 2)
    ]
    found = leading(Study([*drawn, *real]))
    assert [one.group.spec.dataset for one in found] == ["breast"]
    assert first_screen(Study(drawn)).answer.words == DRAWN


def test_the_scope_says_what_was_run_and_what_of_the_paper_was_not(study):
    found = scope(study)
    assert "emitdiff (from scratch)" in found.covered and "seeds 0, 1, 2" in found.covered
    assert "384 px, Stable Diffusion; printed gains +7.8 % prostate" in found.lacking
    assert found.counts == f"{len(study.records)} of {len(study.records)} runs"
    assert scope(Study([])).covered == ""


def test_the_figure_of_gain_and_cost_lies_on_its_axis(study):
    (comparison,) = study.comparisons
    found = gain_cost(comparison)
    assert all(0 <= row.low <= row.mean <= row.high <= 100 for row in found.rows)
    ours = next(row for row in found.rows if row.name == "emitdiff")
    assert ours.segmenter + ours.generator == pytest.approx(100, abs=0.1)
    assert ours.generator == pytest.approx(2 * ours.segmenter, abs=0.1)
    assert "3.0×" in ours.time and "emitdiff, n = " in found.alt
    assert {text: place for place, text in found.ticks}["0"] == found.zero
