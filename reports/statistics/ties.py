"""Which methods the data cannot tell apart: all pairs tested, and groups of ties as letters.

Two methods share a letter exactly if they are not told apart, which is no proof that they are
equal: see `paired.equivalence`.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from reports.statistics.paired import holm, signed_rank


def pairwise(case_means: np.ndarray) -> np.ndarray:
    """(methods, cases) with nan for absent cases -> Holm's adjusted signed-rank p of every pair
    (methods, methods).

    The diagonal is 1; pairs without a common case are nan.
    """
    count = len(case_means)
    above = np.triu_indices(count, 1)
    found = []
    for a, b in zip(*above, strict=True):
        differences = case_means[a] - case_means[b]
        found.append(signed_rank(differences[np.isfinite(differences)]))
    table = np.eye(count)
    table[above] = holm(np.array(found))
    return np.where(np.tri(count, k=-1, dtype=bool), table.T, table)


def tie_groups(told_apart: np.ndarray, order: Iterable[int]) -> list[tuple[int, ...]]:
    """The largest sets of methods of which no pair is told apart (Piepho 2004, doi
    10.1198/1061860043515).

    told_apart: bool (methods, methods), symmetric. order: places of the methods, the best first;
    groups and their members follow it.
    """
    order = list(order)
    rank = {place: number for number, place in enumerate(order)}
    tied = {a: {b for b in order if b != a and not told_apart[a, b]} for a in order}
    groups = [
        tuple(sorted(group, key=rank.__getitem__))
        for group in _cliques(set(), set(order), set(), tied)
    ]
    return sorted(groups, key=lambda group: [rank[place] for place in group])


def letters(groups: list[tuple[int, ...]], count: int) -> list[str]:
    """One text per method: the letters of its groups, 'a' the first; after 'z' come 'aa', 'ab'...,
    parted by spaces."""
    names = [_letter(number) for number in range(len(groups))]
    joint = "" if len(groups) <= 26 else " "
    members = [
        [name for name, group in zip(names, groups, strict=True) if place in group]
        for place in range(count)
    ]
    return [joint.join(found) for found in members]


def _letter(number: int) -> str:
    return ("" if number < 26 else _letter(number // 26 - 1)) + chr(ord("a") + number % 26)


def _cliques(chosen: set, possible: set, done: set, tied: dict[int, set]) -> Iterator[set]:
    """Bron and Kerbosch's maximal cliques, with pivot."""
    if not possible and not done:
        yield chosen
        return
    pivot = max(possible | done, key=lambda place: (len(tied[place] & possible), -place))
    for place in sorted(possible - tied[pivot]):
        yield from _cliques(chosen | {place}, possible & tied[place], done & tied[place], tied)
        possible = possible - {place}
        done = done | {place}
