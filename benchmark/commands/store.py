"""What the commands about a store do: status, stage, gc. cli.py parses; each function
returns the exit code. Not here: computing runs (run.py), verify
(store_check.py), drawing (console.py)."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.texts import some
from benchmark.spec.method import MethodSpec
from benchmark.stages.catalogue import Node
from benchmark.stages.execution import StageExecution
from benchmark.store.garbage import remove, unknown, unneeded
from benchmark.store.store import Store
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
    store = existing(store_folder)
    failures = store.notes.failures()
    notes = {run["key"]: run for run in (*store.notes.recorded(), *store.notes.runs())}
    runs = [_run_state(store, run, failures) for run in notes.values() if _is_shown(run)]
    _say_damaged(store.notes.damaged())
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


def existing(folder: Path) -> Store:
    """The store, to be read. Raises InputError where there is none."""
    try:
        there = folder.is_dir()
    except OSError as error:  # such as a name that is too long
        raise InputError(f"there is no store {str(folder)[:100]} ({error.strerror}).") from error
    if not there:
        raise InputError(f"there is no store {folder}; give its folder by --store.")
    return Store(folder, write=False)


def _say_damaged(paths: Sequence[Path]) -> None:
    for path in paths:
        err.print(
            f"damaged: {path.parent.name}/{path.name} is left out; the same `run` or `suite` writes"
            " it again."
        )


def _is_shown(run: dict[str, Any]) -> bool:
    """Whether its spec, which another program may have written, says what a row shows."""
    spec = run.get("spec")
    if not isinstance(spec, dict):
        return False
    source, method = spec.get("source"), spec.get("method")
    if not isinstance(source, dict) or not isinstance(method, dict):
        return False
    texts = (spec.get("dataset"), spec.get("architecture"), source.get("title"), method.get("name"))
    numbers = spec.get("fold"), spec.get("seed")
    return all(isinstance(text, str) for text in texts) and all(
        isinstance(number, int) for number in numbers
    )


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
    record = store.notes.plain_record(run["key"])
    queued = [stage for stage in stages if stage["key"] in failures]
    if record is not None and record.get("status") == "done" and not queued:
        told = [stage.get("seconds") for stage in record["stages"]]
        seconds = sum(number for number in told if isinstance(number, int | float))
        return "done", f"{total}/{total}, {duration(seconds)}", ""
    if not stages and record is not None:  # a record alone
        return "failed", "", str(record.get("error") or "")
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
    if found is None or not {"done", "total", "numbers"} <= found.keys():
        return ""
    numbers = "".join(f", {name} {value:.3f}" for name, value in found["numbers"].items())
    return f" {found['done']}/{found['total']}{numbers}"


def collect_garbage(store_folder: Path, delete: bool) -> ExitCode:
    """Lists what no run needs, with its size; removes it with `delete`."""
    store = existing(store_folder)
    if delete:
        store = Store(store_folder)
        with store.noting():
            return _collect(store, delete)
    return _collect(store, delete)


def _collect(store: Store, delete: bool) -> ExitCode:
    _say_damaged(store.notes.damaged())
    lost = unknown(store)
    if lost and delete:
        names = some([f"{path.parent.name}/{path.name}" for path in lost])
        raise InputError(
            f"nothing was removed: what the damaged {names} needs is not known; run the same `run`"
            " or `suite` again, or delete the file first."
        )
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
