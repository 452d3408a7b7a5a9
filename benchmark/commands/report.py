"""`report`, `cite` and `verify --report`: records in, pages, tables and BibTeX out. Not here: the
check of a store (store.py)."""

import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.registry import check_name
from benchmark.store.store import Store
from benchmark.terminal.console import err, out
from datasets.tasks.catalogue import TASKS

MOST_SHOWN = 50
FORMATS = ("hf", "croissant", "schema")  # beside BibTeX


def write_report(store_folder: Path, folder: Path, figures: str = "auto") -> ExitCode:
    """Builds the page and prints its path. figures: "all", "page" or "auto" (see
    `reports.pages.build`)."""
    from benchmark.results.pictures import panels
    from reports.comparison.study import Study
    from reports.pages.build import FIGURES, build
    from reports.pages.site import check_folder
    from reports.records.load import load_records

    check_name("choice of --figures", figures, FIGURES)
    check_folder(folder)
    store = Store(store_folder, write=False)
    loaded = load_records(
        [store.root / "records"] if (store.root / "records").is_dir() else [], small=True
    )
    if not loaded.records and loaded.problems:
        raise InputError(f"no record of the store {store.root} can be read: {loaded.problems[0]}")
    if not loaded.records:
        raise InputError(
            f"the store {store.root} holds no records yet; start a run with `python cli.py run`,"
            f" then report."
        )
    study = Study(loaded.records, loaded.problems)
    out.print(
        f"1 of 3: {len(loaded.records)} records read; pictures of samples and predictions ..."
    )
    pictures = panels(store, study, folder)
    out.print(
        f"2 of 3: {sum(map(len, pictures.values()))} pictures; tables, figures and pages of"
        f" {len(study.comparisons)} comparisons and {len(loaded.records)} runs ..."
    )
    page = build(study, folder, pictures, figures=figures)
    for problem in loaded.problems:
        err.print(f"left out: {problem}")
    out.print("3 of 3: written")
    out.print(f"report: {page}", soft_wrap=True)
    out.print(f"Next: open {page} in a browser", soft_wrap=True)
    return ExitCode.DONE


def write_numbers(pages: Sequence[Path]) -> ExitCode:
    """Writes the marked numbers of markdown pages again (reports/tables/marked_pages.py) and says
    which changed."""
    from reports.tables.marked_pages import fill_file
    from reports.tables.named_numbers import NamedNumbers

    numbers = NamedNumbers()
    for page in pages:
        changed = fill_file(page, numbers.text)
        out.print(f"{page}: {', '.join(changed) + ' written again' if changed else 'all current'}")
    return ExitCode.DONE


def print_citation(
    store_folder: Path, numbers: bool, methods: Sequence[str], datasets: Sequence[str] = ()
) -> ExitCode:
    """BibTeX of the paper, this program and the data sets that the store's records used; or a LaTeX
    table of numbers."""
    from benchmark.core.provenance import git_state
    from reports.comparison.study import Study
    from reports.records.load import load_records
    from reports.tables.cite import bibtex, numbers_table

    folder = store_folder / "records"
    loaded = load_records([folder] if folder.is_dir() else [])
    for problem in loaded.problems:
        err.print(f"left out: {problem}")
    TASKS.check(datasets, (record.spec.dataset for record in loaded.records))
    records = [
        record for record in loaded.records if not datasets or record.spec.dataset in datasets
    ]
    if numbers or methods:
        study = Study(records)
        sys.stdout.write(numbers_table(study, methods, datetime.date.today().isoformat()))
    else:
        sys.stdout.write(bibtex(records, git_state()["commit"]))
    return ExitCode.DONE


def print_format(
    form: str, folder: Path, repository: str, methods: Sequence[str], datasets: Sequence[str]
) -> ExitCode:
    """The records of a store, or what a record is, in a format of FORMATS."""
    from reports.comparison.study import Study
    from reports.formats.croissant import croissant_text
    from reports.formats.hub_results import hub_results
    from reports.formats.record_schema import schema_text
    from reports.records.load import load_records

    check_name("--format", form, ("bibtex", *FORMATS))
    if form == "schema":
        sys.stdout.write(schema_text())
    elif form == "croissant":
        if not any(folder.glob("*/records")):
            raise InputError(
                f"{folder} holds no folders of records (NAME/records); give such a folder by"
                f" --store, as reports/published."
            )
        sys.stdout.write(croissant_text(folder))
    else:
        loaded = load_records([folder], small=True)
        TASKS.check(datasets, (record.spec.dataset for record in loaded.records))
        records = [one for one in loaded.records if not datasets or one.spec.dataset in datasets]
        today = datetime.date.today().isoformat()
        sys.stdout.write(hub_results(Study(records), repository, today, methods))
    return ExitCode.DONE


def verify_report(report: Path, store_folder: Path, submissions: Sequence[Path]) -> ExitCode:
    """Computes every number of the report's tables again and names those that differ; 0 if none
    does, else 1.

    The records are those of the store, and of the submissions that a leaderboard was built with.
    """
    from benchmark.commands.leaderboard import checked_files
    from reports.comparison.study import Study
    from reports.pages.recompute import recompute
    from reports.records.load import load_records
    from reports.submission.merge import merge

    folder = Store(store_folder, write=False).root / "records"
    loaded = load_records([folder] if folder.is_dir() else [])
    board = merge(checked_files(submissions, (), ()), loaded.records)
    if not board.records:
        raise InputError(
            f"the store {store_folder} holds no records to compute {report} from; give theirs by"
            f" --store."
        )
    study = Study(board.records, loaded.problems, board.marks, board.refused, board.submissions)
    found = recompute(report, study)
    for text in found.differences[:MOST_SHOWN]:
        err.print(text)
    if (rest := len(found.differences) - MOST_SHOWN) > 0:
        err.print(f"and {rest} more.")
    what = (
        f"{found.numbers} numbers in {found.tables} tables computed again from"
        f" {len(board.records)} records"
    )
    out.print(
        f"{what}: {len(found.differences) or 'none'}"
        f" differ{'s' if len(found.differences) == 1 else ''}"
    )
    return ExitCode.FAILED if found.differences else ExitCode.DONE
