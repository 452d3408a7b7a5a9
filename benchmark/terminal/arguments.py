"""Arguments and options that several commands share, and what a function needs to be a command.

Not here: the options of a run (planning/options.py), how typer is told of them (typer_options.py).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.core.errors import ExitCode
from benchmark.terminal.typer_options import PanelCommand, with_options

Command = Callable[..., ExitCode]


def command(
    group: typer.Typer, name: str | None = None, examples: str = ""
) -> Callable[[Command], Command]:
    """Makes a function a command of the group: see with_options. examples: one a line, after a
    first line of "\\b"."""

    def add(function: Command) -> Command:
        group.command(name, cls=PanelCommand, epilog=examples)(with_options(function))
        return function

    return add


def option(flag: str, help: str, metavar: str = "", least: int | None = None) -> Any:
    """An option that one command has, or a few; those of `run` are fields of dataclasses."""
    return typer.Option(flag, help=help, metavar=metavar, min=least)


Store = Annotated[Path, option("--store", "folder of all results", "FOLDER")]
Stores = Annotated[
    list[Path] | None,
    option("--store", "also the records of this store; may be repeated", "FOLDER"),
]
RecordStores = Annotated[
    list[Path] | None,
    option("--store", "a store, or a folder of records; may be repeated", "FOLDER"),
]
Dataset = Annotated[str, typer.Argument(help="a data set; see `data list`")]
DataRoot = Annotated[Path, option("--data-root", "folder of published data", "FOLDER")]
DataRoots = Annotated[
    list[Path] | None,
    option("--data-root", "folder of published data; may be repeated", "FOLDER"),
]
Described = Annotated[
    list[Path] | None,
    option(
        "--source",
        "describes images of your own, if they are here; may be repeated",
        "FILE.yaml",
    ),
]
Rows = Annotated[
    list[str] | None,
    option("--method", "only this row, as the report names it; may be repeated", "NAME"),
]
Datasets = Annotated[
    list[str] | None,
    option("--dataset", "only this data set; may be repeated", "NAME"),
]
Submissions = Annotated[
    list[Path], typer.Argument(help="submissions, or folders of them", metavar="FILE")
]
STORE = Path("store")
DATA = Path("data")
