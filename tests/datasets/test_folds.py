"""Folds: the paper's exact test cases, no patient in two lists, strata kept, validation out of
training only."""

from collections import Counter
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.core.errors import InputError
from datasets.cases import CaseInfo
from datasets.folds import copied_cases, joined, split, thinned
from datasets.sources.msd_json import read_description

# Test cases per fold of the unshuffled KFold(3) over the published dataset.json (PROTOCOL Q8).
PROSTATE = (
    "16 04 32 20 43 18 06 14 41 34 38",
    "10 02 24 47 28 00 42 21 17 40 31",
    "07 35 44 39 01 13 46 25 29 37",
)
SPLEEN = (
    "19 31 52 40 3 17 21 33 9 29 46 25 13 62",
    "27 44 56 60 2 53 41 22 14 18 20 32 16 12",
    "63 28 24 59 47 8 6 61 10 38 45 26 49",
)


def named(*ids: str) -> list[CaseInfo]:
    return [CaseInfo(name, name) for name in ids]


def published_folds(prefix: str, folds: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [tuple(f"{prefix}_{number}" for number in fold.split()) for fold in folds]


@pytest.mark.parametrize(("prefix", "folds"), [("prostate", PROSTATE), ("spleen", SPLEEN)])
def test_dataset_order_gives_the_published_folds(prefix, folds):
    expected = published_folds(prefix, folds)
    cases = named(*(name for fold in expected for name in fold))
    for fold, test in enumerate(expected):
        found = split(cases, order="dataset", n_folds=3, fold=fold, seed=3, validation_share=0.2)
        assert found.test == test
        assert set(found.train) | set(found.validation) == {case.id for case in cases} - set(test)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "prefix", "folds"),
    [("Task05_Prostate", "prostate", PROSTATE), ("Task09_Spleen", "spleen", SPLEEN)],
)
def test_the_real_dataset_json_gives_the_published_folds(data_root, folder, prefix, folds):
    entries = read_description(data_root / "msd" / folder).training
    cases = named(*(entry.id for entry in entries))
    for fold, test in enumerate(published_folds(prefix, folds)):
        assert (
            split(cases, order="dataset", n_folds=3, fold=fold, seed=0, validation_share=0).test
            == test
        )


populations = st.lists(
    st.tuples(st.integers(0, 25), st.sampled_from(["malignant", "benign"])),
    min_size=12,
    max_size=60,
).map(
    lambda pairs: [
        CaseInfo(f"case_{number}", f"patient_{patient}", stratum)
        for number, (patient, stratum) in enumerate(pairs)
    ]
)


@settings(max_examples=60, deadline=None)
@given(populations, st.sampled_from(["shuffled", "dataset"]), st.integers(2, 4), st.integers(0, 5))
def test_every_case_is_tested_once_and_no_patient_crosses(cases, order, n_folds, seed):
    if len({case.group for case in cases}) < 2 * n_folds:
        return
    group = {case.id: case.group for case in cases}
    tested = []
    for fold in range(n_folds):
        found = split(
            cases, order=order, n_folds=n_folds, fold=fold, seed=seed, validation_share=0.2
        )
        parts = [
            {group[name] for name in part} for part in (found.train, found.validation, found.test)
        ]
        assert all(parts)
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert sorted((*found.train, *found.validation, *found.test)) == sorted(group)
        tested += found.test
    assert sorted(tested) == sorted(group)


@settings(max_examples=40, deadline=None)
@given(st.integers(6, 40), st.integers(6, 40), st.integers(2, 4), st.integers(0, 9))
def test_strata_are_shared_out_evenly(malignant, benign, n_folds, seed):
    cases = [CaseInfo(f"m{i}", f"m{i}", "malignant") for i in range(malignant)]
    cases += [CaseInfo(f"b{i}", f"b{i}", "benign") for i in range(benign)]
    sizes, per_stratum = [], []
    for fold in range(n_folds):
        found = split(
            cases, order="shuffled", n_folds=n_folds, fold=fold, seed=seed, validation_share=0.25
        )
        sizes.append(len(found.test))
        per_stratum.append(Counter(name[0] for name in found.test)["m"])
        rest = Counter(name[0] for name in (*found.train, *found.validation))
        drawn = Counter(name[0] for name in found.validation)
        assert all(
            abs(drawn[letter] - rest[letter] * len(found.validation) / rest.total()) <= 1
            for letter in "mb"
        )
    assert max(sizes) - min(sizes) <= 1
    assert max(per_stratum) - min(per_stratum) <= 1


def test_test_cases_do_not_depend_on_the_validation_share():
    cases = named(*(f"c{i}" for i in range(20)))
    for order in ("shuffled", "dataset"):
        tests = {
            split(cases, order=order, n_folds=3, fold=1, seed=5, validation_share=share).test
            for share in (0, 0.1, 0.5)
        }
        assert len(tests) == 1


def test_the_shuffle_follows_the_seed_and_not_the_listing():
    cases = named(*(f"c{i}" for i in range(20)))
    arguments = {"order": "shuffled", "n_folds": 3, "fold": 0, "validation_share": 0.2}
    first = split(cases, seed=1, **arguments)
    again = split(list(reversed(cases)), seed=1, **arguments)
    assert (set(first.test), first.hash) == (set(again.test), again.hash)
    assert again.test == tuple(reversed(first.test))
    assert split(cases, seed=2, **arguments).test != first.test


def test_the_hash_is_stable_and_covers_all_three_lists():
    cases = named(*(f"c{i}" for i in range(9)))
    arguments = {"order": "dataset", "n_folds": 3, "seed": 1}
    base = split(cases, fold=0, validation_share=0.2, **arguments)
    assert base.hash == split(cases, fold=0, validation_share=0.2, **arguments).hash
    assert base.hash == "afde125acbc70aaeb44f906d3879db293fc564ade843a51a9b4876a4636bdc35"
    others = {
        split(cases, fold=1, validation_share=0.2, **arguments).hash,
        split(cases, fold=0, validation_share=0.5, **arguments).hash,
        split(cases, fold=0, validation_share=0, **arguments).hash,
        split(
            named("other", *(f"c{i}" for i in range(1, 9))),
            fold=0,
            validation_share=0.2,
            **arguments,
        ).hash,
    }
    assert len(others) == 4
    assert base.hash not in others


def test_a_shuffled_split_is_the_same_for_ever():
    """Of patients of two cases each, in two strata; the validation draw depends on the fold."""
    cases = [CaseInfo(f"c{i}", f"p{i // 2}", "ab"[i % 3 == 0]) for i in range(20)]
    found = split(cases, order="shuffled", n_folds=3, fold=1, seed=7, validation_share=0.3)
    assert found.test == tuple(f"c{i}" for i in range(14, 20))
    assert found.validation == ("c4", "c5", "c12", "c13")
    assert found.hash == "1cb38a0b681a76620e3afd1da6b90cb8fd7223aacd297a5101619b7e82fad16a"
    with pytest.raises(FrozenInstanceError):
        found.test = ()


def test_a_share_of_the_training_cases_is_the_same_for_ever():
    cases = [f"c{i}" for i in range(10)]
    assert thinned(cases, 0.3, 3) == ["c3", "c5", "c7"]
    assert thinned(cases, 0.31, 3) == ["c3", "c5", "c6", "c7"]
    assert thinned(cases, 1.0, 3) == cases
    assert thinned(["a", "b"], 0.01, 3) == ["a"]


@pytest.mark.parametrize(
    ("count", "n_folds", "fold", "share", "message"),
    [
        (0, 3, 0, 0.2, "0 patients are too few for 3 folds"),
        (1, 3, 0, 0.2, "1 patient is too few for 3 folds"),
        (2, 3, 0, 0.2, "2 patients are too few for 3 folds"),
        (9, 1, 0, 0.2, "at least 2 folds, not 1"),
        (9, 3, 3, 0.2, "fold 3 does not exist; with 3 folds they are 0 to 2"),
        (9, 3, 4, 0.2, "fold 4 does not exist; with 3 folds they are 0 to 2"),
        (9, 4, 4, 0.2, "fold 4 does not exist; with 4 folds they are 0 to 3"),
        (9, 3, -1, 0.2, "fold -1 does not exist"),
        (9, 3, 0, 1.0, "below 1, not 1"),
        (9, 3, 0, 1.5, "below 1, not 1.5"),
        (9, 3, 0, -0.1, "at least 0 and below 1, not -0.1"),
        (2, 2, 0, 0.5, "none is left to train on"),
    ],
)
def test_impossible_splits_are_refused(count, n_folds, fold, share, message):
    cases = named(*(f"c{i}" for i in range(count)))
    with pytest.raises(InputError, match=message):
        split(cases, order="shuffled", n_folds=n_folds, fold=fold, seed=0, validation_share=share)


@pytest.mark.parametrize("order", ["shuffled", "dataset", "centre"])
def test_hundreds_of_folds_and_patients_are_counted_as_few_are(order):
    """Whole numbers above 256 can be equal and two objects."""
    cases = of_centres(**{f"c{n}_": 1 for n in range(300)})
    given = {"order": order, "n_folds": 300, "fold": 299, "seed": 0}
    found = split(cases, validation_share=0, **given)
    assert (len(found.train), len(found.test)) == (299, 1)
    with pytest.raises(InputError, match="has 299 training patients .* none is left to train on"):
        split(cases, validation_share=0.999, **given)
    with pytest.raises(InputError, match="299 patients are too few for 300 folds"):
        split(cases[:299], validation_share=0, **(given | {"order": "shuffled"}))


@pytest.mark.parametrize("order", ["a", "cut", "random", "zigzag"])
def test_an_unknown_order_is_refused(order):
    with pytest.raises(InputError, match=f"unknown order of folds '{order}'"):
        split(named("a", "b", "c"), order=order, n_folds=2, fold=0, seed=0, validation_share=0)


@pytest.mark.parametrize("order", ["shuffled", "dataset", "centre"])
def test_an_order_is_known_by_its_letters(order):
    """A text that was put together is equal to the word and is another object."""
    given = {"n_folds": 2, "fold": 1, "seed": 4, "validation_share": 0.3}
    cases = of_centres(south=5, north=6)
    read = "".join(list(order))
    assert split(cases, order=read, **given) == split(cases, order=order, **given)


def test_at_least_one_case_is_kept_and_a_whole_number_of_cases_is_not_rounded_up():
    assert thinned(["a", "b"], 1e-12, 3) == ["a"]
    # 0.07 * 100 is 7.000000000000001 in floats
    assert len(thinned([str(n) for n in range(100)], 0.07, 3)) == 7
    assert len(thinned([str(n) for n in range(100)], 0.0701, 3)) == 8


def test_smaller_shares_are_subsets_in_the_order_of_the_list():
    cases = [f"c{n}" for n in range(17)]
    kept = [thinned(cases, share, 5) for share in (0.2, 0.5, 0.8)]
    assert [len(one) for one in kept] == [4, 9, 14]
    assert set(kept[0]) < set(kept[1]) < set(kept[2])
    assert all(one == [case for case in cases if case in one] for one in kept)


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.25, 2), (0.31, 2), (0.32, 3)])
def test_the_validation_share_is_that_of_the_training_patients_and_never_none(share, count):
    """Of 12 patients 8 are left by a fold of three: 2.48 are two and 2.56 are three."""
    cases = [CaseInfo(f"c{n}", f"p{n // 2}") for n in range(24)]
    found = split(cases, order="shuffled", n_folds=3, fold=2, seed=0, validation_share=share)
    assert (len(found.test), len(found.validation)) == (8, 2 * count)
    assert len(found.train) == 16 - 2 * count


@pytest.mark.parametrize(
    ("share", "drawn"), [(0.1, "b"), (0.2, "bb"), (0.3, "bbm"), (0.5, "bbbbm")]
)
def test_a_validation_share_takes_the_larger_stratum_first(share, drawn):
    """Of eight and two patients: those of a stratum stand in the middle of an eighth or a half."""
    cases = named(*(f"test {n}" for n in range(10)))
    for stratum, count in (("m", 2), ("b", 8)):
        cases += [CaseInfo(f"{stratum}{n}", f"{stratum}{n}", stratum) for n in range(count)]
    for seed in range(3):
        found = split(cases, order="dataset", n_folds=2, fold=0, seed=seed, validation_share=share)
        assert "".join(sorted(name[0] for name in found.validation)) == drawn


def test_a_fold_needs_no_more_patients_than_folds():
    cases = named("a", "b")
    for order in ("shuffled", "dataset"):
        parts = [
            split(cases, order=order, n_folds=2, fold=fold, seed=0, validation_share=0)
            for fold in (0, 1)
        ]
        assert sorted(parts[0].test + parts[1].test) == ["a", "b"]
        assert parts[0].train == parts[1].test and parts[0].validation == ()


def test_a_patient_with_cases_of_two_strata_is_a_stratum_of_its_own():
    """Six patients of each of three strata, the third being both: each of three folds tests two of
    each."""
    cases = [CaseInfo(f"m{n}", f"m{n}", "malignant") for n in range(6)]
    cases += [CaseInfo(f"b{n}", f"b{n}", "benign") for n in range(6)]
    for n in range(6):
        cases += [CaseInfo(f"x{n}", f"x{n}", "malignant"), CaseInfo(f"y{n}", f"x{n}", "benign")]
    for fold in range(3):
        found = split(cases, order="shuffled", n_folds=3, fold=fold, seed=1, validation_share=0)
        assert Counter(name[0] for name in found.test) == dict.fromkeys("mbxy", 2)


def test_patients_whose_cases_are_copies_of_each_other_are_one_group():
    cases = [CaseInfo(name, name.upper()) for name in "abcd"] + [CaseInfo("e", "A")]
    groups = [case.group for case in joined(cases, [("b", "c"), ("c", "e")])]
    assert groups == ["A", "A", "A", "D", "A"]
    assert joined(cases, []) == cases
    # the name is that of the first patient of the list, not of the cluster
    turned = [case.group for case in joined(cases[:4], [("d", "c"), ("b", "c")])]
    assert turned == ["A", "B", "B", "B"]
    assert [case.group for case in joined(cases[:4], [("d", "b"), ("c", "a")])] == list("ABAB")


@given(st.integers(6, 30), st.integers(0, 2**31), st.integers(0, 5))
def test_no_cluster_is_split_over_folds(count, seed, fold_seed):
    rng = np.random.default_rng(seed)
    cases = [CaseInfo(str(i), f"patient {rng.integers(count)}") for i in range(count)]
    clusters = [tuple(map(str, rng.choice(count, 2, replace=False))) for _ in range(count // 4)]
    together = joined(cases, clusters)
    if len({case.group for case in together}) < 4:
        return
    parts = split(
        together, order="shuffled", n_folds=2, fold=0, seed=fold_seed, validation_share=0.3
    )
    assert copied_cases(parts.test, parts.train + parts.validation, clusters) == {}
    assert copied_cases(parts.validation, parts.train, clusters) == {}
    lists = [parts.train, parts.validation, parts.test]
    patients = [{case.group for case in cases if case.id in ids} for ids in lists]
    assert not patients[0] & patients[1] | patients[0] & patients[2] | patients[1] & patients[2]


def test_copied_cases_name_what_they_copy():
    clusters = [("a", "b", "c"), ("d", "e")]
    assert copied_cases("ae", "bcx", clusters) == {"a": ("b", "c")}
    assert copied_cases("xyd", "ce", clusters) == {"d": ("e",)}
    assert copied_cases("ab", "", clusters) == {}


def of_centres(**counts: int) -> list[CaseInfo]:
    return [
        # each case has a text of its own, as where they are read one by one
        CaseInfo(f"{centre}{number}", f"{centre}{number}", centre="".join(centre))
        for centre, count in counts.items()
        for number in range(count)
    ]


def test_each_centre_is_tested_once_and_never_trained_on_then():
    cases = of_centres(south=6, north=10, east=4)
    for fold, centre in enumerate(("south", "north", "east")):
        found = split(cases, order="centre", n_folds=3, fold=fold, seed=1, validation_share=0.25)
        assert found.test == tuple(case.id for case in cases if case.centre == centre)
        assert not any(case.startswith(centre) for case in found.train + found.validation)
        left = Counter(case.rstrip("0123456789") for case in found.validation)
        assert len(left) == 2  # some of each training centre
        assert sum(left.values()) == round(0.25 * (20 - len(found.test)))


def test_cases_of_one_patient_are_of_one_centre():
    cases = of_centres(south=3, north=3)
    cases += [replace(case, id=f"{case.id} again", centre="".join(case.centre)) for case in cases]
    found = split(cases, order="centre", n_folds=2, fold=1, seed=0, validation_share=0)
    assert set(found.test) == {case.id for case in cases if case.centre == "north"}


@pytest.mark.parametrize(
    ("cases", "n_folds", "told"),
    [
        (of_centres(a=3, b=3), 3, r"there are 2 \(a, b\); give --set n_folds=2"),
        (of_centres(a=3, b=3, c=3), 2, r"there are 3 \(a, b, c\); give --set n_folds=3"),
        (of_centres(a=6), 2, "needs two centres or more, and all cases are of a"),
        (named("x", "y", "z"), 2, "that of x is not known"),
        (
            [CaseInfo("1", "p", centre="a"), CaseInfo("2", "p", centre="b")],
            2,
            "2 of the centre b is one patient with, or a near copy of, p of the centre a",
        ),
        (
            [CaseInfo("1", "p", centre="b"), CaseInfo("2", "p", centre="a")],
            2,
            "2 of the centre a is one patient with, or a near copy of, p of the centre b",
        ),
    ],
)
def test_centres_that_make_no_folds_are_refused(cases, n_folds, told):
    with pytest.raises(InputError, match=told):
        split(cases, order="centre", n_folds=n_folds, fold=0, seed=0, validation_share=0.2)
