"""Which cases train, validate and test: K folds over patients, and a validation split out of the
training cases.

Three orders: "shuffled" deals patients, stratum by stratum, from a seeded shuffle; "dataset" cuts
the source's own list into K consecutive parts (the unshuffled KFold of Q8, with which the paper's
folds can be rebuilt); "centre" tests one centre per fold, in the order of first appearance, and
trains on all others. In all, the validation cases come out of the fold's training cases and never
touch the test cases.
"""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.identity import named_seed
from benchmark.core.texts import some
from datasets.cases import CaseInfo

# Streams of random numbers that must not coincide: dealing test folds, drawing validation cases.
_DEAL, _VALIDATION = 0, 1

# Groups of case ids; of near copies, each cluster in the source's order.
Clusters = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Split:
    """Case ids of one fold, each list in the source's order, and `hash`, sha256 hex over the three
    sets."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    hash: str


def split(
    cases: Sequence[CaseInfo],
    *,
    order: Literal["shuffled", "dataset", "centre"],
    n_folds: int,
    fold: int,
    seed: int,
    validation_share: float,
) -> Split:
    """The split of fold `fold` (0-based) of `n_folds`. The test cases do not depend on
    validation_share.

    validation_share: part of the fold's training patients, in [0, 1); at least one patient where it
    is above 0. Under "centre" it is drawn from each training centre in proportion. Raises
    InputError where there are fewer patients than folds or nothing would be left to train on, and
    under "centre" where not every patient has one centre, or n_folds is not their number.
    """
    strata = _centre_of_groups(cases) if order == "centre" else _strata_of_groups(cases)
    _check(strata, n_folds, fold, validation_share)
    if order == "dataset":
        test = set(np.array_split(np.array(list(strata), dtype=object), n_folds)[fold])
    elif order == "shuffled":
        test = _dealt(strata, n_folds, fold, seed)
    elif order == "centre":
        test = _of_centre(strata, n_folds, fold)
    else:
        raise InputError(f"unknown order of folds '{order}'; known: shuffled, dataset, centre.")
    rest = {group: stratum for group, stratum in strata.items() if group not in test}
    validation = _drawn(rest, validation_share, np.random.default_rng([seed, _VALIDATION, fold]))
    if len(validation) == len(rest):
        raise InputError(
            f"fold {fold} of {n_folds} has {len(rest)} training patients and a validation share of"
            f" {validation_share:g}, so none is left to train on; add cases or lower the share."
        )
    parts = {
        "train": tuple(
            case.id for case in cases if case.group in rest and case.group not in validation
        ),
        "validation": tuple(case.id for case in cases if case.group in validation),
        "test": tuple(case.id for case in cases if case.group in test),
    }
    return Split(**parts, hash=split_hash(**parts))


def split_hash(*, train: Sequence[str], validation: Sequence[str], test: Sequence[str]) -> str:
    """sha256 hex over the three sets, whatever the order within each."""
    parts = {"train": sorted(train), "validation": sorted(validation), "test": sorted(test)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def joined(cases: Sequence[CaseInfo], clusters: Iterable[Iterable[str]]) -> list[CaseInfo]:
    """The cases with those patients as one group of whom a cluster holds cases, directly or over
    other patients; groups are named by their first patient. clusters: case ids, such as of near
    copies."""
    patient = {case.id: case.group for case in cases}
    group_of = {case.group: [case.group] for case in cases}
    for cluster in clusters:
        first, *others = [group_of[patient[case]] for case in cluster]
        for other in others:
            if other is not first:
                first += other
                group_of |= dict.fromkeys(other, first)
    place = {group: index for index, group in enumerate(group_of)}
    names = {group: min(whole, key=place.__getitem__) for group, whole in group_of.items()}
    return [replace(case, group=names[case.group]) for case in cases]


def copied_cases(
    test: Iterable[str], others: Iterable[str], clusters: Iterable[Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """The test cases with a case of their cluster among `others`, and those cases."""
    there = set(others)
    found: dict[str, tuple[str, ...]] = {}
    cluster_of = {case: cluster for cluster in clusters for case in cluster}
    for case in test:
        mates = tuple(mate for mate in cluster_of.get(case, ()) if mate in there)
        found |= {case: mates} if mates else {}
    return found


def thinned(train: Sequence[str], share: float, seed: int) -> list[str]:
    """The first `share` of the training cases in a seeded order, kept in their own order; smaller
    shares are subsets."""
    count = max(1, math.ceil(share * len(train) - 1e-9))
    chosen = set(
        np.random.default_rng(named_seed(seed, "scarcity")).permutation(len(train))[:count].tolist()
    )
    return [case for position, case in enumerate(train) if position in chosen]


def _strata_of_groups(cases: Sequence[CaseInfo]) -> dict[str, str]:
    """Patient -> stratum, in order of first appearance; the strata of a patient with several are
    joined by '+'."""
    found: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        found[case.group].add(case.stratum or "")
    return {group: "+".join(sorted(names)) for group, names in found.items()}


def _centre_of_groups(cases: Sequence[CaseInfo]) -> dict[str, str]:
    """Patient -> centre, in order of first appearance."""
    found: dict[str, str] = {}
    for case in cases:
        if case.centre is None:
            raise InputError(
                f"folds=centre needs the centre of every case, and that of {case.id} is not known;"
                f" say it by `centre` in a YAML file of the images (docs/add-a-dataset.md)."
            )
        other = found.setdefault(case.group, case.centre)
        if other != case.centre:
            raise InputError(
                f"{case.id} of the centre {case.centre} is one patient with, or a near copy of,"
                f" {case.group} of the centre {other}, so neither tests what the other trains;"
                f" remove one of them."
            )
    return found


def _of_centre(centres: dict[str, str], n_folds: int, fold: int) -> set[str]:
    names = list(dict.fromkeys(centres.values()))
    if len(names) != n_folds:
        raise InputError(
            f"folds=centre makes one fold for each centre, and there are {len(names)}"
            f" ({some(names)}); give --set n_folds={len(names)}."
            if len(names) > 1
            else f"folds=centre needs two centres or more, and all cases are of {names[0]}."
        )
    return {group for group, centre in centres.items() if centre == names[fold]}


def _check(strata: dict[str, str], n_folds: int, fold: int, validation_share: float) -> None:
    if n_folds < 2:
        raise InputError(f"cross-validation needs at least 2 folds, not {n_folds}.")
    if not 0 <= fold < n_folds:
        raise InputError(
            f"fold {fold} does not exist; with {n_folds} folds they are 0 to {n_folds - 1}."
        )
    if len(strata) < n_folds:
        count = "1 patient is" if len(strata) == 1 else f"{len(strata)} patients are"
        raise InputError(f"{count} too few for {n_folds} folds; add cases or use fewer folds.")
    if not 0 <= validation_share < 1:
        raise InputError(
            f"the validation share must be at least 0 and below 1, not {validation_share:g}."
        )


def _shuffled_strata(strata: dict[str, str], rng: np.random.Generator) -> list[list[str]]:
    """Per stratum (by name), its patients in random order, whatever order the source lists them
    in."""
    members: dict[str, list[str]] = defaultdict(list)
    for group in sorted(strata):
        members[strata[group]].append(group)
    return [
        [names[index] for index in rng.permutation(len(names))]
        for _, names in sorted(members.items())
    ]


def _dealt(strata: dict[str, str], n_folds: int, fold: int, seed: int) -> set[str]:
    """Deals patients like cards, stratum after stratum: folds differ by at most one, in total and
    per stratum."""
    cards = [
        group
        for names in _shuffled_strata(strata, np.random.default_rng([seed, _DEAL]))
        for group in names
    ]
    return set(cards[fold::n_folds])


def _drawn(strata: dict[str, str], share: float, rng: np.random.Generator) -> set[str]:
    """A share of the patients, taken from each stratum in proportion."""
    if share == 0:
        return set()
    # A patient's place within its stratum, in (0, 1): the lowest places hold each stratum's share.
    # Ties between strata fall to the earlier stratum.
    shuffled = _shuffled_strata(strata, rng)
    placed = [
        ((index + 0.5) / len(names), group)
        for names in shuffled
        for index, group in enumerate(names)
    ]
    placed.sort(key=lambda pair: pair[0])
    return {group for _, group in placed[: max(1, round(share * len(placed)))]}
