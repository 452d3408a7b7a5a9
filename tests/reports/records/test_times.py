"""Times per run, compared on one machine only."""

import pytest

from reports.records.times import machine_of, run_times
from tests.support.made_records import make_record


def moved(record, **provenance):
    return record.model_copy(update={"provenance": {**record.provenance, **provenance}})


def test_times_are_means_per_run_and_factors_are_over_the_reference():
    rows = {
        "none": [make_record("none", fold=fold) for fold in (0, 1)],
        "ours": [make_record("emitdiff", fold=fold) for fold in (0, 1)],
    }
    found = run_times(rows, "none")
    assert (found["ours"].generator, found["ours"].segmenter) == (40.0, 20.0)
    assert found["ours"].factor == pytest.approx(3.0) and found["none"].factor == 1.0
    assert found["none"].machine.words == "test machine, 2 cores"


@pytest.mark.parametrize("what", [{"platform": "other"}, {"instructions": "AVX2"}])
def test_another_machine_has_a_time_of_its_own_and_no_factor(what):
    rows = {"none": [make_record("none")], "ours": [moved(make_record("emitdiff"), **what)]}
    found = run_times(rows, "none")["ours"]
    assert found.seconds == 60.0 and found.factor is None and not found.comparable
    assert machine_of(rows["none"][0]) != machine_of(rows["ours"][0])


def test_runs_on_the_machine_of_the_reference_count_alone():
    here, there = make_record("emitdiff"), make_record("emitdiff", fold=1)
    slow = [one.model_copy(update={"seconds": 1000.0}) for one in there.stages]
    there = moved(there.model_copy(update={"stages": tuple(slow)}), platform="other")
    found = run_times({"none": [make_record("none")], "ours": [here, there]}, "none")
    assert found["ours"].seconds == 60.0 and found["ours"].comparable


def test_without_a_time_of_the_reference_there_is_no_factor():
    untimed = make_record("none").model_copy(update={"stages": ()})
    found = run_times({"none": [untimed], "ours": [make_record("emitdiff")]}, "none")
    assert set(found) == {"ours"} and found["ours"].factor is None
    assert run_times({"none": [untimed]}, "none") == {}


def test_no_factor_is_given_where_a_method_was_faster_than_the_reference_by_far():
    def with_seconds(record, seconds):
        stages = [one.model_copy(update={"seconds": seconds}) for one in record.stages]
        return record.model_copy(update={"stages": tuple(stages)})

    fast = {"gamma": [with_seconds(make_record("classic", "gamma"), 10.0)]}
    for seconds, busy in ((14.0, False), (15.0, True)):
        rows = {"none": [with_seconds(make_record("none"), seconds)], **fast}
        found = run_times(rows, "none")
        assert {one.busy for one in found.values()} == {busy}
        assert (found["gamma"].factor is None) == (found["none"].factor is None) == busy
