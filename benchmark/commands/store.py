"""What the commands about a store do: status, stage, verify, gc. cli.py parses; each function
returns the exit code. Not here: computing runs (run.py), drawing (console.py)."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.files import read_json
from benchmark.core.texts import some
from benchmark.spec.method import MethodSpec
from benchmark.stages.catalogue import Node
from benchmark.stages.execution import StageExecution
from benchmark.store.garbage import remove, unneeded
from benchmark.store.store import DamagedStage, Store
from benchmark.terminal.console import duration, err, out, print_table, size
from benchmark.terminal.live import StageProgress

if TYPE_CHECKING:
    from benchmark.engines.attempt import Outcome

SHOWN_RUNS = 60  # a longer list is summed up, unless asked for
_STATES = ("failed", "running", "waiting", "done")  # in the order of the table
_ABOUT = ("dataset", "source", "method", "architecture", "fold>", "seed>")
SHOWN_KEYS = 6


def run_stages(
    keys: Sequence[str],
    store_folder: Path,
    how: StageExecution,
    as_json: bool = False,
    wait: bool = True,
) -> ExitCode:
    """Computes the stages called by key; inputs must be there. With `as_json` one line each says
    the outcome, and the first stage that is not there afterwards is the last one."""
    from benchmark.core.progress import silent
    from benchmark.engines.attempt import attempt

    store, how = Store(store_folder), how.here()
    code = ExitCode.DONE
    for node in [Node.from_json(store.notes.find_plan(prefix)) for prefix in keys]:
        if as_json:
            outcome = attempt(store, node.stage, node.key, how, silent, wait)
            print(json.dumps({"outcome": outcome.as_dict()}), flush=True)
        else:
            with StageProgress(1) as progress, progress.stage(node) as report:
                outcome = attempt(store, node.stage, node.key, how, report, wait)
            _print_outcome(node, outcome)
        if outcome.kind not in ("computed", "present"):
            code = ExitCode.FAILED
            if as_json:
                break
    return code


def _print_outcome(node: Node, outcome: "Outcome") -> None:
    if outcome.by_input:
        raise InputError(outcome.error)
    title = f"{node.stage} {node.key[:12]}"
    if outcome.kind == "present":
        out.print("already in the store")
    elif outcome.kind == "busy":
        out.print(f"{title}: another process computes it")
    elif outcome.damaged:
        err.print(f"{outcome.error}; it was removed: compute stage {outcome.damaged[1]} again.")
    elif outcome.kind == "failed":
        err.print(f"failed: {title}: {outcome.error}\n{outcome.trace}")


@dataclass(frozen=True)
class _RunState:
    """A run as `status` shows it. about: dataset, source, method, architecture, fold, seed; detail:
    why, or how far."""

    key: str
    about: tuple[object, ...]
    state: str
    stages: str
    detail: str = ""


def print_status(store_folder: Path, everything: bool = False) -> ExitCode:
    """One row per run that was ever asked for; of a long list the failed and running ones, and a
    summary."""
    store = Store(store_folder, write=False)
    failures = store.notes.failures()
    runs = [_run_state(store, run, failures) for run in store.notes.runs()]
    if not runs:
        out.print(f"the store {store.root} holds no runs yet; start one with `python cli.py run`.")
        return ExitCode.DONE
    runs.sort(key=lambda run: (_STATES.index(run.state), *map(str, run.about)))
    counts = Counter(run.state for run in runs)
    shown = runs
    if len(runs) > SHOWN_RUNS and not everything:
        groups = Counter((*run.about[:3], run.state) for run in runs)
        summary = [(*group, number) for group, number in groups.items()]
        print_table(
            f"runs in {store.root}", ("dataset", "source", "method", "state", "runs>"), summary
        )
        shown = [run for run in runs if run.state in ("failed", "running")][:SHOWN_RUNS]
    if shown:
        _print_runs(shown, str(store.root))
    if len(shown) < len(runs):
        out.print(f"{len(shown)} of {len(runs)} runs listed; all of them with --all.")
    out.print(
        ", ".join(f"{counts[state]} {state}" for state in ("done", "running", "waiting", "failed"))
    )
    return ExitCode.DONE


def _print_runs(runs: Sequence[_RunState], root: str) -> None:
    """A table of what differs between the runs, and below it, once each, what their stages say."""
    columns = list(zip(*(run.about for run in runs), strict=True))
    same = [
        str(values[0])
        for values, name in zip(columns, _ABOUT, strict=True)
        if _is_common(values, name)
    ]
    kept = [place for place, name in enumerate(_ABOUT) if not _is_common(columns[place], name)]
    rows = [
        (run.key[:8], *(run.about[place] for place in kept), run.state, run.stages) for run in runs
    ]
    title = f"runs in {root}" + (f": {', '.join(same)}" if same else "")
    print_table(title, ("run", *(_ABOUT[place] for place in kept), "state", "stages"), rows)
    details: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.detail:
            details.setdefault((run.state, run.detail), []).append(run.key[:8])
    for (state, detail), keys in details.items():
        which = "run" if len(keys) == 1 else "runs"
        out.print(f"{state}: {detail} ({which} {some(keys, SHOWN_KEYS)})")


def _is_common(values: Sequence[object], name: str) -> bool:
    return name in ("dataset", "source", "architecture") and len(set(values)) == 1


def _run_state(store: Store, run: dict[str, Any], failures: dict[str, dict]) -> _RunState:
    spec = run["spec"]
    named = (
        spec["dataset"],
        spec["source"]["title"],
        _method_label(spec["method"]),
        spec["architecture"],
    )
    about = (*named, spec["fold"], spec["seed"])
    return _RunState(run["key"], about, *_state(store, run, failures))


def _method_label(method: dict[str, Any]) -> str:
    """As tables have it; the bare name where an older program wrote settings that this one does not
    know."""
    try:
        return MethodSpec.model_validate(method).label
    except ValidationError:
        return method["name"]


def _state(store: Store, run: dict[str, Any], failures: dict[str, dict]) -> tuple[str, str, str]:
    """(state, stages that are there and how long they took, what the stage at work or the failed
    one says)."""
    stages = run["stages"]
    total = len(stages)
    record = _plain_record(store, run["key"])
    queued = [stage for stage in stages if stage["key"] in failures]
    if record is not None and record["status"] == "done" and not queued:
        return (
            "done",
            f"{total}/{total}, {duration(sum(stage['seconds'] for stage in record['stages']))}",
            "",
        )
    missing = [stage for stage in stages if not store.has(stage["stage"], stage["key"])]
    progress = f"{total - len(missing)}/{total}"
    for stage in missing:
        if store.is_locked(stage["key"]):
            return "running", progress, f"{_short(stage)}{_how_far(store, stage['key'])}"
    for stage in missing:
        if failure := failures.get(stage["key"]):
            state = "waiting" if failure.get("requeued") else "failed"
            return (
                state,
                progress,
                failure["error"] if state == "waiting" else f"{_short(stage)}: {failure['error']}",
            )
    return "waiting", progress, ""


def _short(stage: dict[str, str]) -> str:
    return f"{stage['stage']} {stage['key'][:8]}"


def _how_far(store: Store, key: str) -> str:
    """' 40/112, loss 0.801', as the running stage noted it last; '' before its first note."""
    found = store.notes.progress(key)
    if found is None:
        return ""
    numbers = "".join(f", {name} {value:.3f}" for name, value in found["numbers"].items())
    return f" {found['done']}/{found['total']}{numbers}"


def _plain_record(store: Store, key: str) -> dict[str, Any] | None:
    try:
        return read_json(store.notes.record_path(key))
    except (FileNotFoundError, ValueError):
        return None


def verify_store(store_folder: Path) -> ExitCode:
    """Recomputes the checksums of all stages; damaged ones are removed and computed again by the
    next run that needs them."""
    store = Store(store_folder, write=False)
    sound, damaged = 0, []
    for stage, key in store.all_stages():
        try:
            store.check(stage, key)
            sound += 1
        except DamagedStage as error:
            damaged.append(error)
    wrong = _wrong_records(store)
    for damage in damaged:
        err.print(f"damaged: {damage}; the same `run` or `suite` computes it again.")
    for line in wrong:
        err.print(line)
    if damaged:
        store = Store(store_folder)
        for damage in damaged:
            store.requeue(damage)
    out.print(f"{sound} stages sound, {len(damaged)} damaged, {len(wrong)} records in doubt")
    return ExitCode.FAILED if damaged or wrong else ExitCode.DONE


def _wrong_records(store: Store) -> list[str]:
    """Records that cannot be read, or whose case rows are not those of their score stage."""
    found = []
    for run in store.notes.runs():
        score = run["stages"][-1]
        record = store.notes.record(run["key"])
        if record is None and store.notes.record_path(run["key"]).exists():
            found.append(
                f"record {run['key'][:12]}: not readable; the same `run` or `suite` makes it again"
                f" of its stages."
            )
        if record is None or record.status != "done" or not store.has("score", score["key"]):
            continue
        try:
            rows = json.loads(
                (store.folder("score", score["key"]) / "cases.json").read_text(encoding="utf-8")
            )
        except (ValueError, FileNotFoundError):
            continue  # a damaged stage, which has been said
        if rows != [row.model_dump(mode="json") for row in record.cases]:
            found.append(
                f"record {record.key[:12]}: its case rows differ from those of score"
                f" {score['key'][:12]}."
            )
    return found


def collect_garbage(store_folder: Path, delete: bool) -> ExitCode:
    """Lists what no run needs, with its size; removes it with `delete`."""
    store = Store(store_folder)
    items = unneeded(store)
    sums: dict[str, list[int]] = {}
    for item in items:
        sums.setdefault(item.what, []).append(item.bytes)
    if not items:
        out.print(f"the store {store.root} holds nothing that no run needs.")
        return ExitCode.DONE
    rows = [(what, len(found), size(sum(found))) for what, found in sums.items()]
    print_table(f"needed by no run in {store.root}", ("what", "number>", "size>"), rows)
    if not delete:
        out.print(
            "nothing was removed; --delete removes it. To drop a run, delete its file in runs/ and"
            " in records/ first."
        )
        return ExitCode.DONE
    count, freed = remove(store, items)
    out.print(f"removed {count} of {len(items)}, {size(freed)} freed")
    return ExitCode.DONE
