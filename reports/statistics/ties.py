"""Groups of methods that the data cannot tell apart, as letters.

Two methods share a letter exactly if they are not told apart, which is no proof that they are
equal: see `verdicts.EQUAL`. Not here: the tests (verdicts.py).
"""

from collections.abc import Iterable

import numpy as np


def tie_groups(told_apart: np.ndarray, order: Iterable[int]) -> list[tuple[int, ...]]:
    """Sets of methods of which no pair is told apart, such that every pair that is not told apart
    stands in one of them (letter display: Piepho 2004, doi 10.1198/1061860043515).

    There may be exponentially many largest sets, so only as many are made as the pairs need: each
    set is begun with the best pair that no set holds yet, and takes in all others that it can.

    told_apart: bool (methods, methods), symmetric. order: places of the methods, the best first;
    groups and their members follow it.
    """
    order = list(order)
    tied = np.logical_not(told_apart[np.ix_(order, order)])
    np.fill_diagonal(tied, True)
    held: np.ndarray = np.zeros_like(tied)
    groups = []
    for a, b in zip(*(found.tolist() for found in np.triu_indices(len(order))), strict=True):
        alone = a == b and tied[a].sum() == 1
        if held[a, b] or not tied[a, b] or (a == b and not alone):
            continue
        group = [a] if alone else [a, b]
        able = tied[group].all(0)
        able[group] = False
        while able.any():
            # the one that brings most pairs that no set holds yet, the best of several
            new = np.where(able, (~held[group]).sum(0), -1)
            group.append(int(np.argmax(new)))
            able &= tied[group[-1]]
            able[group[-1]] = False
        held[np.ix_(group, group)] = True
        groups.append(sorted(int(member) for member in group))
    needed = _needed(groups, tied)
    return [tuple(order[member] for member in group) for group in sorted(needed)]


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


def _needed(groups: list[list[int]], tied: np.ndarray) -> list[list[int]]:
    """Without the groups whose pairs all stand in other groups, the last made looked at first."""
    held = np.zeros(tied.shape, int)
    for group in groups:
        held[np.ix_(group, group)] += 1
    kept = []
    for group in reversed(groups):
        inside = np.ix_(group, group)
        if len(group) > 1 and (held[inside] > 1).all():
            held[inside] -= 1
        else:
            kept.append(group)
    return kept
