"""The effects of deviations as a table and as plain sentences. Not here: the numbers
(effects.py)."""

import re
from typing import Any

import pandas as pd

from benchmark.spec.protocol import Protocol, differences
from reports.comparison.format import signed
from reports.deviations.effects import NO_CHANGE, Effect, Effects
from reports.statistics.differences import Difference
from reports.statistics.paired import ALPHA

POINTS = 100
_ALL = "all of them (released)"


def points(difference: Difference) -> str:
    """'+1.2 [-0.3, +2.7]', in points of Dice; without the interval where it is not known."""
    interval = difference.interval().scaled(POINTS)
    mean = signed(interval.mean, 1)
    if interval.low != interval.low:
        return mean
    return f"{mean} [{signed(interval.low, 1)}, {signed(interval.high, 1)}]"


def step_name(effect: Effect) -> str:
    """'selection = test (Q1)': the deviation and its number in QUIRKS.md."""
    changed = differences(effect.protocol)
    if not differences(effect.protocol, "released"):
        return _ALL
    numbers: list[str] = []
    for name in changed:
        numbers += re.findall(r"\bQ\d+\b", Protocol.model_fields[name].description or "")
    return f"{effect.step} ({', '.join(dict.fromkeys(numbers))})" if numbers else effect.step


def sentence(effects: Effects, effect: Effect) -> str:
    """What one deviation does, in plain words."""
    name, verdict = step_name(effect), effects.verdict(effect)
    if verdict == NO_CHANGE:
        return f"{name}: changes no Dice value, so the gain stays as it is."
    alpha = ALPHA / max(len(effects.p_holm), 1)
    limit = effect.moved.detectable(alpha) * POINTS
    trained = (
        "the trainings are those of rigorous, so the interval is over cases alone"
        if effect.same_trainings
        else "trained anew under it"
    )
    if not effect.moved.paired:
        trained += ", with other cases in each fold, so nothing is paired"
    if not (effect.same_trainings or effect.moved.trainings_known):
        trained += "; with one seed the interval leaves out the luck of a training"
    seen = f"; a true effect of {limit:.1f} points would be seen" if limit == limit else ""
    return f"{name}: moves the gain by {points(effect.moved)} points; {verdict} ({trained}{seen})."


def opening(effects: Effects) -> str:
    """The gain under rigorous, and under the release's rules."""
    text = f"Under rigorous rules {effects.label} gains {points(effects.gain)} points over none"
    if effects.together:
        text += f"; under the release's rules {points(effects.together.gain)}"
    return text + "."


def effect_rows(found: list[Effects]) -> pd.DataFrame:
    """One row per group, method and deviation, in full precision and fractions of 1: the CSV."""
    rows: list[dict[str, Any]] = []
    for effects in found:
        spec = effects.family.spec
        for effect in effects.all:
            interval = effect.moved.interval()
            rows.append(
                {
                    "dataset": spec.dataset,
                    "source": spec.source.title,
                    "architecture": spec.architecture,
                    "preset": spec.preset.name,
                    "method": effects.label,
                    "deviation": effect.step,
                    "gain_rigorous": effects.gain.mean,
                    "gain": effect.gain.mean,
                    "moved": interval.mean,
                    "moved_low": interval.low,
                    "moved_high": interval.high,
                    "cases": effect.moved.n,
                    "folds": effect.moved.folds,
                    "seeds": " ".join(map(str, effect.moved.seeds)),
                    "same_trainings": effect.same_trainings,
                    "paired": effect.moved.paired,
                    "p": effect.moved.p,
                    "p_holm": effects.p_holm.get(effect.step),
                    "verdict": effects.verdict(effect),
                }
            )
    return pd.DataFrame(rows)
