"""The tables of `power`: what made-up records can show, and the call itself."""

import pytest

from benchmark.commands.power import print_power
from benchmark.core.errors import InputError
from reports.comparison.study import Study
from reports.tables.power import power_tables
from tests.support.study import table2


def cells(table):
    assert len(table.rows) == 1
    return dict(zip(table.columns, table.rows[0], strict=True))


def test_more_seeds_show_smaller_differences():
    variances, shown = power_tables(Study(table2(seeds=2)).comparisons, difference=50)
    found = cells(shown)
    numbers = [float(found[name]) for name in ("1 seed", "2 seeds", "5 seeds", "any number")]
    assert numbers == sorted(numbers, reverse=True) and numbers[-1] > 0
    assert found["seeds for 50 points"] == "2"
    assert float(cells(variances)["SD of a training at a case"]) > 0


def test_what_cases_cannot_show_is_out_of_reach_and_more_pairs_show_less():
    comparisons = Study(table2(seeds=2)).comparisons
    one, many = (cells(power_tables(comparisons, 0.01, pairs)[1]) for pairs in (1, 66))
    assert one["seeds for 0.01 points"] == "out of reach"
    assert float(many["2 seeds"]) > float(one["2 seeds"])


def test_one_seed_says_nothing_of_trainings():
    variances, shown = power_tables(Study(table2(seeds=1)).comparisons, difference=50)
    assert cells(variances)["SD of a training's mean"] == "–"
    assert cells(shown)["3 seeds"] == "–" and float(cells(shown)["any number"]) > 0
    assert cells(shown)["seeds for 50 points"] == "not known"


def test_the_call_reads_a_folder_of_records(tmp_path):
    for record in table2(seeds=2):
        (tmp_path / f"{record.key}.json").write_text(record.model_dump_json(), encoding="utf-8")
    assert print_power(tmp_path, 2.0, 1, []) == 0
    (tmp_path / "alone").mkdir()
    only = table2(seeds=2)[0]
    (tmp_path / "alone" / "one.json").write_text(only.model_dump_json(), encoding="utf-8")
    with pytest.raises(InputError, match="no two methods"):
        print_power(tmp_path / "alone", None, 1, [])
