"""How often the rules of the claims err, by simulation with the variances of the published records.

    OMP_NUM_THREADS=1 python -m tests.bench.bench_claims [--tables 400]

Prints, for each rule, data set and truth, the share of tables with each outcome. Nothing is run
and no record is read.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from reports.claims import rules
from reports.claims.printed import PrintedGain
from reports.statistics.case_grid import Cells, seed_means
from reports.statistics.differences import Differences
from reports.statistics.paired import spread_ratio
from tests.reports.statistics.tables import BUSI, FOLDS, PROMISE12, Table

OUTCOMES = (rules.HOLDS, rules.SMALLER, rules.FAILS, rules.OPEN)
PRINTED = {"prostate": 6.10, "breast": 8.73}  # Dice points, Table II
COMPONENTS = {"prostate": PROMISE12, "breast": BUSI}
# The values of a setting differ less than two methods do: same generator, other dose.
CURVE_SHARE = 0.5
REGION = PRINTED["prostate"] / 200


def cells_of(
    dataset: str, seeds: int, effects: list[float], number: int, case_share: float = 1.0
) -> Cells:
    """Values of as many methods as there are effects (points over the last one), range 0-1."""
    given: dict[str, Any] = {**COMPONENTS[dataset]}
    given["case"] *= case_share
    ran = tuple(range(seeds))
    rng = np.random.default_rng([23, number])
    cells = Table("", ran, ran).draw(rng, **given, others=[ran] * (len(effects) - 2))
    return replace(cells, values=(cells.values + np.array(effects)[:, None, None]) / 100)


def printed(dataset: str) -> PrintedGain:
    """The printed gain with the error that one training per fold leaves."""
    parts = COMPONENTS[dataset]
    of_cases = (parts["case"] ** 2 + 2 * parts["rest"] ** 2) / parts["cases"]
    error = np.sqrt(of_cases + 2 * parts["training"] ** 2 / FOLDS)
    return PrintedGain(PRINTED[dataset] / 100, float(error) / 100, parts["cases"] - 1)


def gain(dataset: str, seeds: int, share: float, number: int, *, here: bool = False) -> str:
    """The rule on a gain whose true size is a share of the printed one."""
    rule = rules.gain_elsewhere if here else rules.gain_as_printed
    cells = cells_of(dataset, seeds, [share * PRINTED[dataset], 0, 0, 0], number)
    return rule(Differences(cells).of("a", "b"), printed(dataset))


def best(dataset: str, seeds: int, lead: float, number: int) -> str:
    """The rule on the best of eleven rows, of which one leads the ten equal others."""
    cells = cells_of(dataset, seeds, [lead, *[0.0] * 10], number)
    differences = Differences(cells)
    return rules.best([differences.of("a", other) for other in cells.labels[1:]])


def deepstack(dataset: str, seeds: int, lead: float, number: int) -> str:
    """The rule on a stack that leads eight equal transforms."""
    cells = cells_of(dataset, seeds, [lead, *[0.0] * 8], number)
    differences = Differences(cells)
    return rules.no_better([differences.of("a", other) for other in cells.labels[1:]])


def ratio(dataset: str, seeds: int, slope: float, number: int) -> str:
    """n = 0, 10, 20, 30, 40, 50: the printed gain at 10, and `slope` times that at all above."""
    top = PRINTED[dataset]
    effects = [0.0, top, *[top * (1 + slope)] * 4]
    cells = cells_of(dataset, seeds, effects, number, CURVE_SHARE)
    differences, (zero, ten, *above) = Differences(cells), cells.labels
    beyond = differences.contrast(dict.fromkeys(above, 1 / len(above)) | {ten: -1.0})
    return rules.levels_off(differences.of(ten, zero), beyond, REGION)


def alpha(dataset: str, seeds: int, slope: float, number: int) -> str:
    """Six values of alpha; Dice rises by `slope` times the printed gain over them."""
    effects = list(np.linspace(0, slope * PRINTED[dataset], 6))
    cells = cells_of(dataset, seeds, effects, number, CURVE_SHARE)
    differences, mean = Differences(cells), dict.fromkeys(cells.labels, -1 / 6)
    points = [differences.contrast(mean | {label: 5 / 6}) for label in cells.labels]
    return rules.flat(points, REGION)


def spread(dataset: str, seeds: int, _: float, number: int) -> str:
    """SDs of two equal methods over the same seeds."""
    cells = cells_of(dataset, seeds, [0.0, 0.0], number)
    pair = [seed_means(cells.of_method(label)) for label in cells.labels]
    return rules.smaller_spread(*spread_ratio(*pair))


def elsewhere(dataset: str, seeds: int, share: float, number: int) -> str:
    return gain(dataset, seeds, share, number, here=True)


ROWS: tuple[tuple[str, Callable[[str, int, float, int], str], tuple[float, ...]], ...] = (
    ("gain as printed, true share", gain, (1.0, 0.7, 0.5, 0.0)),
    ("gain elsewhere, true share", elsewhere, (1.0, 0.5, 0.0)),
    ("best of eleven, lead in points", best, (0.0, 5.0)),
    ("DeepStack no better, lead", deepstack, (-2.0, 0.0, 5.0)),
    ("ratio levels off, rise after 10", ratio, (0.0, 1.0)),
    ("alpha flat, slope", alpha, (0.0, 2.0)),
    ("smaller SD, equal", spread, (0.0,)),
)


def shares(
    rule: Callable[[str, int, float, int], str],
    dataset: str,
    seeds: int,
    truth: float,
    tables: int,
) -> dict[str, float]:
    """Outcome -> its share of the tables."""
    counts = Counter(rule(dataset, seeds, truth, number) for number in range(tables))
    return {outcome: counts[outcome] / tables for outcome in OUTCOMES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=400)
    tables = parser.parse_args().tables
    print(
        f"{'rule and truth':38}{'data set':10}{'seeds':>5}" + "".join(f"{o:>15}" for o in OUTCOMES)
    )
    for name, rule, truths in ROWS:
        on_curve = rule in (ratio, alpha)
        for dataset in ("prostate",) if on_curve else COMPONENTS:
            for seeds in (3, 6) if on_curve else (2, 3):
                for truth in truths:
                    found = shares(rule, dataset, seeds, truth, tables)
                    cells = "".join(f"{100 * found[outcome]:14.1f}%" for outcome in OUTCOMES)
                    print(f"{f'{name} {truth:g}':38}{dataset:10}{seeds:5}{cells}", flush=True)


if __name__ == "__main__":
    main()
