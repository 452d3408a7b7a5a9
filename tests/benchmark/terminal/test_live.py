"""What the line of a stage says: how far it is, of how many, and its numbers."""

from benchmark.stages.fit_generator import FitGeneratorSpec
from benchmark.stages.predict import PredictSpec
from benchmark.stages.prepare import PrepareSpec
from benchmark.stages.score import ScoreSpec
from benchmark.terminal.live import how_far, numbers_text, took_text


def test_a_total_stands_there_from_the_start_where_the_spec_says_it():
    predict = PredictSpec(cases=("a", "b", "c"), minimum_foreground=None)
    generator = FitGeneratorSpec(
        generator="emitdiff@1",
        settings={"steps": 50},
        cases=("a",),
        minimum_foreground=None,
        seed=0,
    )
    assert how_far(0, predict.work(), predict.counts) == "0/3 cases"
    assert how_far(0, generator.work(), generator.counts) == "0/50 steps"
    assert how_far(0, None, ScoreSpec.counts) == ""
    assert PrepareSpec.counts == "cases"


def test_counts_are_whole_and_other_numbers_have_three_decimals():
    assert numbers_text({"slices": 37.0}) == "37 slices"
    assert numbers_text({"loss": 0.4124, "dice": float("nan")}) == "loss 0.412"
    assert numbers_text({}) == ""


def test_a_stage_s_own_seconds_stand_apart_from_those_before_it_started():
    assert took_text(62.2, 24.6) == "24.6 s + 37.6 s start"
    assert took_text(1.5, 1.36) == "1.5 s"
    assert took_text(3.0, None) == "3.0 s"
