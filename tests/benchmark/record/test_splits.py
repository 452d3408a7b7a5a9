"""The split of a run: folds that there are, and near copies that stay together."""

import pytest

from benchmark.core.errors import InputError
from benchmark.record.splits import split_of
from datasets.cases import CaseInfo
from tests.reports.submission.made import tiny_spec

CASES = [CaseInfo(f"c{number}", f"c{number}") for number in range(8)]


@pytest.mark.parametrize(("fold", "folds"), [(-1, 3), (3, 3), (9, 3), (4, 4)])
def test_a_fold_that_does_not_exist_is_refused_with_those_that_do(fold, folds):
    run = tiny_spec("none", 0, 0, f"n_folds={folds}").model_copy(update={"fold": fold})
    told = f"--fold {fold} does not exist; folds are 0 to {folds - 1}\\."
    with pytest.raises(InputError, match=told):
        split_of(run, CASES)


def test_every_fold_that_there_is_has_a_split_of_its_own():
    tests = []
    for fold in range(3):
        run = tiny_spec("none", fold, 0, "n_folds=3")
        tests += split_of(run, CASES).test
    assert sorted(tests) == [case.id for case in CASES]


@pytest.mark.parametrize(("selection", "share"), [("validation", 2), ("test", 0), ("last", 0)])
def test_validation_cases_are_drawn_only_where_they_choose_the_checkpoint(selection, share):
    run = tiny_spec("none", 0, 0, f"selection={selection}", "validation_share=0.5")
    found = split_of(run, CASES)
    assert (len(found.train), len(found.validation), len(found.test)) == (4 - share, share, 4)


def test_near_copies_stay_together_where_the_protocol_says_so():
    run, clusters = tiny_spec("none"), (("c0", "c5", "c7"),)
    parts = split_of(run, CASES, clusters)
    assert any(
        {"c0", "c5", "c7"} <= set(part) for part in (parts.train, parts.validation, parts.test)
    )
    alone = run.model_copy(
        update={"protocol": run.protocol.model_copy(update={"copies": "per-image"})}
    )
    assert split_of(alone, CASES, clusters) == split_of(alone, CASES)


def test_too_few_groups_of_copies_are_refused():
    run = tiny_spec("none")
    with pytest.raises(InputError, match="fewer groups of cases than the 2 folds"):
        split_of(run, CASES, (tuple(case.id for case in CASES),))
    two = (("c0", "c1", "c2", "c3"), ("c4", "c5", "c6", "c7"))
    with pytest.raises(InputError, match="none is left to train on"):
        split_of(run, CASES, two)
    # one patient alone is told of as such, not as copies
    with pytest.raises(InputError, match="^1 patient is too few for 2 folds"):
        split_of(run, CASES[:1])


@pytest.mark.parametrize(
    "words",
    [
        {"copies": "grouped"},
        {"copies": "per-image"},
        {"selection": "validation"},
        {"selection": "test"},
        {"folds": "dataset"},
    ],
)
def test_switches_are_known_by_their_letters(words):
    """A text that was put together is equal to the word and is another object."""
    clusters = (("c0", "c5"), ("c1", "c6"))
    run = tiny_spec("none", 0, 0, "validation_share=0.5")
    read = {name: "".join(list(word)) for name, word in words.items()}
    found = [
        split_of(
            run.model_copy(update={"protocol": run.protocol.model_copy(update=one)}),
            CASES,
            clusters,
        )
        for one in (words, read)
    ]
    assert found[0] == found[1]


def test_runs_of_one_fold_share_their_split():
    """Thousands of runs are planned at once."""
    first, second = tiny_spec("none", 1), tiny_spec("emitdiff", 1, 3)
    assert split_of(first, CASES) is split_of(second, list(CASES))
    assert split_of(first, CASES) != split_of(tiny_spec("none", 0), CASES)
