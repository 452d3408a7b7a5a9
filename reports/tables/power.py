"""What the records of each comparison could show: variances behind a difference, the smallest
difference found with some numbers of seeds, seeds that a difference needs. The arithmetic is in
statistics/power.py."""

from collections.abc import Sequence

from reports.comparison.format import ABSENT, rounded
from reports.comparison.labels import source_label
from reports.comparison.study import Comparison
from reports.statistics.paired import ALPHA
from reports.statistics.power import Design
from reports.tables.tables import Table

SEEDS = (1, 2, 3, 5, None)


def power_tables(
    comparisons: Sequence[Comparison], difference: float | None = None, pairs: int = 1
) -> tuple[Table, Table]:
    """(variances, differences in Dice points) of the comparisons with two methods of equal seeds.

    difference: in points, that seeds are counted for. pairs: how many pairs verdicts are corrected
    for.
    """
    variances, shown = [], []
    for one in comparisons:
        design = one.inference.design if one.inference else None
        if design is None:
            continue
        spec = one.group.spec
        name = {"comparison": f"{spec.dataset}, {source_label(spec.source)}, {one.group.rules}"}
        variances.append(name | _variances(design))
        shown.append(name | _detectable(design, pairs) | _needed(design, difference, pairs))
    return Table.of(variances), Table.of(shown)


def _variances(design: Design) -> dict[str, str]:
    known = design.training_degrees > 0
    return {
        "cases": str(design.cases),
        "folds": str(design.folds),
        "SD of a case's difference": rounded(design.case**0.5, 1, 100),
        "SD of a training's mean": rounded(design.training**0.5, 2, 100) if known else ABSENT,
        "SD of a training at a case": rounded(design.rest**0.5, 1, 100) if known else ABSENT,
        "degrees of freedom": str(design.training_degrees) if known else ABSENT,
    }


def _detectable(design: Design, pairs: int) -> dict[str, str]:
    def text(seeds: int | None) -> str:
        if seeds and not design.training_degrees:
            return ABSENT
        return rounded(design.detectable(seeds, ALPHA / pairs), 1, 100)

    names = {seeds: f"{seeds} seed{'s' * (seeds != 1)}" for seeds in SEEDS if seeds}
    return {names.get(seeds or 0, "any number"): text(seeds) for seeds in SEEDS}


def _needed(design: Design, difference: float | None, pairs: int) -> dict[str, str]:
    if difference is None:
        return {}
    seeds = design.seeds_needed(difference / 100, ALPHA / pairs)
    if seeds is not None and not design.training_degrees:
        text = "not known"  # one seed says nothing of the trainings
    else:
        text = "out of reach" if seeds is None else str(seeds)
    return {f"seeds for {difference:g} points": text}
