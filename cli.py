"""The command line: which words call which function. `python cli.py --help`.

Heavy imports stay inside the commands, so that --help answers at once. What a call ends with:
core/errors.py (ExitCode). Not here: the options of a run (planning/options.py,
stages/execution.py), what a command does and prints (commands/).
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmark.core.errors import ExitCode, InputError
from benchmark.planning.options import Actions, Request, RunOptions, SourceChoice
from benchmark.stages.execution import Execution, StageExecution
from benchmark.terminal.typer_options import Changes, Given, with_options

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Does diffusion-based augmentation (EMIT-Diff) make medical image segmentation better"
    " than cheaper augmentation?",
    epilog="--debug anywhere in a call shows the traceback of an error.",
)
data_app = typer.Typer(
    no_args_is_help=True, help="Sources of images: list, fetch, verify, preview."
)
app.add_typer(data_app, name="data")
board_app = typer.Typer(
    no_args_is_help=True, help="Results of several people on one page: submit, validate, build."
)
app.add_typer(board_app, name="leaderboard")

Store = Annotated[Path, typer.Option("--store", help="folder of all results", metavar="FOLDER")]
Stores = Annotated[
    list[Path] | None,
    typer.Option(
        "--store", help="also the records of this store; may be given again", metavar="FOLDER"
    ),
]
Dataset = Annotated[str, typer.Argument(help="a data set, such as prostate; see `data list`")]
DataRoot = Annotated[
    Path, typer.Option("--data-root", help="folder of published data", metavar="FOLDER")
]
DataRoots = Annotated[
    list[Path] | None,
    typer.Option(
        "--data-root", help="folder of published data; may be given again", metavar="FOLDER"
    ),
]
Described = Annotated[
    list[Path] | None,
    typer.Option("--source", help="YAML file of images of one's own, if they are here"),
]
Rows = Annotated[
    list[str] | None,
    typer.Option("--method", help="only this row, by its name in the report; may be given again"),
]
Datasets = Annotated[
    list[str] | None, typer.Option("--dataset", help="only this data set; may be given again")
]
Submissions = Annotated[
    list[Path], typer.Argument(help="submissions, or folders of them", metavar="FILE...")
]
STORE = Path("store")
DATA = Path("data")

# OpenMP threads that spin long at barriers make torch tens of times slower as soon as another
# process wants the core, and those that do not spin at all make small networks half as fast on an
# idle machine; this is short of both.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

Command = Callable[..., ExitCode]


def command(group: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Makes a function a command of the group: see with_options."""

    def add(function: Command) -> Command:
        group.command(name)(with_options(function))
        return function

    return add


@command(app)
def run(options: Given[Request], how: Execution, actions: Actions) -> ExitCode:
    """Runs one method on one data set, for all folds or some, and for one or more seeds."""
    from benchmark.commands.run import Call, default_preset, run_requests

    request = options.make(preset=default_preset(how.device))
    return run_requests(Call([request], actions, how))


@command(app)
def suite(
    name: Annotated[str, typer.Argument(help="a suite's name, or a YAML file")],
    changes: Changes[RunOptions],
    how: Execution,
    actions: Actions,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", help="only these data sets, such as prostate,breast", metavar="LIST"
        ),
    ] = None,
) -> ExitCode:
    """Runs a named grid of runs; options given here win over those of the suite."""
    from benchmark.commands.run import run_suite

    return run_suite(name, dataset.split(",") if dataset else [], changes.values, actions, how)


@command(app)
def status(
    store: Store = STORE,
    everything: Annotated[bool, typer.Option("--all", help="list every run, however many")] = False,
) -> ExitCode:
    """Shows which runs are done, running, waiting or failed, and why."""
    from benchmark.commands.store import print_status

    return print_status(store, everything)


@command(app)
def stage(
    keys: Annotated[
        list[str], typer.Argument(help="keys of stages, or their first letters", metavar="KEY...")
    ],
    how: StageExecution,
    store: Store = STORE,
    as_json: Annotated[
        bool, typer.Option("--json", help="print how each ended as one line of JSON")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="do not wait for another process that computes it")
    ] = False,
) -> ExitCode:
    """Computes single stages of a plan, as every engine does."""
    from benchmark.commands.store import run_stages

    return run_stages(keys, store, how, as_json, not no_wait)


@command(app)
def verify(
    store: Store = STORE,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="compute the tables of this report again, instead", metavar="FOLDER"
        ),
    ] = None,
    submissions: Annotated[
        list[Path] | None,
        typer.Option(
            "--submission",
            help="a file that the report was built with; may be given again",
            metavar="FILE",
        ),
    ] = None,
) -> ExitCode:
    """Checks every stored file against its checksum, and every record against its rows; or a report
    against the records."""
    if report is not None:
        from benchmark.commands.report import verify_report

        return verify_report(report, store, submissions or [])
    from benchmark.commands.store import verify_store

    return verify_store(store)


@command(app)
def gc(
    store: Store = STORE,
    delete: Annotated[
        bool, typer.Option("--delete", help="remove it; without, it is only listed")
    ] = False,
) -> ExitCode:
    """Lists what lies in the store and no run needs, with its size."""
    from benchmark.commands.store import collect_garbage

    return collect_garbage(store, delete)


@command(app)
def report(
    store: Store = STORE,
    out: Annotated[
        Path,
        typer.Option("--out", help="folder of the page, tables and figures", metavar="FOLDER"),
    ] = Path("report"),
    figures: Annotated[
        str,
        typer.Option(
            "--figures",
            help="all: SVG, PNG, PDF; page: SVG; auto: all below 200 records",
            metavar="NAME",
        ),
    ] = "auto",
) -> ExitCode:
    """Writes tables, figures and HTML pages from the records of a store."""
    from benchmark.commands.report import write_report

    return write_report(store, out, figures)


@command(app)
def cite(
    store: Store = STORE,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="a LaTeX table of the results, with record keys")
    ] = False,
    methods: Rows = None,
    datasets: Datasets = None,
) -> ExitCode:
    """Prints BibTeX of the paper, this program and the data in use; or a LaTeX table of numbers."""
    from benchmark.commands.report import print_citation

    return print_citation(store, numbers, methods or [], datasets or [])


@command(app)
def crosswalk(
    prediction: Annotated[Path, typer.Argument(help="mask, NIfTI or PNG")],
    truth: Annotated[Path, typer.Argument(help="mask, NIfTI or PNG")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table")] = False,
) -> ExitCode:
    """Computes all metric definitions for one pair of masks."""
    from benchmark.commands.doctor import print_crosswalk

    return print_crosswalk(prediction, truth, as_json)


@command(app)
def doctor(store: Store = STORE) -> ExitCode:
    """Shows what is installed, what this machine can do, and the networks with their size."""
    from benchmark.commands.doctor import print_doctor

    return print_doctor(store)


@command(data_app, "list")
def data_list(
    data_root: Annotated[
        Path | None,
        typer.Option("--data-root", help="folder of published data", metavar="FOLDER"),
    ] = None,
) -> ExitCode:
    """Lists data sets with source, size, licence and whether they are here."""
    from benchmark.commands.data import list_data

    return list_data(data_root)


@command(data_app, "fetch")
def data_fetch(dataset: Dataset, data_root: DataRoot = DATA) -> ExitCode:
    """Downloads a data set from its public address, checks it and unpacks it."""
    from benchmark.commands.data import fetch_data

    return fetch_data(dataset, data_root)


@command(data_app, "verify")
def data_verify(dataset: Dataset, data_root: DataRoot = DATA) -> ExitCode:
    """Opens every file of a data set and lists what is wrong."""
    from benchmark.commands.data import verify_data

    return verify_data(dataset, data_root)


@command(data_app, "preview")
def data_preview(
    dataset: Dataset,
    images: SourceChoice,
    out: Annotated[Path, typer.Option("--out", help="PNG file to write", metavar="FILE")] = Path(
        "preview.png"
    ),
    count: Annotated[int, typer.Option("--count", help="how many cases", metavar="N")] = 12,
    edges: Annotated[
        bool, typer.Option("--edges", help="what each edge detector finds, instead of masks")
    ] = False,
    edge_weights: Annotated[
        str | None,
        typer.Option("--edge-weights", help="HED: folder, file or hub id", metavar="PLACE"),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            "--size", min=16, help="with --edges: side of a slice, in pixels", metavar="PIXELS"
        ),
    ] = None,
) -> ExitCode:
    """Draws a contact sheet of images with mask contours, or of the edge detectors."""
    from benchmark.commands.data import preview_data

    return preview_data(dataset, images, out, count, edges, edge_weights, size)


@command(board_app, "submit")
def board_submit(
    out: Annotated[
        Path, typer.Option("--out", help="file to write, such as mine.zip", metavar="FILE")
    ],
    store: Store = STORE,
    owner: Annotated[str, typer.Option("--owner", help="the name that the page shows")] = "",
    note: Annotated[str, typer.Option("--note", help="one sentence for the page of each run")] = "",
    methods: Rows = None,
    datasets: Datasets = None,
    with_masks: Annotated[
        bool, typer.Option("--with-masks", help="also the predicted masks: rows can be verified")
    ] = False,
) -> ExitCode:
    """Packs finished runs into one file for somebody else's leaderboard."""
    from benchmark.commands.leaderboard import submit

    return submit(store, out, owner, note, methods or [], datasets or [], with_masks)


@command(board_app, "validate")
def board_validate(
    files: Submissions,
    data_root: DataRoots = None,
    source: Described = None,
    store: Stores = None,
) -> ExitCode:
    """Checks submissions without trusting anything in them."""
    from benchmark.commands.leaderboard import validate_files

    return validate_files(files, data_root or [], source or [], store or [])


@command(board_app, "build")
def board_build(
    files: Submissions,
    out: Annotated[Path, typer.Option("--out", help="folder of the page", metavar="FOLDER")] = Path(
        "leaderboard"
    ),
    store: Stores = None,
    data_root: DataRoots = None,
    source: Described = None,
) -> ExitCode:
    """Builds the page of one's own records and all valid submissions; the refused are listed with
    their reasons."""
    from benchmark.commands.leaderboard import build_board

    return build_board(files, out, store or [], data_root or [], source or [])


def _check_datasets_is_ours() -> None:
    """Another package called `datasets` (Hugging Face's) must not shadow this project's folder."""
    here = Path(__file__).resolve().parent / "datasets" / "__init__.py"
    spec = importlib.util.find_spec("datasets")
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != here:
        raise InputError(
            f"python imports `datasets` from {spec.origin if spec else 'nowhere'} instead of"
            f" {here};"
            " start the program as `python cli.py` from its checkout, without PYTHONPATH."
        )


def main() -> None:
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    try:
        _check_datasets_is_ours()
        app()
    except InputError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(ExitCode.BAD_INPUT)
    except SystemExit as stop:
        if stop.code == 130:  # what typer makes of Ctrl-C
            print(
                "interrupted: finished stages are kept; the same command goes on from there.",
                file=sys.stderr,
            )
        raise


if __name__ == "__main__":
    main()
