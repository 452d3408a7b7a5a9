"""A page of many methods, and of a user's own ones, is made quickly and ranks them all."""

import time

import numpy as np

from benchmark.spec.method import MethodSpec
from reports.comparison.groups import make_groups
from reports.comparison.ranked_settings import main_methods
from reports.comparison.study import Study
from reports.pages.build import build
from tests.support.made_records import case_row, make_record


def own(name, dice, fold=0, **of_method):
    """A record of a user's own transform with these values of Dice."""
    record = make_record("none", fold=fold)
    method = MethodSpec(name=name, own=True, **of_method)
    spec = record.spec.model_copy(update={"method": method})
    rows = tuple(case_row(row.case, value) for row, value in zip(record.cases, dice, strict=False))
    return record.model_copy(update={"spec": spec, "key": spec.key, "cases": rows})


def test_forty_two_methods_of_which_many_are_tied(tmp_path):
    """In triples that are told apart within and not between, which gives 3 ** 14 largest sets of
    ties."""
    rng = np.random.default_rng(0)
    records = [
        own(f"own-{number}", 0.7 + 0.01 * (number % 3) + 0.05 * rng.random(4), fold)
        for number in range(42)
        for fold in (0, 1)
    ]
    begun = time.process_time()
    build(Study(records), tmp_path, figures="page")
    assert time.process_time() - begun < 60 and (tmp_path / "index.html").exists()


def test_two_methods_of_users_are_never_settings_of_one():
    dice = [0.7, 0.71, 0.72, 0.73]
    records = [
        own("mine", dice),
        own("mine", dice, version=2),
        own("yours", dice),
        make_record("none"),
        make_record("classic"),
    ]
    (group,) = make_groups(records)
    assert len(main_methods(group)) == 5
