"""What the `leaderboard` commands do: submit, validate, build. cli.py parses.
Not here: the format and its checks (reports/submission)."""

import datetime
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.files import check_replaceable
from benchmark.core.texts import one_line
from benchmark.planning.stage_keys import stage_counts, stage_keys
from benchmark.record.record import Record
from benchmark.stages.catalogue import STAGE_VERSIONS
from benchmark.store.store import Store
from benchmark.terminal.console import err, out, print_table, size
from datasets.tasks.catalogue import TASKS
from reports.comparison.badges import Refused
from reports.comparison.links import run_page
from reports.comparison.study import Study
from reports.records.load import load_records
from reports.submission.consistency import KnownStages
from reports.submission.container import Unreadable
from reports.submission.findings import REFUSED, Finding
from reports.submission.merge import Board, merge
from reports.submission.pack import pack
from reports.submission.reference_data import Library
from reports.submission.validate import Checked, validate

KNOWN_STAGES = KnownStages(STAGE_VERSIONS, stage_keys, stage_counts)


def submit(
    store_folder: Path,
    file: Path,
    owner: str,
    note: str,
    methods: Sequence[str],
    datasets: Sequence[str],
    with_masks: bool,
) -> ExitCode:
    """Packs the chosen finished records of a store into one file, and checks that file as everybody
    will."""
    store = Store(store_folder, write=False)
    records = _chosen(_own([store_folder]), methods, datasets, store_folder)
    check_replaceable(file, b"PK\x03\x04", "submission")

    def check(draft: Path) -> None:
        if reasons := validate(draft, Library(), KNOWN_STAGES).reasons:
            raise InputError(f"these records would be refused: {' '.join(reasons)}")

    manifest = pack(
        records,
        store,
        file,
        owner=owner,
        note=note,
        with_masks=with_masks,
        made_on=datetime.date.today().isoformat(),
        check=check,
    )
    masks = (
        f"{len(manifest.masks)} masks"
        if with_masks
        else "no masks, so the rows cannot be verified (--with-masks)"
    )
    out.print(
        f"submission: {file}, {size(file.stat().st_size)}: {len(manifest.records)} runs, {masks}"
    )
    if not owner:
        out.print("It names nobody; --owner NAME says whose it is.")
    out.print(
        f"Next: python cli.py leaderboard validate {file}, then attach it to an issue of the"
        f" template 'Results to submit' (docs/submit.md)",
        soft_wrap=True,
    )
    return ExitCode.DONE


def validate_files(
    files: Sequence[Path], roots: Sequence[Path], described: Sequence[Path], stores: Sequence[Path]
) -> ExitCode:
    """Checks submissions and prints what was found; 0 all valid, 1 some refused, or with no run
    that is not there yet."""
    checked = checked_files(files, roots, described)
    for one in checked:
        rows = [(finding.check, finding.state, finding.text) for finding in one.findings]
        outcome = "valid" if one.valid else "REFUSED"
        print_table(
            f"{one_line(one.path.name)}{f' by {one.owner}' if one.owner else ''}: {outcome}",
            ("check", "outcome", "what"),
            rows,
        )
    board = merge(checked, _own(stores))
    told = {reason for one in checked for reason in one.reasons}
    # the others stand in their tables
    _print_refused(one for one in board.refused if not told.issuperset(one.reasons))
    return ExitCode.DONE if all(board.added) else ExitCode.FAILED


def build_board(
    places: Sequence[Path],
    folder: Path,
    stores: Sequence[Path],
    roots: Sequence[Path],
    described: Sequence[Path],
) -> ExitCode:
    """Builds the page of our own records and all valid submissions; 0 all are on it, 1 some are
    not."""
    checked, own = checked_files(places, roots, described), _own(stores)
    board = merge(checked, own)
    if not board.records:
        _print_refused(board.refused)
        raise InputError(
            "no submission is valid and no --store is given, so there is nothing to build a page"
            " of."
        )
    try:
        page = _written(board, folder, stores)
    except InputError:
        raise
    except Exception:
        # Whatever a submission holds, it must not keep the others from the board.
        tried = [_tried(one) for one in checked]
        if tried == checked:
            raise
        for record in board.records:
            (folder / run_page(record.key)).unlink(missing_ok=True)
        board = merge(tried, own)
        page = _written(board, folder, stores)
    _print_refused(board.refused)
    out.print(f"{len(board.records)} runs, {len(board.marks)} of them submitted: {page}")
    return ExitCode.FAILED if board.refused else ExitCode.DONE


def _written(board: Board, folder: Path, stores: Sequence[Path]) -> Path:
    """Builds the page of a board."""
    from benchmark.results.pictures import panels
    from reports.figures.panels import Panel
    from reports.pages.build import build
    from reports.pages.site import check_folder

    check_folder(folder)
    study = Study(
        board.records, marks=board.marks, refused=board.refused, submissions=board.submissions
    )
    pictures: dict[str, list[Panel]] = {}
    for store in stores:  # what a store still holds; of records alone there are none
        pictures |= panels(Store(store, write=False), study, folder)
    return build(study, folder, pictures)


def _tried(one: Checked) -> Checked:
    """A submission as it is if a page of it alone can be written; else refused."""
    if not one.records:
        return one
    try:
        with tempfile.TemporaryDirectory() as folder:
            _written(merge([one], []), Path(folder), [])
    except Exception as error:
        reason = f"no page can be made of its records ({type(error).__name__})."
        return replace(one, records=(), reasons=(reason,))
    return one


def _own(stores: Sequence[Path]) -> list[Record]:
    """The records of stores; those that cannot be read are named and left out. Raises InputError
    for no store."""
    loaded = load_records(stores)
    for problem in loaded.problems:
        err.print(f"left out: {problem}")
    return loaded.records


def _chosen(
    records: Sequence[Record], methods: Sequence[str], datasets: Sequence[str], where: Path
) -> list[Record]:
    """The finished records of these rows of the report, one per run, audited ones first. Raises
    InputError for none.

    A row is named as in the report, or by the method alone, which may be several rows.
    """

    TASKS.check(datasets, (record.spec.dataset for record in records))
    rows = [
        (runs.names, record)
        for comparison in Study(records).comparisons
        if not datasets or comparison.group.spec.dataset in datasets
        for runs in comparison.group.methods
        for record in runs.done
        if not record.spec.source.limit
    ]
    known = dict.fromkeys(sorted({label for labels, _ in rows for label in labels}))
    if not rows:
        raise InputError(
            f"{where} holds no finished run{' of ' + ', '.join(datasets) if datasets else ''}; run"
            f" one first."
        )
    if unknown := [name for name in methods if name not in known]:
        raise InputError(
            f"no finished run of method '{unknown[0]}' in {where}; there are: {', '.join(known)}."
        )
    return [record for labels, record in rows if not methods or labels & set(methods)]


def checked_files(
    places: Sequence[Path], roots: Sequence[Path], described: Sequence[Path]
) -> list[Checked]:
    """All files, those of folders by name, each checked. Raises InputError for a place that does
    not exist; what lies in a folder and cannot be read is refused as any other file."""
    library = Library(roots, described)
    files: dict[Path, bool] = {}  # whether it was named
    for place in places:
        found = sorted(place.glob("*.zip")) if place.is_dir() else [place]
        if not found:
            raise InputError(
                f"{place} holds no submission (*.zip); give the files that `leaderboard submit`"
                f" wrote."
            )
        files |= dict.fromkeys(found, not place.is_dir())
    return [_checked(file, library, named) for file, named in files.items()]


def _checked(file: Path, library: Library, named: bool) -> Checked:
    """The check of one file, of which none may end that of the others."""
    try:
        return validate(file, library, KNOWN_STAGES)
    except Unreadable as error:
        if named:
            raise
        reason = str(error)
    except InputError:
        raise
    except Exception as error:
        reason = f"its check came to no end ({type(error).__name__})."
    return Checked(file, (Finding("file", REFUSED, reason),), (reason,))


def _print_refused(refused: Iterable[Refused]) -> None:
    for one in refused:
        for reason in one.reasons:
            err.print(f"{one.name}: {reason}")
