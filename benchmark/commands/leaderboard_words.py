"""Which words call the functions of leaderboard.py. Imports nothing heavy, for `--help`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.core.errors import ExitCode
from benchmark.terminal.arguments import (
    STORE,
    DataRoots,
    Datasets,
    Described,
    Rows,
    Store,
    Stores,
    Submissions,
    command,
    option,
)
from benchmark.terminal.typer_options import WordGroup

leaderboard_app = typer.Typer(
    cls=WordGroup,
    no_args_is_help=True,
    help="Results of several people on one page: submit, validate, build.",
)


@command(leaderboard_app, "submit")
def board_submit(
    out: Annotated[Path, option("--out", "file to write, such as mine.zip", "FILE")],
    store: Store = STORE,
    owner: Annotated[str, option("--owner", "the name that the page shows", "NAME")] = "",
    note: Annotated[str, option("--note", "one sentence for the page of each run", "TEXT")] = "",
    methods: Rows = None,
    datasets: Datasets = None,
    with_masks: Annotated[
        bool, option("--with-masks", "also the predicted masks: rows can be verified")
    ] = False,
) -> ExitCode:
    """Packs finished runs into one file for somebody else's leaderboard."""
    from benchmark.commands.leaderboard import submit

    return submit(store, out, owner, note, methods or [], datasets or [], with_masks)


@command(leaderboard_app, "validate")
def board_validate(
    files: Submissions,
    data_root: DataRoots = None,
    source: Described = None,
    store: Stores = None,
) -> ExitCode:
    """Checks submissions without trusting anything in them."""
    from benchmark.commands.leaderboard import validate_files

    return validate_files(files, data_root or [], source or [], store or [])


@command(leaderboard_app, "build")
def board_build(
    files: Submissions,
    out: Annotated[Path, option("--out", "folder of the page", "FOLDER")] = Path("leaderboard"),
    store: Stores = None,
    data_root: DataRoots = None,
    source: Described = None,
) -> ExitCode:
    """Builds a page of your records and all valid submissions; says why others are refused."""
    from benchmark.commands.leaderboard import build_board

    return build_board(files, out, store or [], data_root or [], source or [])
