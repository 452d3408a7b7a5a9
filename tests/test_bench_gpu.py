"""The table of `make bench-gpu`: gains, errors as rows, time limits. That all parts run is shown by
`python -m tests.bench.bench_gpu --device cpu --quick`."""

import pytest

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
