"""What `verify --report` does: the tables of a report against its records. Not here: the
comparison (reports/pages/recompute.py), the check of a store (store.py)."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.commands.leaderboard import checked_files
from benchmark.core.errors import InputError
from benchmark.store.store import Store
from benchmark.terminal.console import err, out

MOST_SHOWN = 50


def verify_report(report: Path, store_folder: Path, submissions: Sequence[Path]) -> int:
    """Computes every number of the report's tables again and names those that differ; 0 if none
    does, else 1.

    The records are those of the store, and of the submissions that a leaderboard was built with.
    """
    from baselines.generators.catalogue import generator_defaults
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
    found = recompute(
        report,
        board.records,
        loaded.problems,
        generator_defaults(),
        marks=board.marks,
        refused=board.refused,
    )
    for text in found.differences[:MOST_SHOWN]:
        err.print(text, markup=False)
    if (rest := len(found.differences) - MOST_SHOWN) > 0:
        err.print(f"and {rest} more.")
    what = (
        f"{found.numbers} numbers in {found.tables} tables computed again from"
        f" {len(board.records)} records"
    )
    out.print(
        f"{what}: {len(found.differences) or 'none'}"
        f" differ{'s' if len(found.differences) == 1 else ''}",
        markup=False,
    )
    return 1 if found.differences else 0
