"""`run` and `suite`: from requests to stages to records.

Not here: what is printed of the results (run_output.py), the stages' order (engines/).
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.generators.user_method import check_distinct, is_own, load_own
from benchmark.commands.run_end import print_beside_none, print_next, with_none
from benchmark.commands.run_output import (
    print_changed_code,
    print_left_out,
    print_records,
    print_reused,
    print_sources,
    print_spread,
)
from benchmark.core.errors import ExitCode, InputError
from benchmark.core.files import made_folder
from benchmark.core.provenance import machine_name
from benchmark.core.registry import check_name
from benchmark.engines import ENGINES
from benchmark.planning.forecast import forecast, noted_seconds
from benchmark.planning.match_compute import matched
from benchmark.planning.options import Actions, Request
from benchmark.planning.plan import Plan, plan_run, unique_nodes
from benchmark.planning.request import Opened, location_of, open_request, resolve
from benchmark.planning.settings import settle
from benchmark.planning.suite import load_suite, requests, scaling_notes
from benchmark.planning.weights import described_weights, fetch_weights
from benchmark.record.record import Record
from benchmark.results.record_writer import Settler, is_done
from benchmark.stages.catalogue import STAGES, Node
from benchmark.stages.execution import Execution, choose_device
from benchmark.store.store import Store
from benchmark.terminal.console import out
from benchmark.terminal.forecast_tables import print_forecast
from benchmark.terminal.live import StageProgress
from benchmark.terminal.time_left import TimeLeft

if TYPE_CHECKING:
    from benchmark.engines.scheduler import Failure


@dataclass(frozen=True)
class Call:
    """One call of `run` or `suite`. title: what is printed first."""

    requests: Sequence[Request]
    actions: Actions = Actions()
    how: Execution = Execution()
    title: str = ""


@dataclass(frozen=True)
class _Job:
    """The runs of a call, each once. opened: the source of each run, by its key."""

    plans: list[Plan]
    opened: dict[str, Opened]


def default_preset(device: str) -> str:
    """`compact` where a GPU would be used, else `smoke`."""
    return "compact" if choose_device(device) == "cuda" else "smoke"


def run_suite(
    name: str, datasets: Sequence[str], changes: dict[str, Any], actions: Actions, how: Execution
) -> ExitCode:
    """Computes the runs of a suite; `changes`: fields of Request that win over the suite's."""
    chosen = load_suite(name)
    if "preset" not in changes and not any("preset" in entry for entry in chosen.entries):
        changes = changes | {"preset": default_preset(how.device)}
    asked = requests(chosen, changes, tuple(datasets))
    notes = scaling_notes(chosen, changes)
    title = [f"suite {chosen.name}: {chosen.about}", *(f"note: {note}" for note in notes)]
    if actions.dry_run:
        told = {"hardware": chosen.hardware, "expected": chosen.expected}
        title += [f"{name}: {text}" for name, text in told.items() if text]
    return run_requests(Call(asked, actions, how, "\n  ".join(title)))


def run_requests(call: Call) -> ExitCode:
    """Computes everything outstanding of the requests, as often as the call says, and prints what
    came of it. The code is that of the worst repeat."""
    store, times = call.actions.store, call.actions.repeat
    code = _run_once(call)
    if times == 1:
        return code
    from benchmark.results.repeats import note_repeats, repeat_folder

    for number in range(2, times + 1):
        out.print(f"repeat {number} of {times}")
        again = replace(call.actions, store=repeat_folder(store, number))
        code = max(code, _run_once(replace(call, actions=again)))
    if not call.actions.dry_run:
        print_spread(note_repeats(store, times))
    return code


def _run_once(call: Call) -> ExitCode:
    _check_names(call)
    actions, how, store = call.actions, call.how, Store(call.actions.store)
    if call.title:
        out.print(call.title)
    job = _planned(call.requests, store)
    _print_job(job)
    records = {} if actions.force else _finished(job.plans, store)
    if actions.dry_run:
        return _dry_run(job, store, records, how.workers or 1)
    if actions.save_predictions is not None:
        made_folder(actions.save_predictions, "--save-predictions")
    if how.engine != "ray":  # there the cluster decides
        how = how.here()
    outstanding = [plan for plan in job.plans if plan.run.key not in records]
    nodes = unique_nodes(outstanding)
    if how.engine != "ray":  # there each machine gets them
        _bring_weights(outstanding, store, actions.force)
    with store.noting():
        for plan in outstanding:
            _write_plan(store, plan)
    _forget(store, nodes, actions.force)
    print_reused(unique_nodes(job.plans), store, how)
    own = [load_own(one.method) for one in call.requests if is_own(one.method)]
    print_changed_code(unique_nodes(job.plans), {one.spec.reference: one for one in own}, store)
    failures = _compute(outstanding, job, store, how, records)
    finished = [plan for plan in job.plans if plan.run.key in records]
    if actions.save_predictions is not None:
        _save_predictions(finished, records, store, job.opened, actions.save_predictions)
    shown, absent = [records[plan.run.key] for plan in finished], len(job.plans) - len(finished)
    alone = len(call.requests) == 1
    beside = with_none(shown, store) if alone else shown
    print_records(beside)
    print_left_out(absent, failures)
    if alone:
        print_beside_none(beside, call.requests[0], actions.store)
    if any(record.status == "done" for record in shown):
        print_next(actions.store)
    return _exit_code(shown, absent, failures)


def _check_names(call: Call) -> None:
    check_name("engine", call.how.engine, ENGINES)
    for stage in call.actions.force:
        check_name("stage", stage, STAGES)


def _planned(requests: Sequence[Request], store: Store) -> _Job:
    """Every source is opened once, and every run planned once."""
    check_distinct(load_own(one.method) for one in requests if is_own(one.method))
    sources: dict[tuple, Opened] = {}
    plans: dict[str, Plan] = {}
    by_run: dict[str, Opened] = {}
    cache = store.root / "fingerprints.json"
    for request in requests:
        with _said_where(request.origin):
            settled = settle(request, cache)
            identity = (
                request.dataset,
                request.source,
                request.data_root,
                request.busi_class,
                request.allow_incomplete,
                request.limit,
                settled.preset.phantom_cases,
                settled.preset.size,
            )
            if identity not in sources:
                sources[identity] = open_request(settled, cache, out.print)
            opened = sources[identity]
            location = location_of(settled, opened)
            with _said_of_what(request.dataset, opened):
                runs = resolve(settled, opened)
                if request.match_compute is not None:
                    found = _records(store)
                    runs = matched(runs, request.match_compute, found, out.print)
                for run in runs:
                    if run.key not in plans:
                        plans[run.key] = plan_run(
                            run, opened.cases, opened.options, location, opened.copies
                        )
                        by_run[run.key] = opened
    return _Job(list(plans.values()), by_run)


def _records(store: Store) -> Iterator[Record]:
    """All records of the store that can be read."""
    for one in store.notes.recorded():
        if (record := store.notes.record(one["key"])) is not None:
            yield record


@contextmanager
def _said_of_what(dataset: str, opened: Opened) -> Iterator[None]:
    """Prints the images and the notes on how they were read before what is wrong with a plan."""
    try:
        yield
    except InputError:
        print_sources([(dataset, opened)])
        raise


@contextmanager
def _said_where(origin: str) -> Iterator[None]:
    """Puts the place that asks for a run before what is wrong with it."""
    try:
        yield
    except InputError as error:
        if not origin:
            raise
        raise InputError(f"{origin}: {error}") from error


def _print_job(job: _Job) -> None:
    opened = [(plan.run.dataset, job.opened[plan.run.key]) for plan in job.plans]
    print_sources({id(source): (dataset, source) for dataset, source in opened}.values())
    for line in described_weights(job.plans):
        out.print(f"weights of {line}")


def _dry_run(job: _Job, store: Store, records: Mapping[str, Record], workers: int) -> ExitCode:
    free, outlook = shutil.disk_usage(store.root).free, forecast(job.plans, store, records)
    print_forecast(outlook, len(job.plans), len(records), free, workers)
    return ExitCode.DONE


def _bring_weights(plans: Sequence[Plan], store: Store, force: Sequence[str]) -> None:
    """Fetches the published weights that stages need."""

    def wanted(node: Node) -> bool:
        return bool(force) or not store.has(node.stage, node.key)

    fetch_weights(plans, wanted, out.print)


def _finished(plans: Sequence[Plan], store: Store) -> dict[str, Record]:
    """The records of runs that are done, by key, as small as those of a report. A run is not, if a
    stage of it was found damaged and is to be made again."""
    from reports.records.compact_records import Pool, compact

    pool = Pool()
    requeued = {
        key
        for key, failure in store.notes.failures().items()
        if not store.has(failure["stage"], key)
    }
    found = {}
    for plan in plans:
        record = store.notes.record(plan.run.key)
        if record is None or not is_done(record, plan):
            continue
        if requeued.isdisjoint(node.key for node in plan.nodes):
            found[plan.run.key] = compact(record, pool)
    return found


def _write_plan(store: Store, plan: Plan) -> None:
    for node, note in plan.notes():
        store.notes.write_plan(node.key, note)
    store.notes.write_run(
        plan.run.key,
        {
            "key": plan.run.key,
            "spec": plan.run.model_dump(mode="json"),
            "stages": [{"stage": node.stage, "key": node.key} for node in plan.nodes],
        },
    )


def _forget(store: Store, nodes: Iterable[Node], force: Sequence[str]) -> None:
    """Removes the forced stages and all that was made from them."""
    forgotten: set[str] = set()
    for node in nodes:
        if node.stage in force or forgotten & set(node.input_keys()):
            forgotten.add(node.key)
            store.remove(node.stage, node.key)


def _compute(
    plans: Sequence[Plan], job: _Job, store: Store, how: Execution, records: dict[str, Record]
) -> dict[str, "Failure"]:
    """Computes the stages of the outstanding plans, puts their records into `records`, and returns
    the failures by key."""
    notes = {plan.run.key: tuple(job.opened[plan.run.key].source.notes) for plan in plans}
    settler, before = Settler(plans, store, notes), len(records)

    def runs_done() -> tuple[int, int]:
        return before + len(settler.records), len(job.plans)

    failures = _compute_stages(unique_nodes(plans), store, how, settler.done, runs_done)
    settler.fail(failures)
    records |= settler.records
    return failures


def _compute_stages(
    nodes: list[Node],
    store: Store,
    how: Execution,
    on_done: Callable[[Node], None],
    runs: Callable[[], tuple[int, int]],
) -> dict[str, "Failure"]:
    """The failures by key. on_done: called after each stage; runs: (runs done, all runs)."""
    todo = sum(not store.has(node.stage, node.key) for node in nodes)
    if not todo:
        return {}
    left = TimeLeft(nodes, store, None if how.device == "auto" else machine_name(how.device))
    with StageProgress(todo, left, runs, lambda node: noted_seconds(store, node)) as progress:
        return ENGINES.load(how.engine)(nodes, store, how, progress.stage, on_done)


def _save_predictions(
    plans: Sequence[Plan],
    records: dict[str, Record],
    store: Store,
    opened: dict[str, Opened],
    folder: Path,
) -> None:
    """Writes every test case's mask in its file's own geometry: FOLDER/<run key>/<case>.nii.gz or
    .png."""
    import numpy as np

    from benchmark.stages.predict import read_predictions

    for plan in plans:
        record, predict = records[plan.run.key], plan.last("predict")
        if record.status != "done" or predict is None:
            continue
        if not store.has("predict", predict.key):
            raise InputError(
                f"the predictions of run {record.key[:12]} are no longer in the store; add --force"
                f" predict."
            )
        source = opened[plan.run.key].source
        target = folder / record.key[:12]
        target.mkdir(parents=True, exist_ok=True)
        for case, z, mask in read_predictions(store.folder("predict", predict.key)):
            full = np.zeros(source.load(case).mask.shape, np.uint8)
            full[z] = mask
            source.write_mask(case, full, target / case)
        out.print(f"predictions: {target}")


def _exit_code(records: Sequence[Record], absent: int, failures: dict[str, "Failure"]) -> ExitCode:
    if not absent and all(record.status == "done" for record in records):
        return ExitCode.DONE
    only_input = all(failure.caused_by_input for failure in failures.values())
    nothing = all(record.status == "failed" for record in records)
    return ExitCode.BAD_INPUT if only_input and nothing else ExitCode.FAILED
