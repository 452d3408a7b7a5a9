"""A study computes each part once, and only what is asked for."""

import pytest

from reports.comparison import study as module
from reports.comparison.study import Study
from reports.pages.build import build
from reports.tables.tables import run_table
from tests.support.made_records import MSD_PROSTATE, make_record, table2_records
from tests.support.sampled import audited_study

PARTS = ("make_groups", "summarise", "infer", "curves", "families", "audited_samples")


@pytest.fixture
def calls(monkeypatch):
    """How often each part was computed, by its name and what it was computed of."""
    found = {name: [] for name in PARTS}

    def counted(name):
        compute = getattr(module, name)

        def call(first, *rest):
            found[name].append((id(first), *rest) if name != "families" else rest)
            return compute(first, *rest)

        return call

    for name in PARTS:
        monkeypatch.setattr(module, name, counted(name))
    return found


def test_a_report_computes_each_part_of_each_comparison_once(calls, tmp_path):
    records = [*table2_records(folds=(0,)), make_record("none", source=MSD_PROSTATE)]
    study = Study([*records, *audited_study(dataset="breast")])
    build(study, tmp_path, figures="page")
    assert len(study.comparisons) == 3 and len(calls["make_groups"]) == 1
    for name in ("summarise", "infer", "curves", "audited_samples"):
        assert len(calls[name]) == len(set(calls[name])) == 3, name
    assert sorted(calls["families"]) == [("architecture",), ("protocol",), ("training_share",)]


def test_a_table_in_the_terminal_pays_for_no_tests(calls):
    run_table(Study(table2_records(folds=(0,))))
    assert len(calls["summarise"]) == 1
    assert not calls["infer"] and not calls["curves"] and not calls["families"]
