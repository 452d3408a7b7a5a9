"""What `run` and `suite` say last: how a run stands beside no augmentation, and what to do next.

Not here: the table of results (run_output.py), any arithmetic (reports/tables/pairs.py).
"""

import contextlib
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line
from benchmark.planning.options import Request
from benchmark.record.record import Record
from benchmark.spec.method import NONE
from benchmark.spec.run import RunSpec
from benchmark.store.store import Store
from benchmark.terminal.console import out


def with_none(records: Sequence[Record], store: Store) -> list[Record]:
    """The records, and those of `none` for the same folds and seeds that the store holds."""
    found = {record.key: record for record in records}
    for record in records:
        key = none_spec(record.spec).key
        if key not in found and (none := store.notes.record(key)) is not None:
            found[key] = none
    return list(found.values())


def none_spec(spec: RunSpec) -> RunSpec:
    """The run without augmentation that a run is measured from."""
    return spec.model_copy(update={"method": NONE, "audit": False})


def print_beside_none(records: Sequence[Record], request: Request, store: Path) -> None:
    """The paired differences of the runs of one request to `none`, or the command that makes them
    comparable. records: done and failed, those of `none` among them."""
    from reports.comparison.format import with_interval
    from reports.comparison.study import Study
    from reports.tables.pairs import pairs

    done = [record for record in records if record.status == "done"]
    ours = [record for record in done if record.spec.method.name != NONE.name]
    there = {record.key for record in done}
    if not ours:
        if done:
            _say_compare_with(request, done, store)
        return
    lacking = [record.spec for record in ours if none_spec(record.spec).key not in there]
    study, found = Study(done), []
    for label in dict.fromkeys(record.spec.method.label for record in ours):
        with contextlib.suppress(InputError):  # no fold of it is scored beside `none`
            found += pairs(study, label, NONE.name)
    for pair in found:
        interval = with_interval(pair.difference, pair.low, pair.high, 1)
        out.print(
            f"{one_line(pair.a)} - none: {interval} Dice points on {pair.cases} cases, seeds"
            f" {pair.seeds}: {pair.verdict}.",
            soft_wrap=True,
        )
    if lacking:
        folds = sorted({spec.fold for spec in lacking})
        seeds = sorted({spec.seed for spec in lacking})
        what = (
            "nothing to compare with yet" if len(lacking) == len(ours) else "more to compare with"
        )
        command = _command(none_spec(lacking[0]), folds, seeds, request, store)
        out.print(f"{what}: {command}", soft_wrap=True)


def print_next(store: Path) -> None:
    """The next step after runs were computed."""
    out.print(f"Next: python cli.py report{_store_words(store)}", soft_wrap=True)


def _say_compare_with(request: Request, done: Sequence[Record], store: Path) -> None:
    """After a run of `none` alone: what it could be compared with."""
    command = _command(
        done[0].spec,
        sorted({one.spec.fold for one in done}),
        sorted({one.spec.seed for one in done}),
        request,
        store,
    )
    classic = command.replace("--method none", "--method classic --transform deepstack", 1)
    out.print(f"nothing to compare with yet: {classic}", soft_wrap=True)


def _command(
    spec: RunSpec, folds: Iterable[int], seeds: Iterable[int], request: Request, store: Path
) -> str:
    from reports.comparison.repeat_command import repeat_command

    text = repeat_command(spec, tuple(folds), tuple(seeds)) + _store_words(store)
    if request.data_root is not None:
        text = text.replace("--data-root DIR", f"--data-root {shlex.quote(str(request.data_root))}")
    return text.replace("--source FILE.yaml", f"--source {shlex.quote(request.source)}")


def _store_words(store: Path) -> str:
    return "" if store == Path("store") else f" --store {shlex.quote(str(store))}"
