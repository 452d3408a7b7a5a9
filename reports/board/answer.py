"""Is EMIT-Diff worth your GPU hours? The answer as the records have it, by one rule.

In each leading comparison one pair decides: the paper's method on top of a classic transform
against that transform, because the transform costs nothing; where no run of it exists, the paper's
method against no augmentation. Better in all: yes. Worse or equal in all: no. Anything else is
"not shown so far", and the sentence says which gain the runs could have shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.board.pairs import Pair, margin_points
from reports.comparison.format import factor_text, rounded, signed
from reports.statistics.verdicts import BETTER, EQUAL, FEW, WORSE

QUESTION = "Is EMIT-Diff worth your GPU hours?"
YES, NO = "Yes, in these runs.", "No, in these runs."
OPEN = "Not shown so far."
NOT_RUN = "Not tested here."
DRAWN = "Not answered: these images were drawn by a program."


@dataclass(frozen=True)
class Answer:
    """words: the short answer; mark: 'good', 'bad' or 'warn'; sentences: what each data set shows
    and cannot show."""

    words: str
    mark: str
    sentences: tuple[str, ...]


def answer(pairs: Sequence[dict[str, Pair]], synthetic: bool) -> Answer:
    """The answer of the leading comparisons' pairs. synthetic: no image of them is real."""
    deciding = [one for found in pairs if (one := found.get("joined") or found.get("alone"))]
    sentences = tuple(map(sentence, deciding))
    verdicts = [one.verdict for one in deciding]
    if not deciding:
        return Answer(NOT_RUN, "warn", ())
    if synthetic:
        return Answer(DRAWN, "warn", sentences)
    if all(one == BETTER for one in verdicts):
        return Answer(YES, "good", sentences)
    if all(one in (WORSE, EQUAL) for one in verdicts):
        return Answer(NO, "bad", sentences)
    if gained := [one.place for one in deciding if one.verdict == BETTER]:
        return Answer(f"On {' and '.join(gained)} yes, elsewhere not shown.", "warn", sentences)
    return Answer(OPEN, "warn", sentences)


def sentence(pair: Pair) -> str:
    """What a deciding pair shows, and what its runs could not have shown."""
    short = pair.comparison.group.short
    what = f"{pair.place.capitalize()}, {short[pair.a].name} against {short[pair.b].name}"
    gain = f"{signed(pair.interval.mean, 1)} points"
    if pair.verdict == BETTER:
        return f"{what}: better, {gain}{_cost(pair)}."
    if pair.verdict == WORSE:
        return f"{what}: worse, {gain}{_cost(pair)}."
    if pair.verdict == EQUAL:
        return f"{what}: equal within {margin_points(pair):g} points{_cost(pair)}."
    if pair.verdict == FEW:
        return f"{what}: {pair.few} for a verdict."
    return f"{what}: no clear difference; {_power(pair)}."


def _power(pair: Pair) -> str:
    if not math.isfinite(pair.detectable):
        return "what these runs could have shown is not known"
    least = rounded(pair.detectable, 1, 100)
    return f"a gain of {least} points would show in 80 % of such studies, smaller ones seldom"


def _cost(pair: Pair) -> str:
    return f", at {factor_text(pair.factor)} the time" if pair.factor else ""
