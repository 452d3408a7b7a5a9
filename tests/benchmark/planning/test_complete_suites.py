"""Suites that claim to be complete: every run they ask for has its record among the published ones,
with the keys of today, so that `suite NAME --dry-run` there says that nothing is to do.

No images are needed: the source and the split of a run are those of a record of its data set.
"""

from functools import cache
from pathlib import Path

import pytest

from benchmark.core.published_weights import HED
from benchmark.planning import settings
from benchmark.planning.plan import plan_split
from benchmark.planning.request import Opened, resolve
from benchmark.planning.settings import settle
from benchmark.planning.suite import load_suite, requests
from benchmark.record.record import Record
from benchmark.results.record_writer import is_done
from benchmark.spec.run import RunSpec
from datasets.folds import Split
from reports.records.load import load_records
from reports.tables.named_numbers import PUBLISHED

OPTIONS = {"breast": {"busi_class": "malignant"}, "prostate": {}}
# (suite, folder of records, data set, method) -> the seeds for which it is complete.
# reports/published/README.md names the same.
CLAIMS = {
    ("rivals-64px", "rivals-64px", "breast", "none"): (0, 1, 2),
    ("rivals-64px", "rivals-64px", "breast", "classic"): (0, 1, 2),
    ("rivals-64px", "rivals-64px", "breast", "emitdiff"): (0,),
    ("rivals-64px", "rivals-64px", "breast", "seg-guided"): (0,),
    ("rivals-64px", "rivals-64px", "prostate", "none"): (0, 1),
    ("rivals-64px", "rivals-64px", "prostate", "classic"): (0, 1),
    ("rivals-64px", "rivals-64px", "prostate", "emitdiff"): (0,),
    ("rivals-64px", "rivals-64px", "prostate", "seg-guided"): (0,),
    ("audit-64px", "rivals-64px", "breast", "none"): (0,),
    ("audit-64px", "rivals-64px", "breast", "classic"): (0,),
    ("audit-64px", "rivals-64px", "breast", "emitdiff"): (0,),
    ("copies-64px", "rivals-64px", "breast", "none"): (0, 1),
    ("copies-64px", "rivals-64px", "breast", "classic"): (0, 1),
    ("copies-64px", "rivals-64px", "breast", "emitdiff"): (0,),
}


@cache
def records_of(folder: str) -> dict[str, Record]:
    return {one.key: one for one in load_records([PUBLISHED / folder]).records}


def asked(suite: str, dataset: str, seeds: tuple[int, ...], method: str, known) -> list[RunSpec]:
    """The runs of one method of a suite, on the images of the records."""
    source = next(one.spec.source for one in known.values() if one.spec.dataset == dataset)
    opened = Opened(source=None, spec=source, cases=[], options={})
    wanted = requests(load_suite(suite), {"seeds": seeds, "data_root": PUBLISHED}, (dataset,))
    return [run for one in wanted if one.method == method for run in resolve(settle(one), opened)]


def done(run: RunSpec, known: dict[str, Record]) -> bool:
    record = known.get(run.key)
    if record is None or record.split is None:
        return False
    told = record.split
    split = Split(told.train, told.validation, told.test, told.hash)
    return is_done(record, plan_split(run, split, OPTIONS[run.dataset]))


@pytest.fixture
def hed_identity(monkeypatch):
    """Plans of runs with edges of HED without its 55 MB: they hold the identity alone."""
    monkeypatch.setattr(settings, "fetched_weights", lambda: Path("hed"))
    monkeypatch.setattr(settings, "weights_identity", lambda _: HED.identity)


@pytest.mark.usefixtures("hed_identity")
@pytest.mark.parametrize(("claim", "seeds"), CLAIMS.items(), ids=map("-".join, CLAIMS))
def test_a_suite_that_claims_it_is_complete_has_nothing_to_do(claim, seeds):
    suite, folder, dataset, method = claim
    known = records_of(folder)
    runs = asked(suite, dataset, seeds, method, known)
    missing = [
        f"{one.method.label}, fold {one.fold}, seed {one.seed}"
        for one in runs
        if not done(one, known)
    ]
    assert runs and not missing


def test_a_seed_that_was_not_run_and_records_of_older_keys_are_no_result():
    known = records_of("rivals-64px")
    assert not any(done(run, known) for run in asked("rivals-64px", "breast", (7,), "none", known))
    old = records_of("cpu-64px")
    runs = asked("published-64px", "prostate", (0,), "none", old)
    assert runs and not any(done(run, old) for run in runs)
