"""Records as Python sees them: a sequence with two tables, and pairs of methods."""

import math

import pytest

from benchmark.core.errors import InputError
from reports.comparison.study import Study
from reports.records import load
from reports.tables.pairs import paired
from tests.support.made_records import MSD_PROSTATE, make_record


def runs(seeds=(0, 1)):
    methods = (("none", None), ("classic", "mirror"), ("classic", "deepstack"), ("emitdiff", None))
    return [
        make_record(name, transform, fold=fold, seed=seed, source=MSD_PROSTATE)
        for name, transform in methods
        for seed in seeds
        for fold in range(3)
    ]


def test_records_load_as_a_sequence_with_tables(tmp_path):
    for record in runs((0,)):
        (tmp_path / f"{record.key}.json").write_text(record.model_dump_json())
    (tmp_path / "broken.json").write_text("{")
    records = load(tmp_path)
    assert len(records) == 12 and records[0].status == "done" and len(records.problems) == 1
    assert len(records.cases) == 12 * 4 and set(records.runs["fold"]) == {0, 1, 2}
    with pytest.raises(InputError, match="does not exist"):
        load(tmp_path / "gone")


def test_a_pair_says_what_the_page_says():
    records = runs()
    (row,) = paired(records, "mirror", "none").to_dict("records")
    inference = Study(records).comparisons[0].inference
    page = inference.by_label["classic mirror"]
    assert row["difference"] == pytest.approx(100 * page["none_difference"])
    assert row["low"] == pytest.approx(100 * page["none_low"])
    assert row["p_holm"] == page["none_p_holm"] and row["verdict"] == page["none_verdict"]
    assert row["detectable"] == pytest.approx(100 * page["none_detectable"])
    (turned,) = paired(records, "none", "mirror").to_dict("records")
    assert turned["difference"] == pytest.approx(-row["difference"])


def test_one_seed_has_no_verdict():
    (row,) = paired(runs((0,)), "deepstack", "none").to_dict("records")
    assert row["verdict"] == "too few runs (3 folds, 1 seed)" and math.isnan(row["p_holm"])


def test_a_method_alone_means_its_rows_and_an_unknown_one_is_refused():
    records = runs()
    assert list(paired(records, "classic", "none")["a"]) == ["classic mirror", "classic deepstack"]
    assert len(paired(records, "emitdiff", "deepstack")) == 1
    with pytest.raises(InputError, match="there are: deepstack, emitdiff, mirror, none\\."):
        paired(records, "pix2pix", "none")
