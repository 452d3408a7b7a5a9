"""The table of `make bench-gpu`: gains, errors as rows, time limits; and the rule by which
`make bench-generator-batch` chooses. That both run is shown by `python -m tests.bench.bench_gpu
--device cpu --quick` and `python -m tests.bench.bench_generator_batch --device cpu ...`."""

import pytest

from tests.bench.bench_generator_batch import Tried, best
from tests.bench.bench_gpu import line, run_part
from tests.bench.gpu_parts import Row, Sizes, parts


@pytest.mark.parametrize("unit, gain", [("ms", "4.00x"), ("images/s", "0.25x")])
def test_a_gain_is_of_time_or_of_speed(unit, gain):
    shown = line(Row("step", unit, 2.0, 8.0, 0.5, "graph").as_json())
    assert gain in shown and "50%" in shown and shown.endswith("graph")


def test_what_was_not_measured_is_not_a_number_of_the_json():
    row = Row("step", "ms", 2.0, error="broken").as_json()
    assert row["plain"] is None and row["limit_share"] is None
    assert line(row) == f"{'step':58}broken"


def test_a_part_that_takes_too_long_is_a_row_with_its_error():
    assert run_part("generator", 0.01, ["--device", "cpu"]) == [
        {"what": "generator", "error": "not done in 0 s"}
    ]


@pytest.mark.slow
def test_a_part_that_fails_is_a_row_with_its_error():
    (row,) = run_part("nothing", 240, ["--device", "cpu", "--quick"])
    assert row["what"] == "nothing" and "KeyError" in row["error"]


def test_every_part_has_its_time_and_all_of_them_fit_a_quarter_of_an_hour():
    limits = [limit for limit, _ in parts(Sizes()).values()]
    assert {"segmenter-128", "segmenter-384", "stable-sampling"} <= set(parts(Sizes()))
    assert all(limit > 0 for limit in limits) and sum(limits) < 15 * 60


def tried(batch, seconds, ssim, rate=1.0):
    return Tried(batch, rate, 80000 // batch, [seconds] * 2, list(ssim), list(ssim))


def test_the_best_batch_is_the_fastest_that_is_not_worse_than_seeds_differ():
    own = tried(4, 90, (0.50, 0.54))  # variances 0.0008, 0.0002 and 0: a spread of 0.018
    near, worse = tried(16, 32, (0.50, 0.52)), tried(64, 18, (0.49, 0.49))
    chosen, spread = best([own, near, worse], own=4)
    assert chosen is near and spread == pytest.approx((0.001 / 3) ** 0.5)
    better = tried(64, 18, (0.505, 0.505), rate=2.0)
    assert best([own, near, better], own=4)[0] is better
    assert best([own, tried(16, 99, (0.9, 0.9))], own=4)[0] is own
    with pytest.raises(ValueError):
        best([near, better], own=4)  # nothing to compare with
