"""The table of the metrics: what follows from it is whole, and the page of docs/ says the same."""

import math

import pytest
from pydantic import ValidationError

from benchmark.metrics.definitions import (
    CASE_TABLE_METRICS,
    DISTANCES,
    METRICS,
    TABLE_METRICS,
    CaseRow,
    of_empty_masks,
)
from benchmark.spec.protocol import Protocol
from tests.support.made_records import case_row
from tests.support.metric_table import PAGE, TABLE, made


def test_the_page_of_the_metrics_is_that_of_the_definitions():
    (table,) = TABLE.findall(PAGE.read_text(encoding="utf-8"))
    assert table == made(), "write it again: python -m tests.support.metric_table"


def test_names_and_headings_are_told_apart():
    assert DISTANCES == ("hd95", "hd95_max", "assd", "assd_mean")
    assert TABLE_METRICS == ("dice", "precision", "recall", "hd95", "assd", "nsd")
    assert (*TABLE_METRICS, "volume_difference") == CASE_TABLE_METRICS
    headings = [metric.heading("mm") for metric in METRICS.values()]
    assert len(set(headings)) == len(METRICS) and headings[0] == "Dice, %"
    assert METRICS["hd95"].heading("") == "HD95"


def test_a_metric_in_place_of_another_names_a_value_of_a_switch():
    for metric in METRICS.values():
        if metric.in_place_of:
            switch, value = metric.in_place_of
            assert METRICS[switch].shown == "tables"
            assert getattr(Protocol(**{switch: value}), switch) == value


@pytest.mark.parametrize("name", METRICS)
def test_values_out_of_range_are_no_row(name):
    low, high = METRICS[name].range
    row = case_row("a", 0.5).model_dump()
    for value in (low - 0.01, high + 0.01, math.nan, math.inf):
        with pytest.raises(ValidationError, match=name):
            CaseRow(**row | {name: value})
    assert getattr(CaseRow(**row | {name: low}), name) == low


def test_a_metric_that_a_row_lacks_is_left_out_of_what_was_measured():
    row = case_row("a", 0.5).model_copy(update={"nsd": math.nan})
    assert list(row.measured(METRICS)) == [name for name in METRICS if name != "nsd"]


@pytest.mark.parametrize(
    ("predicted", "true", "fraction", "distance", "ratio"),
    [(False, True, 0, 9.0, -1), (True, False, 0, 9.0, 1), (False, False, 1, 0, 0)],
)
def test_an_empty_mask_has_the_worst_value(predicted, true, fraction, distance, ratio):
    found = [
        of_empty_masks(METRICS[name], predicted, true, 9.0)
        for name in ("nsd", "assd", "volume_difference")
    ]
    assert found == [fraction, distance, ratio]
