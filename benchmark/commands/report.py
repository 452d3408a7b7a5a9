"""`report` and `cite`: records in, pages, tables and BibTeX out."""

import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.registry import check_name
from benchmark.spec.run import DATASETS
from benchmark.store.store import Store
from benchmark.terminal.console import err, out


def write_report(store_folder: Path, folder: Path, figures: str = "auto") -> int:
    """Builds the page and prints its path. figures: "all", "page" or "auto" (see
    `reports.pages.build`)."""
    from baselines.generators.catalogue import generator_defaults
    from benchmark.results.pictures import panels
    from reports.pages.build import FIGURES, build
    from reports.records.load import load_records

    check_name("choice of --figures", figures, FIGURES)
    store = Store(store_folder, write=False)
    loaded = load_records(
        [store.root / "records"] if (store.root / "records").is_dir() else [], small=True
    )
    if not loaded.records:
        raise InputError(
            f"the store {store.root} holds no records yet; start a run with `python cli.py run`,"
            f" then report."
        )
    pictures = panels(store, loaded.records, folder)
    page = build(
        loaded.records, loaded.problems, folder, pictures, generator_defaults(), figures=figures
    )
    for problem in loaded.problems:
        err.print(f"left out: {problem}", markup=False)
    out.print(f"report: {page}", markup=False)
    return 0


def print_citation(
    store_folder: Path, numbers: bool, methods: Sequence[str], datasets: Sequence[str] = ()
) -> int:
    """BibTeX of the paper, this program and the data sets that the store's records used; or a LaTeX
    table of numbers."""
    for name in datasets:
        check_name("dataset", name, DATASETS)
    from baselines.generators.catalogue import generator_defaults
    from benchmark.core.provenance import git_state
    from reports.records.load import load_records
    from reports.tables.cite import bibtex, numbers_table

    folder = store_folder / "records"
    loaded = load_records([folder] if folder.is_dir() else [])
    for problem in loaded.problems:
        err.print(f"left out: {problem}", markup=False)
    records = [
        record for record in loaded.records if not datasets or record.spec.dataset in datasets
    ]
    if numbers or methods:
        sys.stdout.write(
            numbers_table(records, methods, datetime.date.today().isoformat(), generator_defaults())
        )
    else:
        sys.stdout.write(bibtex(records, git_state()["commit"]))
    return 0
