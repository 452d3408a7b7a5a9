"""What the intervals of a comparison cover, and how often equal methods are told apart, by
simulation with the variances of the published records.

    OMP_NUM_THREADS=1 python -m tests.bench.bench_coverage [--tables 2000]

Prints, for each design and data set, the share of 95 % intervals that hold the true difference
(standard error of that share: 0.5 points at 2,000 tables), the share of tests that reject a true
null, and the mean width. Nothing is run and no record is read.
"""

import argparse

import numpy as np

from reports.statistics.differences import Differences
from reports.statistics.verdicts import Verdicts
from tests.reports.statistics.tables import (
    BUSI,
    FOLDS,
    LACKING,
    MIXED,
    ONE,
    PROMISE12,
    TABLES,
    THREE,
    Table,
)

SHARED = 1.0  # SD of a seed's effect on all methods, in points


def measure(table: Table, components: dict, tables: int, **more) -> tuple[float, float, float]:
    """(coverage, share of p below 0.05 where nothing differs, mean width in points)."""
    held = rejected = 0
    width = 0.0
    for number in range(tables):
        rng = np.random.default_rng([17, number])
        cells = table.draw(rng, **components, **more)
        found = Differences(cells).of("a", "b")
        interval = found.interval()
        # a true difference moves the interval and nothing else, so 0 stands for any
        held += interval.low <= 0 <= interval.high
        rejected += found.p < 0.05
        width += interval.high - interval.low
    return held / tables, rejected / tables, width / tables


def family_error(components: dict, tables: int) -> float:
    """How often any of 15 pairs of six equal methods with three seeds is told apart."""
    wrong = 0
    others = [(0, 1, 2)] * 4
    for number in range(tables):
        rng = np.random.default_rng([18, number])
        cells = THREE.draw(rng, **components, others=others)
        wrong += bool(Verdicts(Differences(cells), cells.labels, FOLDS).told_apart.any())
    return wrong / tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=2000)
    count = parser.parse_args().tables
    print(f"{'design':32}{'cases':>6}{'coverage':>10}{'errors':>8}{'width':>7}")
    for components in (PROMISE12, BUSI):
        rows = [(table.name, table, {}) for table in TABLES]
        rows += [
            (f"{ONE.name}, seeds shared", ONE, {"shared_seed": SHARED}),
            (f"{MIXED.name}, seeds shared", MIXED, {"shared_seed": SHARED}),
            (f"{LACKING.name}, heavy tails", LACKING, {"heavy": True}),
        ]
        for name, table, more in rows:
            found = measure(table, components, count, **more)
            print(
                f"{name:32}{components['cases']:6}{100 * found[0]:9.1f}%{100 * found[1]:7.1f}%"
                f"{found[2]:7.2f}"
            )
        wrong = family_error(components, count // 4)
        print(
            f"any of 15 equal pairs told apart: {100 * wrong:.1f} % ({components['cases']} cases)"
        )


if __name__ == "__main__":
    main()
