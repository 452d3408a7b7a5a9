"""The first screen: the question, its answer, three cards and the scope, as text. Not here: the
rules behind the answer (answer.py)."""

from dataclasses import dataclass
from typing import Any

from reports.board.answer import QUESTION, Answer, answer
from reports.board.pairs import KINDS, Pair, all_pairs, leading, margin_points
from reports.board.scope import Scope, scope
from reports.comparison.format import factor_text, signed
from reports.comparison.study import Study
from reports.statistics.verdicts import BETTER, EQUAL, WORSE

_TITLES = {
    "stack": "Best classic ({a}) against no augmentation",
    "alone": "EMIT-Diff alone against no augmentation",
    "joined": "EMIT-Diff on top of {b} against {b}",
}
_MARKS = {BETTER: "good", WORSE: "bad"}
MOST_PLACES = 3  # data sets that a card has room for


@dataclass(frozen=True)
class Card:
    """One pair of methods over the data sets; pairs: texts of each."""

    title: str
    pairs: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class FirstScreen:
    question: str
    answer: Answer
    cards: tuple[Card, ...]
    scope: Scope


def first_screen(study: Study) -> FirstScreen:
    """What the index opens with."""
    shown = leading(study)
    found = all_pairs(shown)
    synthetic = bool(shown) and all(one.group.spec.source.synthetic for one in shown)
    cards = tuple(_card(kind, [one[kind] for one in found if kind in one]) for kind in KINDS)
    return FirstScreen(
        QUESTION,
        answer(found, synthetic),
        tuple(card for card in cards if card.pairs),
        scope(study),
    )


def _card(kind: str, pairs: list[Pair]) -> Card:
    names: dict[str, Any] = {}
    for side in ("a", "b"):
        short = (one.comparison.group.short[getattr(one, side)].name for one in pairs)
        names[side] = " or ".join(dict.fromkeys(name.removeprefix("classic ") for name in short))
    return Card(_TITLES[kind].format(**names), tuple(map(_texts, pairs[:MOST_PLACES])))


def _texts(pair: Pair) -> dict[str, str]:
    interval = pair.interval
    equal = f"equal within {margin_points(pair):g} points" if pair.verdict == EQUAL else ""
    return {
        "gain": signed(interval.mean, 1),
        "mark": _MARKS.get(pair.verdict, ""),
        "place": pair.place,
        "interval": f"[{signed(interval.low, 1)}, {signed(interval.high, 1)}]",
        "verdict": equal or pair.verdict,
        "factor": factor_text(pair.factor),
    }
