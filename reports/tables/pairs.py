"""Two methods beside each other, in every comparison that has both: the paired difference with its
interval, the verdict, and what such runs could show. The arithmetic is in statistics/differences.py
and comparison/inference.py, as for the pages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from benchmark.core.errors import InputError
from benchmark.core.texts import nearest, some
from benchmark.record.record import Record
from reports.comparison.format import p_text, rounded, verdict_words, with_interval
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.labels import source_label
from reports.comparison.ranked_settings import main_methods
from reports.comparison.study import Comparison, Study
from reports.statistics.paired import ALPHA
from reports.statistics.verdicts import Verdicts
from reports.tables.tables import Table

MOST_NAMED, NEAR = 12, 3  # names that an error lists
SWEPT = "no verdict: a setting beside the ranked one"


@dataclass(frozen=True)
class Pair:
    """a minus b in mean Dice, in points of 100, on the cases, folds and seeds that both ran.

    Args:
        dataset, source, rules: of the comparison.
        a, b: labels of the methods.
        cases, seeds: that are compared.
        difference, low, high: the mean and its 95 % interval over cases and trainings.
        p, p_holm: of no difference; corrected for all pairs of the comparison, nan without enough
            runs.
        detectable: the smallest true difference that these runs show in 80 % of repetitions, after
            the same correction.
        verdict: of a beside b; a test needs all folds and two seeds.
    """

    dataset: str
    source: str
    rules: str
    a: str
    b: str
    cases: int
    seeds: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    detectable: float
    verdict: str


def paired(records: Iterable[Record], a: str, b: str) -> pd.DataFrame:
    """One row per pair of rows called `a` and `b`: the fields of Pair.

    a, b: labels as the report has them, or a method alone, which is then each of its ranked
    settings. Raises InputError where no comparison has both.
    """
    return pd.DataFrame([asdict(pair) for pair in pairs(Study(list(records)), a, b)])


def pairs(study: Study, a: str, b: str) -> list[Pair]:
    """As `paired`, of a study."""
    return [pair for _, found in pairs_by_group(study, a, b) for pair in found]


def pairs_by_group(study: Study, a: str, b: str) -> list[tuple[Group, list[Pair]]]:
    """As `pairs`, for each comparison that has some."""
    found = [(one.group, [*_of_comparison(one, a, b)]) for one in study.comparisons]
    if not any(pairs for _, pairs in found):
        raise InputError(
            f"no comparison of these records has finished runs of both '{a}' and '{b}';"
            f" {_known(study, (a, b))}."
        )
    return [(group, pairs) for group, pairs in found if pairs]


def _known(study: Study, names: Sequence[str]) -> str:
    """The methods that a reader may have meant: all, or of many those nearest to a name that there
    is not."""
    groups = [one.group for one in study.comparisons]
    rows = [(group, runs) for group in groups for runs in group.methods if runs.done]
    known = {group.short[runs.label].name.removeprefix("classic ") for group, runs in rows}
    lost = [name for name in names if not any(_called(group, name) for group in groups)]
    if lost and len(known) > MOST_NAMED:
        near = nearest(lost[0], sorted(known), NEAR)
        return f"no row is called '{lost[0]}'; nearest are: {', '.join(near)}"
    return f"there are: {some(sorted(known), MOST_NAMED) or 'none'}"


def pair_table(group: Group, found: Iterable[Pair]) -> Table:
    """The pairs of one comparison for readers, with short names; `Group.shared_settings` has what
    these leave out."""
    return Table.of(
        [
            {
                "a": group.short[pair.a].text,
                "b": group.short[pair.b].text,
                "a - b, points [95 % CI]": with_interval(pair.difference, pair.low, pair.high, 1),
                "verdict on a": pair.verdict,
                "p (Holm)": p_text(pair.p_holm),
                "could show": rounded(pair.detectable, 1),
                "cases": str(pair.cases),
                "seeds": pair.seeds,
            }
            for pair in found
        ]
    )


def _of_comparison(comparison: Comparison, a: str, b: str) -> Iterator[Pair]:
    group, summary = comparison.group, comparison.summary
    wanted = [(one, other) for one in _called(group, a) for other in _called(group, b)]
    for one, other in wanted:
        if one == other or not {one, other} <= set(summary.labels):
            continue
        found = summary.dice.of(one, other)
        if not found.n:
            continue
        ends = found.interval().scaled(100)
        inference = comparison.inference
        verdicts = inference.verdicts if inference else Verdicts(summary.dice, (one, other), 1)
        ranked = {one, other} <= set(verdicts.labels)
        yield Pair(
            dataset=group.spec.dataset,
            source=source_label(group.spec.source),
            rules=group.rules,
            a=one,
            b=other,
            cases=found.n,
            seeds=" ".join(map(str, found.seeds)),
            difference=ends.mean,
            low=ends.low,
            high=ends.high,
            p=found.p,
            p_holm=verdicts.p_holm.get((one, other), float("nan")),
            detectable=100 * found.detectable(ALPHA / max(verdicts.tests, 1)),
            verdict=verdict_words(verdicts.words(one, other), verdicts.margin) if ranked else SWEPT,
        )


def _called(group: Group, name: str) -> list[str]:
    """Labels of the rows that a reader means by a name: the row of that label, long or short, else
    the ranked settings of the method, or the classic transform of that name."""
    if name in group.by_label:
        return [name]
    if short := [label for label, one in group.short.items() if one.settings and one.text == name]:
        return short
    return [runs.label for runs in main_methods(group) if _is_called(runs, name)]


def _is_called(runs: MethodRuns, name: str) -> bool:
    method = runs.method
    if method.name == "classic" and name in ("classic", method.transform):
        return True
    return name in runs.names or (name == method.name and method.transform is None)
