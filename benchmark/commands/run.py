"""What the commands of the command line do. cli.py parses; this module calls and prints.

Each function returns the exit code. Not here: drawing (console.py), the `data` commands
(data.py).
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.generators.loaded import own_class
from benchmark.core.errors import InputError
from benchmark.core.provenance import machine_name
from benchmark.core.registry import check_name
from benchmark.engines import ENGINES
from benchmark.engines.options import EngineOptions, choose_device
from benchmark.planning.forecast import forecast
from benchmark.planning.plan import Node, Plan, plan_run, unique_nodes
from benchmark.planning.request import (
    Opened,
    Request,
    edge_weights_file,
    generator_location,
    open_request,
    resolve,
    settings_of,
)
from benchmark.planning.weights import described_weights, fetch_weights
from benchmark.record.record import Record
from benchmark.results.record_writer import Settler, is_done
from benchmark.results.repeats import print_reused
from benchmark.spec.versions import STAGE_VERSIONS
from benchmark.store.store import Store
from benchmark.terminal.console import err, out, print_forecast, print_table
from benchmark.terminal.live import StageProgress
from benchmark.terminal.time_left import TimeLeft

if TYPE_CHECKING:
    from benchmark.engines.scheduler import Failure

_RESULT_COLUMNS = ("method", "cases", "Dice, %", "paper: Dice, %", "HD95", "paper: HD95", "runs")


def default_preset(device: str) -> str:
    """`compact` where a GPU would be used, else `smoke`."""
    return "compact" if choose_device(device) == "cuda" else "smoke"


def run_requests(
    requests: Sequence[Request],
    store_folder: Path,
    device: str,
    engine: str,
    dry_run: bool,
    force: Sequence[str],
    predictions: Path | None,
    title: str = "",
    options: EngineOptions = EngineOptions(),
) -> int:
    """Computes everything outstanding of the requests, prints one table; 0 all done, 1 some failed,
    2 bad input."""
    check_name("engine", engine, ENGINES)
    for stage in force:
        check_name("stage", stage, STAGE_VERSIONS)
    store = Store(store_folder)
    plans, locations, opened = _plans(requests, store)
    if title:
        out.print(title, markup=False)
    _print_sources(opened)
    for line in described_weights(plans, locations):
        out.print(f"weights of {line}", markup=False)
    records = {} if force else _finished(plans, store)
    outstanding = [plan for plan in plans if plan.run.key not in records]
    if dry_run:
        free = shutil.disk_usage(store.root).free
        print_forecast(forecast(plans, store), len(plans), len(records), free, options.workers or 1)
        return 0
    device = device if engine == "ray" else choose_device(device)
    nodes = unique_nodes(outstanding)
    if engine != "ray":  # there each node of the cluster gets them
        wanted = [node for node in nodes if force or not store.has(node.stage, node.key)]
        fetch_weights(wanted, locations, lambda text: out.print(text, markup=False))
    for plan in outstanding:
        _write_plan(store, plan, locations)
    _forget(store, nodes, force)
    print_reused(unique_nodes(plans), store, options)
    settler = Settler(
        outstanding,
        store,
        {plan.run.key: tuple(opened[plan.run.dataset].source.notes) for plan in outstanding},
    )

    def runs_done() -> tuple[int, int]:
        return len(records) + len(settler.records), len(plans)

    failures = _compute(
        nodes, store, device, engine, replace(options, on_done=settler.done), runs_done
    )
    settler.fail(failures)
    records |= settler.records
    finished = [plan for plan in plans if plan.run.key in records]
    if predictions is not None:
        _save_predictions(
            finished, [records[plan.run.key] for plan in finished], store, opened, predictions
        )
    _print_records([records[plan.run.key] for plan in finished])
    _print_left_out(len(plans) - len(finished), failures)
    return _exit_code(
        [records[plan.run.key] for plan in finished], len(plans) - len(finished), failures
    )


def _plans(
    requests: Sequence[Request], store: Store
) -> tuple[list[Plan], dict[str, dict], dict[str, Opened]]:
    """Plans without repetition, where stages find what lies outside the store (by key), and the
    sources by dataset."""
    sources: dict[tuple, Opened] = {}
    plans: dict[str, Plan] = {}
    locations: dict[str, dict] = {}
    for request in requests:
        _, numbers, _ = settings_of(request)
        identity = (
            request.dataset,
            request.source,
            request.data_root,
            request.busi_class,
            numbers.phantom_cases,
            numbers.size,
        )
        if identity not in sources:
            sources[identity] = open_request(request, store.root / "fingerprints.json")
        opened, edge_weights = sources[identity], edge_weights_file(request)
        edges = {"edge_weights": str(edge_weights)} if edge_weights else {}
        weights = generator_location(request, opened.cache)
        for run in resolve(request, opened):
            plan = plan_run(run, opened.cases, opened.options)
            plans.setdefault(run.key, plan)
            locations[plan.nodes[0].key] = {
                "source": request.source if opened.spec.kind == "folder" else opened.spec.kind,
                "data_root": str(request.data_root.absolute()) if request.data_root else None,
                "phantom_cases": numbers.phantom_cases,
                "allow_incomplete": request.allow_incomplete,
            } | edges
            locations |= {
                node.key: weights | edges
                for node in plan.nodes
                if weights and "generator" in node.spec
            }
    return (
        list(plans.values()),
        locations,
        {identity[0]: opened for identity, opened in sources.items()},
    )


def _print_sources(opened: dict[str, Opened]) -> None:
    for dataset, source in opened.items():
        out.print(
            f"{dataset}: {source.spec.title}, {len(source.cases)} cases ({source.spec.licence})",
            markup=False,
        )
        for note in source.source.notes:
            out.print(f"  note: {note}", markup=False)


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
        if is_done(record, plan) and not (
            requeued and requeued & {node.key for node in plan.nodes}
        ):
            found[plan.run.key] = compact(record, pool)
    return found


def _write_plan(store: Store, plan: Plan, locations: dict[str, dict]) -> None:
    own = plan.run.method.own
    elsewhere = {own.reference: {"own": own_class(own.reference).address}} if own else {}
    # for the check of leaks; no result depends on it
    tested = {"fit-segmenter": {"test": list(plan.split.test)}}
    for node in plan.nodes:
        reference = node.spec.get("generator") or node.spec.get("transform")
        store.notes.write_plan(
            node.key,
            {
                "stage": node.stage,
                "key": node.key,
                "version": node.version,
                "spec": node.spec,
                "inputs": node.inputs,
                "location": (locations.get(node.key) or elsewhere.get(reference, {}))
                | tested.get(node.stage, {}),
            },
        )
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
    nodes: list[Node],
    store: Store,
    device: str,
    engine: str,
    options: EngineOptions,
    runs: Callable[[], tuple[int, int]],
) -> dict[str, "Failure"]:
    todo = sum(not store.has(node.stage, node.key) for node in nodes)
    if not todo:
        return {}
    left = TimeLeft(nodes, store, None if device == "auto" else machine_name(device))
    with StageProgress(todo, left, runs) as progress:
        return ENGINES.load(engine)(nodes, store, device, progress.stage, options)


def _save_predictions(
    plans: list[Plan], records: list[Record], store: Store, opened: dict[str, Opened], folder: Path
) -> None:
    """Writes every test case's mask in its file's own geometry: FOLDER/<run key>/<case>.nii.gz or
    .png."""
    import numpy as np

    from benchmark.stages.context import read_predictions

    for plan, record in zip(plans, records, strict=True):
        if record.status != "done":
            continue
        predict = plan.last("predict")
        if not store.has("predict", predict.key):
            raise InputError(
                f"the predictions of run {record.key[:12]} are no longer in the store; add --force"
                f" predict."
            )
        source = opened[plan.run.dataset].source
        target = folder / record.key[:12]
        target.mkdir(parents=True, exist_ok=True)
        for case, z, mask in read_predictions(store.folder("predict", predict.key)):
            full = np.zeros(source.load(case).mask.shape, np.uint8)
            full[z] = mask
            source.write_mask(case, full, target / case)
        out.print(f"predictions: {target}", markup=False)


def _print_records(records: list[Record]) -> None:
    from baselines.generators.catalogue import generator_defaults
    from reports.tables.tables import run_table

    tables: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in run_table(records, generator_defaults()):
        tables.setdefault(
            (row["dataset"], row["source"], row["rules"], row["not comparable"]), []
        ).append(row)
    for (dataset, source, rules, mismatch), rows in tables.items():
        if all(row["runs"].startswith("0 of") for row in rows):
            continue  # nothing but failures, which are told below
        columns = [name for name in _RESULT_COLUMNS if any(row[name] != "–" for row in rows)]
        lines = [rules] + (
            [f"The paper's values are not comparable: {mismatch}."] if mismatch else []
        )
        absent = {row["absent runs"] for row in rows} - {"–", ""}
        if len(absent) == 1 and len(rows) == sum(row["absent runs"] in absent for row in rows):
            lines.append(f"Of every method: {absent.pop()}.")
        else:
            lines += [
                f"{row['method']}: {row['absent runs']}."
                for row in rows
                if row["absent runs"] in absent
            ]
        marked = [name if name == "method" else f"{name}>" for name in columns]
        print_table(
            f"{dataset}, {source}",
            marked,
            [[row[name] for name in columns] for row in rows],
            "\n".join(lines),
        )
    failed: dict[str | None, list[str]] = {}
    for record in records:
        if record.status == "failed":
            spec = record.spec
            run = f"{spec.dataset} {spec.method.label} fold {spec.fold} seed {spec.seed}"
            failed.setdefault(record.error, []).append(run)
    for error, runs in failed.items():
        err.print(f"error: {error}", markup=False)
        err.print(f"  failed by this: {', '.join(runs)}", markup=False)


def _print_left_out(absent: int, failures: dict[str, "Failure"]) -> None:
    earlier = sum(failure.earlier for failure in failures.values())
    if earlier:
        err.print(
            f"{earlier} stages failed in an earlier call, or need one that did; they were not"
            f" tried: add --retry-failed."
        )
    if absent:
        which = "1 run was" if absent == 1 else f"{absent} runs were"
        err.print(
            f"{which} not computed, because too many stages failed; the same command goes on from"
            f" here."
        )


def _exit_code(records: list[Record], absent: int, failures: dict[str, "Failure"]) -> int:
    if not absent and all(record.status == "done" for record in records):
        return 0
    only_input = all(failure.caused_by_input for failure in failures.values())
    return 2 if only_input and all(record.status == "failed" for record in records) else 1
