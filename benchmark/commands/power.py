"""`power`: which differences records can show, and how many seeds a difference needs. Not here:
the arithmetic (reports/statistics/power.py)."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.core.errors import ExitCode, InputError
from benchmark.terminal.console import err, print_table
from datasets.tasks.catalogue import TASKS


def print_power(
    folder: Path, difference: float | None, pairs: int, datasets: Sequence[str]
) -> ExitCode:
    """Prints, for every comparison in a store or a folder of records, the variances behind a
    difference and the smallest difference that is found in 80 % of repetitions.

    Raises InputError for a difference that is not above 0, and where no two methods ran the same
    seeds.
    """
    from reports.comparison.study import Study
    from reports.records.load import load_records
    from reports.tables.power import power_tables

    if difference is not None and not 0 < difference < 100:
        raise InputError(
            f"--difference {difference:g} is not a difference in Dice; give points above 0 and"
            f" below 100."
        )
    loaded = load_records([folder], small=True)
    for problem in loaded.problems:
        err.print(f"left out: {problem}")
    TASKS.check(datasets, (record.spec.dataset for record in loaded.records))
    records = [one for one in loaded.records if not datasets or one.spec.dataset in datasets]
    variances, shown = power_tables(Study(records).comparisons, difference, pairs)
    if not variances.rows:
        raise InputError(
            f"{folder} holds no two methods that ran the same fold and seed; run two methods, then"
            f" power."
        )
    corrected = "" if pairs == 1 else f", corrected for {pairs} pairs"
    print_table(
        "Variances behind a difference of two methods, as SDs in Dice points",
        _right(variances.columns),
        variances.rows,
        "A dash: no method has two seeds of a fold. Average over all pairs of methods.",
    )
    print_table(
        f"Smallest true difference found in 80 of 100 repetitions, Dice points{corrected}",
        _right(shown.columns),
        shown.rows,
        "Seeds are those of each method. Any number: only the cases are left to chance.",
    )
    return ExitCode.DONE


def _right(columns: Sequence[str]) -> list[str]:
    """The columns for `print_table`: numbers to the right."""
    return [columns[0], *(f"{column}>" for column in columns[1:])]
