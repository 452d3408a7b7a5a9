"""What the commands of the command line do. cli.py parses; this module calls and prints.

Each function returns the exit code. Not here: drawing (console.py), the `data` commands (data_commands.py).
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmark.assembly import assemble, failed
from benchmark.console import StageProgress, duration, err, out, print_forecast, print_table
from benchmark.errors import InputError
from benchmark.forecast import forecast
from benchmark.plan import Node, Plan, plan_run, unique_nodes
from benchmark.record import Record
from benchmark.registry import check_name
from benchmark.request import Opened, Request, open_request, resolve, settings_of
from benchmark.store import Store
from benchmark.versions import STAGE_VERSIONS

ENGINES = ("inline",)
_RESULT_COLUMNS = ("method", "cases", "Dice, %", "paper: Dice, %", "HD95", "paper: HD95", "runs")


def choose_device(name: str) -> str:
    """"auto", "cpu" or "cuda" -> "cpu" or "cuda". Raises InputError where there is no such device."""
    check_name("device", name, ("auto", "cpu", "cuda"))
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise InputError("--device cuda: torch finds no CUDA GPU here; use --device cpu, or see `python cli.py doctor`.")
    return "cpu"


def default_preset(device: str) -> str:
    """`compact` where a GPU would be used, else `smoke`."""
    return "compact" if choose_device(device) == "cuda" else "smoke"


def run_requests(
    requests: Sequence[Request], store_folder: Path, device: str, engine: str, dry_run: bool, force: Sequence[str],
    predictions: Path | None, title: str = "",
) -> int:  # fmt: skip
    """Computes everything outstanding of the requests, prints one table; 0 all done, 1 some failed, 2 bad input."""
    check_name("engine", engine, ENGINES)
    for stage in force:
        check_name("stage", stage, STAGE_VERSIONS)
    store = Store(store_folder)
    plans, locations, opened = _plans(requests, store)
    if title:
        out.print(title, markup=False)
    _print_sources(opened)
    done = {plan.run.key for plan in plans if not force and _is_done(store, plan)}
    outstanding = [plan for plan in plans if plan.run.key not in done]
    if dry_run:
        print_forecast(forecast(unique_nodes(plans), store), len(plans), len(done))
        return 0
    device = choose_device(device)
    for plan in outstanding:
        _write_plan(store, plan, locations[plan.nodes[0].key])
    nodes = unique_nodes(outstanding)
    _forget(store, nodes, force)
    failures = _compute(nodes, store, device)
    notes = {plan.run.key: tuple(opened[plan.run.dataset].source.notes) for plan in plans}
    records = [_settle(plan, store, failures, notes[plan.run.key], plan.run.key in done) for plan in plans]
    if predictions is not None:
        _save_predictions(plans, records, store, opened, predictions)
    _print_records(records)
    return _exit_code(records, failures)


def _plans(requests: Sequence[Request], store: Store) -> tuple[list[Plan], dict[str, dict], dict[str, Opened]]:
    """Plans without repetition, where each prepare stage finds its source, and the sources by dataset."""
    sources: dict[tuple, Opened] = {}
    plans: dict[str, Plan] = {}
    locations: dict[str, dict] = {}
    for request in requests:
        _, numbers, _ = settings_of(request)
        identity = (request.dataset, request.source, request.data_root, numbers.phantom_cases, numbers.size)
        if identity not in sources:
            sources[identity] = open_request(request, store.root / "fingerprints.json")
        opened = sources[identity]
        for run in resolve(request, opened):
            plan = plan_run(run, opened.cases, opened.options)
            plans.setdefault(run.key, plan)
            locations[plan.nodes[0].key] = {
                "source": request.source if opened.spec.kind == "folder" else opened.spec.kind,
                "data_root": str(request.data_root.absolute()) if request.data_root else None,
                "phantom_cases": numbers.phantom_cases,
                "allow_incomplete": request.allow_incomplete,
            }
    return list(plans.values()), locations, {identity[0]: opened for identity, opened in sources.items()}


def _print_sources(opened: dict[str, Opened]) -> None:
    for dataset, source in opened.items():
        out.print(f"{dataset}: {source.spec.title}, {len(source.cases)} cases ({source.spec.licence})", markup=False)
        for note in source.source.notes:
            out.print(f"  note: {note}", markup=False)


def _is_done(store: Store, plan: Plan) -> bool:
    record = store.record(plan.run.key)
    return record is not None and record.status == "done"


def _write_plan(store: Store, plan: Plan, location: dict) -> None:
    for node in plan.nodes:
        store.write_plan(node.key, {
            "stage": node.stage, "key": node.key, "version": node.version, "spec": node.spec, "inputs": node.inputs,
            "location": location if node.stage == "prepare" else {},
        })  # fmt: skip
    store.write_run(plan.run.key, {
        "key": plan.run.key, "spec": plan.run.model_dump(mode="json"),
        "stages": [{"stage": node.stage, "key": node.key} for node in plan.nodes],
    })  # fmt: skip


def _forget(store: Store, nodes: Iterable[Node], force: Sequence[str]) -> None:
    """Removes the forced stages and all that was made from them."""
    forgotten: set[str] = set()
    for node in nodes:
        if node.stage in force or forgotten & set(node.input_keys()):
            forgotten.add(node.key)
            store.remove(node.stage, node.key)


def _compute(nodes: list[Node], store: Store, device: str) -> dict:
    from benchmark.engines import inline

    todo = [node for node in nodes if not store.has(node.stage, node.key)]
    if not todo:
        return {}
    with StageProgress(len(todo)) as progress:
        return inline.run(nodes, store, device, progress.stage)


def _settle(plan: Plan, store: Store, failures: dict, notes: tuple[str, ...], done: bool) -> Record:
    """The run's record: read if it was done before, else made of its stages or its failure, and written."""
    if done:
        return store.record(plan.run.key)
    failure = next((failures[node.key] for node in plan.nodes if node.key in failures), None)
    record = failed(plan, failure.error) if failure else assemble(plan, store, notes)
    store.write_record(record)
    return record


def _save_predictions(plans: list[Plan], records: list[Record], store: Store, opened: dict[str, Opened], folder: Path) -> None:
    """Writes every test case's mask in its file's own geometry: FOLDER/<run key>/<case>.nii.gz or .png."""
    import numpy as np

    from benchmark.stages import read_predictions

    for plan, record in zip(plans, records, strict=True):
        if record.status != "done":
            continue
        predict = plan.last("predict")
        if not store.has("predict", predict.key):
            raise InputError(f"the predictions of run {record.key[:12]} are no longer in the store; add --force predict.")
        source = opened[plan.run.dataset].source
        target = folder / record.key[:12]
        target.mkdir(parents=True, exist_ok=True)
        for case, z, mask in read_predictions(store.folder("predict", predict.key)):
            full = np.zeros(source.load(case).mask.shape, np.uint8)
            full[z] = mask
            source.write_mask(case, full, target / case)
        out.print(f"predictions: {target}", markup=False)


def _print_records(records: list[Record]) -> None:
    from reports.tables import run_table

    tables: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in run_table(records):
        tables.setdefault((row["dataset"], row["source"], row["rules"], row["not comparable"]), []).append(row)
    for (dataset, source, rules, mismatch), rows in tables.items():
        columns = [name for name in _RESULT_COLUMNS if any(row[name] != "–" for row in rows)]
        lines = [rules] + ([f"The paper's values are not comparable: {mismatch}."] if mismatch else [])
        absent = {row["absent runs"] for row in rows} - {"–", ""}
        if len(absent) == 1 and len(rows) == sum(row["absent runs"] in absent for row in rows):
            lines.append(f"Of every method: {absent.pop()}.")
        else:
            lines += [f"{row['method']}: {row['absent runs']}." for row in rows if row["absent runs"] in absent]
        marked = [name if name == "method" else f"{name}>" for name in columns]
        print_table(f"{dataset}, {source}", marked, [[row[name] for name in columns] for row in rows], "\n".join(lines))
    for record in records:
        if record.status == "failed":
            spec = record.spec
            err.print(
                f"failed: {spec.dataset}, {spec.method.label}, fold {spec.fold}, seed {spec.seed}: {record.error}",
                markup=False,
            )


def _exit_code(records: list[Record], failures: dict) -> int:
    if all(record.status == "done" for record in records):
        return 0
    only_input = all(failure.caused_by_input for failure in failures.values())
    return 2 if only_input and all(record.status == "failed" for record in records) else 1


def run_stages(keys: Sequence[str], store_folder: Path, device: str) -> int:
    """Computes the stages called by key; inputs must be there."""
    from benchmark.stages import execute

    store, device = Store(store_folder), choose_device(device)
    for prefix in keys:
        node = store.find_plan(prefix)
        with StageProgress(1) as progress, progress.stage(Node(node["stage"], node["spec"], node["inputs"])) as report:
            if not execute(store, node["key"], device, report):
                out.print("already in the store", markup=False)
    return 0


def print_status(store_folder: Path) -> int:
    """One row per run that was ever asked for."""
    store = Store(store_folder)
    rows, counts = [], {"done": 0, "running": 0, "waiting": 0, "failed": 0}
    for run in store.runs():
        spec, state, detail = run["spec"], *_state(store, run)
        counts[state] += 1
        method = spec["method"]["name"] + (f" {spec['method']['transform']}" if spec["method"]["transform"] else "")
        rows.append((run["key"][:8], spec["dataset"], spec["source"]["title"], method, spec["fold"], spec["seed"], state, detail))
    if not rows:
        out.print(f"the store {store.root} holds no runs yet; start one with `python cli.py run`.", markup=False)
        return 0
    order = {"failed": 0, "running": 1, "waiting": 2, "done": 3}
    rows.sort(key=lambda row: (order[row[6]], *map(str, row[1:6])))
    print_table(f"runs in {store.root}", ("run", "dataset", "source", "method", "fold>", "seed>", "state", "stages"), rows)
    out.print(", ".join(f"{count} {state}" for state, count in counts.items()))
    return 0


def _state(store: Store, run: dict) -> tuple[str, str]:
    total = len(run["stages"])
    record = store.record(run["key"])
    if record is not None and record.status == "done":
        return "done", f"{total}/{total}, {duration(record.seconds)}"
    present = sum(store.has(stage["stage"], stage["key"]) for stage in run["stages"])
    for stage in run["stages"]:
        if store.has(stage["stage"], stage["key"]):
            continue
        if store.is_locked(stage["key"]):
            return "running", f"{present}/{total}, now {stage['stage']}"
        failure = store.failure(stage["key"])
        if failure:
            return "failed", f"{present}/{total}, {failure['stage']}: {failure['error']}"
    return "waiting", f"{present}/{total}"


def verify_store(store_folder: Path) -> int:
    """Recomputes checksums of all stages; a damaged stage is removed, so that the same command makes it again."""
    store = Store(store_folder)
    sound, damaged = 0, 0
    for stage, key in store.all_stages():
        found = store.damage(stage, key)
        sound += not found
        if found:
            damaged += 1
            store.remove(stage, key)
            err.print(f"damaged: {stage} {key[:12]}: {'; '.join(found)}; removed, run the same command again.", markup=False)
    wrong = _wrong_records(store)
    for line in wrong:
        err.print(line, markup=False)
    out.print(f"{sound} stages sound, {damaged} damaged, {len(wrong)} records in doubt", markup=False)
    return 1 if damaged or wrong else 0


def _wrong_records(store: Store) -> list[str]:
    """Records whose case rows are not those of their score stage."""
    found = []
    for run in store.runs():
        record = store.record(run["key"])
        score = run["stages"][-1]
        if record is None or record.status != "done" or not store.has("score", score["key"]):
            continue
        rows = json.loads((store.folder("score", score["key"]) / "cases.json").read_text(encoding="utf-8"))
        if rows != [row.model_dump(mode="json") for row in record.cases]:
            found.append(f"record {record.key[:12]}: its case rows differ from those of score {score['key'][:12]}.")
    return found


def write_report(store_folder: Path, folder: Path) -> int:
    """Builds the page and prints its path."""
    from reports.load import load_records
    from reports.page import build

    from baselines.generator import GeneratorSettings
    from benchmark.gallery import panels

    store = Store(store_folder)
    loaded = load_records([store.root / "records"])
    if not loaded.records:
        raise InputError(f"the store {store.root} holds no records yet; start a run with `python cli.py run`, then report.")
    pictures = panels(store, loaded.records, folder)
    page = build(loaded.records, loaded.problems, folder, pictures, GeneratorSettings().model_dump(mode="json"))
    for problem in loaded.problems:
        err.print(f"left out: {problem}", markup=False)
    out.print(f"report: {page}", markup=False)
    return 0


def print_crosswalk(prediction: Path, truth: Path, as_json: bool) -> None:
    """All metric definitions for one pair of masks."""
    from benchmark.crosswalk import crosswalk

    found = crosswalk(prediction, truth)
    for note in found.notes:
        err.print(f"note: {note}", markup=False)
    if as_json:
        json.dump(found.as_json(), sys.stdout, indent=1)
        print()
        return
    rows = [(name, f"{value:.6g}", unit, definition) for name, value, unit, definition in found.rows()]
    print_table(f"{prediction.name} against {truth.name}", ("metric", "value>", "unit", "definition"), rows)


def print_doctor(store_folder: Path) -> int:
    """What is installed and what this machine can do."""
    import torch

    from baselines.architectures import ARCHITECTURES, describe
    from benchmark.provenance import cpu_name, git_state, packages

    cuda = torch.cuda.is_available()
    git = git_state()
    rows = [
        ("python", sys.version.split()[0]), *packages().items(), ("cpu", cpu_name()), ("threads", torch.get_num_threads()),
        ("gpu", torch.cuda.get_device_name() if cuda else "none found"),
        ("commit", f"{git['commit'] or 'no git checkout'}{' (with changes)' if git['dirty'] else ''}"),
        ("default preset", default_preset("auto")), ("store", f"{store_folder} ({_store_state(store_folder)})"),
    ]  # fmt: skip
    print_table("doctor", ("what", "found"), rows)
    sizes = []
    for name in ARCHITECTURES:
        try:
            found = describe(name, 384)
            sizes.append((name, f"{found['parameters'] / 1e6:.2f} M", f"{found['gflops']:.1f}"))
        except InputError as error:
            sizes.append((name, "-", str(error)))
    print_table("architectures at 384 px, one slice", ("architecture", "parameters>", "GFLOPs>"), sizes)
    return 0


def _store_state(folder: Path) -> str:
    try:
        return f"writable, {sum(1 for _ in Store(folder).all_stages())} stages"
    except InputError as error:
        return str(error)


