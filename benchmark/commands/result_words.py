"""Which words call the commands about results: compare, show, power, cite, crosswalk. Imports
nothing heavy, for `--help`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.core.errors import ExitCode
from benchmark.terminal.arguments import (
    STORE,
    Datasets,
    RecordStores,
    Rows,
    Store,
    command,
    option,
)

results_app = typer.Typer()


@command(results_app)
def compare(
    a: Annotated[str, typer.Argument(help="a row, as the report names it, or a method")],
    b: Annotated[str, typer.Argument(help="what it is compared with")],
    store: RecordStores = None,
    datasets: Datasets = None,
) -> ExitCode:
    """Prints the paired difference of two methods, its interval, verdict and power."""
    from benchmark.commands.compare import print_comparison

    return print_comparison(a, b, store or [STORE], datasets or [])


@command(results_app)
def show(
    key: Annotated[str, typer.Argument(help="key of a run, or its first letters", metavar="KEY")],
    store: RecordStores = None,
) -> ExitCode:
    """Shows one run: what it is, its result, worst cases, cost and provenance."""
    from benchmark.commands.compare import print_run

    return print_run(key, store or [STORE])


@command(results_app)
def power(
    store: Annotated[Path, option("--store", "a store, or a folder of records", "FOLDER")] = STORE,
    difference: Annotated[
        float | None, option("--difference", "count the seeds it needs; Dice points", "POINTS")
    ] = None,
    pairs: Annotated[
        int, option("--pairs", "correct for so many pairs of methods", "N", least=1)
    ] = 1,
    datasets: Datasets = None,
) -> ExitCode:
    """Prints which differences the records can show, and with how many seeds."""
    from benchmark.commands.power import print_power

    return print_power(store, difference, pairs, datasets or [])


@command(results_app)
def cite(
    store: Store = STORE,
    numbers: Annotated[
        bool, option("--numbers", "a LaTeX table of the results, with record keys")
    ] = False,
    methods: Rows = None,
    datasets: Datasets = None,
    form: Annotated[
        str, option("--format", "bibtex, hf, croissant, or schema of a record", "NAME")
    ] = "bibtex",
    repository: Annotated[
        str, option("--hub-dataset", "with --format hf: the benchmark's repository", "OWNER/NAME")
    ] = "",
) -> ExitCode:
    """Prints BibTeX of paper, program and data, a LaTeX table of the results, or metadata."""
    from benchmark.commands.report import print_citation, print_format

    if form != "bibtex":
        return print_format(form, store, repository, methods or [], datasets or [])
    return print_citation(store, numbers, methods or [], datasets or [])


@command(results_app)
def crosswalk(
    prediction: Annotated[Path, typer.Argument(help="mask, NIfTI or PNG")],
    truth: Annotated[Path, typer.Argument(help="mask, NIfTI or PNG")],
    as_json: Annotated[bool, option("--json", "JSON instead of a table")] = False,
) -> ExitCode:
    """Computes all metric definitions for one pair of masks."""
    from benchmark.commands.doctor import print_crosswalk

    return print_crosswalk(prediction, truth, as_json)
