"""The command line: parse, call, print. `python cli.py --help`.

Heavy imports stay inside the commands, so that --help answers at once. Exit codes: 0 all done, 1
some runs failed (each named), 2 the call or the input is wrong (one sentence; a traceback only with
--debug).
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.core.errors import InputError

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

Dataset = Annotated[str | None, typer.Option("--dataset", help="prostate, spleen or breast")]
Method = Annotated[
    str,
    typer.Option(
        "--method", help="none, classic, unconditional, pix2pix, emitdiff, or FILE.py:Class"
    ),
]
Transform = Annotated[
    str | None, typer.Option("--transform", help="classic transform, alone or on top of a method")
]
Architecture = Annotated[
    str | None, typer.Option("--architecture", help="attention-unet (default), unet, ...")
]
Ratio = Annotated[int | None, typer.Option("--ratio", help="synthetic variants per real slice")]
Alpha = Annotated[float | None, typer.Option("--alpha", help="share of real patches, 0 to 1")]
Patch = Annotated[
    int | None, typer.Option("--patch-size", help="side of a merging patch in pixels")
]
Fold = Annotated[str | None, typer.Option("--fold", help="all, or a list such as 0,1")]
Seeds = Annotated[str | None, typer.Option("--seeds", help="a list such as 3,4")]
Share = Annotated[
    float | None, typer.Option("--training-share", help="share of the training cases in use")
]
ProtocolName = Annotated[
    str | None, typer.Option("--protocol", help="rigorous (default), paper or released")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="one switch or number: selection=test, epochs=40")
]
PresetName = Annotated[
    str | None, typer.Option("--preset", help="smoke or compact [default: compact with a GPU]")
]
SourceName = Annotated[
    str | None, typer.Option("--source", help="auto, phantom, msd, busi or FILE.yaml")
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="folder that holds the published data, or that folder"),
]
BusiClass = Annotated[
    str | None, typer.Option("--busi-class", help="malignant (default), benign, both or normal")
]
Incomplete = Annotated[
    bool, typer.Option("--allow-incomplete", help="go on with the cases that are there")
]
StoreFolder = Annotated[Path, typer.Option("--store", help="folder of all results")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda")]
Engine = Annotated[str, typer.Option("--engine", help="inline, processes (one per GPU) or ray")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="stages at once [default: one per GPU; 1 on a CPU]"),
]
Address = Annotated[
    str | None, typer.Option("--address", help="Ray cluster, or auto [default: this machine]")
]
RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", help="also try stages that failed for good in an earlier call"),
]
MaxFailures = Annotated[
    int | None,
    typer.Option("--max-failures", min=1, help="start nothing new after so many failed stages"),
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="the same bits every time; slower on a GPU")
]
Logger = Annotated[
    str, typer.Option("--logger", help="curves of trainings: tensorboard, csv or none")
]
Repeat = Annotated[
    int,
    typer.Option(
        "--repeat", min=1, help="compute everything so often, and show how far it differs"
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="print runs, stages and a forecast; compute nothing")
]
Force = Annotated[
    list[str] | None, typer.Option("--force", help="compute a stage again, by its name")
]
SavePredictions = Annotated[
    Path | None, typer.Option("--save-predictions", help="also write masks as NIfTI or PNG here")
]
DataRoots = Annotated[
    list[Path] | None,
    typer.Option("--data-root", help="folder of published data; may be given again"),
]
Described = Annotated[
    list[Path] | None,
    typer.Option("--source", help="FILE.yaml of images of one's own, if they are here"),
]
STORE = Path("store")

# OpenMP threads that spin long at barriers make torch tens of times slower as soon as another
# process wants the core, and those that do not spin at all make small networks half as fast on an
# idle machine; this is short of both.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@app.command()
def run(
    dataset: Annotated[str, typer.Option("--dataset", help="prostate, spleen or breast")],
    method: Method,
    transform: Transform = None,
    architecture: Architecture = None,
    ratio: Ratio = None,
    alpha: Alpha = None,
    patch_size: Patch = None,
    fold: Fold = None,
    seeds: Seeds = None,
    training_share: Share = None,
    protocol: ProtocolName = None,
    sets: Sets = None,
    preset: PresetName = None,
    source: SourceName = None,
    data_root: DataRoot = None,
    busi_class: BusiClass = None,
    allow_incomplete: Incomplete = False,
    store: StoreFolder = STORE,
    device: Device = "auto",
    engine: Engine = "inline",
    workers: Workers = None,
    address: Address = None,
    retry_failed: RetryFailed = False,
    max_failures: MaxFailures = None,
    dry_run: DryRun = False,
    force: Force = None,
    deterministic: Deterministic = False,
    repeat: Repeat = 1,
    logger: Logger = "tensorboard",
    save_predictions: SavePredictions = None,
) -> None:
    """One method on one dataset: all folds (or --fold 0) and seeds."""
    from benchmark.commands.run import run_requests
    from benchmark.planning.request import Request
    from benchmark.results.repeats import repeated

    engine_options = _engine_options(locals())
    options = _options(locals())
    request = Request(dataset=dataset, method=method, folds=options.pop("folds", None), **options)

    def compute(folder: Path) -> int:
        return run_requests(
            [request],
            folder,
            device,
            engine,
            dry_run,
            force or [],
            save_predictions,
            options=engine_options,
        )

    _finish(repeated(compute, store, repeat, dry_run))


@app.command()
def suite(
    name: Annotated[str, typer.Argument(help="a suite's name, or a YAML file")],
    dataset: Dataset = None,
    architecture: Architecture = None,
    ratio: Ratio = None,
    alpha: Alpha = None,
    patch_size: Patch = None,
    fold: Fold = None,
    seeds: Seeds = None,
    training_share: Share = None,
    protocol: ProtocolName = None,
    sets: Sets = None,
    preset: PresetName = None,
    source: SourceName = None,
    data_root: DataRoot = None,
    busi_class: BusiClass = None,
    allow_incomplete: Incomplete = False,
    store: StoreFolder = STORE,
    device: Device = "auto",
    engine: Engine = "inline",
    workers: Workers = None,
    address: Address = None,
    retry_failed: RetryFailed = False,
    max_failures: MaxFailures = None,
    dry_run: DryRun = False,
    force: Force = None,
    deterministic: Deterministic = False,
    repeat: Repeat = 1,
    logger: Logger = "tensorboard",
) -> None:
    """A named grid of runs; options given here win over those of the suite."""
    from benchmark.commands.run import run_requests
    from benchmark.planning.suite import load_suite, requests, scaling_notes
    from benchmark.results.repeats import repeated

    engine_options = _engine_options(locals())
    options = _options(locals())
    chosen = load_suite(name)
    if any("preset" in entry for entry in chosen.entries) and preset is None:
        options.pop("preset")  # the suite names its own
    found = requests(chosen, options, tuple(dataset.split(",")) if dataset else ())
    title = "\n  note: ".join(
        [f"suite {chosen.name}: {chosen.about}", *scaling_notes(chosen, options)]
    )

    def compute(folder: Path) -> int:
        return run_requests(
            found, folder, device, engine, dry_run, force or [], None, title, engine_options
        )

    _finish(repeated(compute, store, repeat, dry_run))


@app.command()
def status(
    store: StoreFolder = STORE,
    everything: Annotated[bool, typer.Option("--all", help="list every run, however many")] = False,
) -> None:
    """Which runs are done, running, waiting or failed, and why."""
    from benchmark.commands.store import print_status

    _finish(print_status(store, everything))


@app.command()
def stage(
    keys: Annotated[list[str], typer.Argument(help="keys of stages, or their first letters")],
    store: StoreFolder = STORE,
    device: Device = "auto",
    deterministic: Deterministic = False,
    logger: Logger = "tensorboard",
    as_json: Annotated[
        bool, typer.Option("--json", help="how each ended, one line of JSON each")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="do not wait for another process that computes it")
    ] = False,
) -> None:
    """Computes single stages of a plan, as every engine does."""
    from benchmark.commands.store import run_stages
    from benchmark.stages.execution import Execution

    _finish(run_stages(keys, store, Execution(device, deterministic, logger), as_json, not no_wait))


@app.command()
def verify(
    store: StoreFolder = STORE,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="compute the tables of this report again, instead"),
    ] = None,
    submissions: Annotated[
        list[Path] | None, typer.Option("--submission", help="file that the report was built with")
    ] = None,
) -> None:
    """Checks every stored file against its checksum, and every record against its rows; or a report
    against the records."""
    if report is not None:
        from benchmark.commands.verify_report import verify_report

        return _finish(verify_report(report, store, submissions or []))
    from benchmark.commands.store import verify_store

    _finish(verify_store(store))


@app.command()
def gc(
    store: StoreFolder = STORE,
    delete: Annotated[
        bool, typer.Option("--delete", help="remove it; without, it is only listed")
    ] = False,
) -> None:
    """What lies in the store and no run needs, with its size."""
    from benchmark.commands.store import collect_garbage

    _finish(collect_garbage(store, delete))


@app.command()
def report(
    store: StoreFolder = STORE,
    out: Annotated[
        Path, typer.Option("--out", help="folder of the page, tables and figures")
    ] = Path("report"),
    figures: Annotated[
        str,
        typer.Option(
            "--figures", help="all: SVG, PNG, PDF; page: SVG; auto: all below 200 records"
        ),
    ] = "auto",
) -> None:
    """Tables, figures and HTML pages from the records of a store."""
    from benchmark.commands.report import write_report

    _finish(write_report(store, out, figures))


@app.command()
def cite(
    store: StoreFolder = STORE,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="a LaTeX table of the results, with record keys")
    ] = False,
    methods: Annotated[
        list[str] | None, typer.Option("--method", help="only this row, by its name in the report")
    ] = None,
    datasets: Annotated[
        list[str] | None, typer.Option("--dataset", help="only prostate, spleen or breast")
    ] = None,
) -> None:
    """BibTeX of the paper, this program and the data in use; or a LaTeX table of numbers."""
    from benchmark.commands.report import print_citation

    _finish(print_citation(store, numbers, methods or [], datasets or []))


@app.command()
def crosswalk(
    prediction: Annotated[Path, typer.Argument(help="mask, NIfTI or PNG")],
    truth: Annotated[Path, typer.Argument(help="mask, NIfTI or PNG")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table")] = False,
) -> None:
    """All metric definitions for one pair of masks."""
    from benchmark.commands.doctor import print_crosswalk

    print_crosswalk(prediction, truth, as_json)


@app.command()
def doctor(store: StoreFolder = STORE) -> None:
    """What is installed, what this machine can do, and the networks with their size."""
    from benchmark.commands.doctor import print_doctor

    _finish(print_doctor(store))


@data_app.command("list")
def data_list(data_root: DataRoot = None) -> None:
    """Datasets with source, size, licence and whether they are here."""
    from benchmark.commands.data import list_data

    list_data(data_root)


@data_app.command("fetch")
def data_fetch(
    dataset: Annotated[str, typer.Argument(help="prostate, spleen or breast")],
    data_root: Annotated[Path, typer.Option("--data-root", help="folder to unpack into")] = Path(
        "data"
    ),
) -> None:
    """Downloads a dataset from its public address, checks it and unpacks it."""
    from benchmark.commands.data import fetch_data

    fetch_data(dataset, data_root)


@data_app.command("verify")
def data_verify(
    dataset: Annotated[str, typer.Argument(help="prostate, spleen or breast")],
    data_root: Annotated[
        Path, typer.Option("--data-root", help="folder that holds the published data")
    ] = Path("data"),
) -> None:
    """Opens every file of a dataset and lists what is wrong."""
    from benchmark.commands.data import verify_data

    _finish(verify_data(dataset, data_root))


@data_app.command("preview")
def data_preview(
    dataset: Annotated[str, typer.Argument(help="prostate, spleen or breast")],
    source: SourceName = None,
    data_root: DataRoot = None,
    busi_class: BusiClass = None,
    allow_incomplete: Incomplete = False,
    out: Annotated[Path, typer.Option("--out", help="PNG file to write")] = Path("preview.png"),
    count: Annotated[int, typer.Option("--count", help="how many cases")] = 12,
    edges: Annotated[
        bool, typer.Option("--edges", help="what each edge detector finds, instead of masks")
    ] = False,
    edge_weights: Annotated[
        str | None, typer.Option("--edge-weights", help="HED: folder, file or hub id")
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=16, help="side of a slice of --edges, pixels")
    ] = None,
) -> None:
    """A contact sheet of images with mask contours, or of the edge detectors."""
    from benchmark.commands.data import preview_data

    preview_data(
        dataset,
        source or "auto",
        data_root,
        busi_class or "malignant",
        allow_incomplete,
        out,
        count,
        edges,
        edge_weights,
        size,
    )


@board_app.command("submit")
def board_submit(
    out: Annotated[Path, typer.Option("--out", help="file to write, such as mine.zip")],
    store: StoreFolder = STORE,
    owner: Annotated[str, typer.Option("--owner", help="the name that the page shows")] = "",
    note: Annotated[str, typer.Option("--note", help="one sentence for the page of each run")] = "",
    methods: Annotated[
        list[str] | None, typer.Option("--method", help="only this row, by its name in the report")
    ] = None,
    datasets: Annotated[
        list[str] | None, typer.Option("--dataset", help="only prostate, spleen or breast")
    ] = None,
    with_masks: Annotated[
        bool, typer.Option("--with-masks", help="also the predicted masks: rows can be verified")
    ] = False,
) -> None:
    """Packs finished runs into one file for somebody else's leaderboard."""
    from benchmark.commands.leaderboard import submit

    _finish(submit(store, out, owner, note, methods or [], datasets or [], with_masks))


@board_app.command("validate")
def board_validate(
    files: Annotated[list[Path], typer.Argument(help="submissions, or folders of them")],
    data_root: DataRoots = None,
    source: Described = None,
    store: Annotated[
        list[Path] | None,
        typer.Option("--store", help="records on the board: runs must not repeat"),
    ] = None,
) -> None:
    """Checks submissions without trusting anything in them."""
    from benchmark.commands.leaderboard import validate_files

    _finish(validate_files(files, data_root or [], source or [], store or []))


@board_app.command("build")
def board_build(
    files: Annotated[list[Path], typer.Argument(help="submissions, or folders of them")],
    out: Annotated[Path, typer.Option("--out", help="folder of the page")] = Path("leaderboard"),
    store: Annotated[
        list[Path] | None, typer.Option("--store", help="also its records; may be given again")
    ] = None,
    data_root: DataRoots = None,
    source: Described = None,
) -> None:
    """The page of one's own records and all valid submissions; the refused are listed with their
    reasons."""
    from benchmark.commands.leaderboard import build_board

    _finish(build_board(files, out, store or [], data_root or [], source or []))


def _options(given: dict) -> dict:
    """Options of `run` or `suite` that were given, as fields of a Request; the preset's default
    follows the device."""
    from benchmark.commands.run import default_preset
    from benchmark.planning.request import numbers_list

    plain = (
        "transform",
        "architecture",
        "ratio",
        "alpha",
        "patch_size",
        "training_share",
        "protocol",
        "source",
        "data_root",
        "busi_class",
    )
    options = {name: given[name] for name in plain if given.get(name) is not None}
    options["preset"] = given["preset"] or default_preset(given["device"])
    if given["allow_incomplete"]:
        options["allow_incomplete"] = True
    if given["sets"]:
        options["sets"] = tuple(given["sets"])
    if given["fold"] is not None:
        options["folds"] = None if given["fold"] == "all" else numbers_list(given["fold"], "--fold")
    if given["seeds"] is not None:
        options["seeds"] = numbers_list(given["seeds"], "--seeds")
    return options


def _engine_options(given: dict):
    """The options of `run` or `suite` that tell the engine how to work."""
    from benchmark.engines.options import EngineOptions

    if given["address"] is not None and given["engine"] != "ray":
        raise InputError(
            f"--address is for --engine ray, not for {given['engine']}; leave it out, or add"
            f" --engine ray."
        )
    names = "workers", "address", "max_failures", "deterministic", "logger"
    return EngineOptions(retry=given["retry_failed"], **{name: given[name] for name in names})


def _finish(code: int) -> None:
    if code:
        raise typer.Exit(code)


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
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == 130:  # what typer makes of Ctrl-C
            print(
                "interrupted: finished stages are kept; the same command goes on from there.",
                file=sys.stderr,
            )
        raise


if __name__ == "__main__":
    main()
