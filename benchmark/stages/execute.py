"""The stages: each reads the folders of its inputs and writes its own.

A stage function takes (spec, inputs, out, context) and returns the numbers it wants in its
manifest. `execute` runs one under its lock, measures it and commits it. Versions are in
versions.py; specs are made by plan.py.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.identity import named_seed
from benchmark.core.progress import Report, silent
from benchmark.core.provenance import Meter, machine_name, provenance
from benchmark.stages.audit import audit
from benchmark.stages.carry_over import Kept
from benchmark.stages.context import Context, Inputs
from benchmark.stages.execution import StageExecution
from benchmark.stages.fit_generator import fit_generator
from benchmark.stages.fit_segmenter import fit_segmenter
from benchmark.stages.predict import predict
from benchmark.stages.prepare import prepare
from benchmark.stages.pretrain import pretrain
from benchmark.stages.score import score
from benchmark.stages.synthesize import synthesize
from benchmark.store.store import Store
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.curve_loggers import TRAININGS, curve_folder, with_curves
from benchmark.training.determinism import deterministic
from benchmark.training.freed_memory import keep_freed_memory

STAGES: dict[str, Callable[[dict, Inputs, Path, Context], dict[str, Any]]] = {
    "prepare": prepare,
    "pretrain": pretrain,
    "fit-generator": fit_generator,
    "synthesize": synthesize,
    "audit": audit,
    "fit-segmenter": fit_segmenter,
    "predict": predict,
    "score": score,
}


def execute(
    store: Store,
    key: str,
    how: StageExecution,
    report: Report = silent,
    wait: bool = True,
    kept: Kept | None = None,
    following: Sequence[str] = (),
) -> bool:
    """Computes the stage whose plan the store holds under `key`, unless it is there. True if it was
    computed now.

    Every file of every input is checked against its sha256 before it is used. `following`: keys of
    the stages that this process computes next, for which it keeps (`kept`) what they can share.
    Raises DamagedStage for an input that was changed, StageBusy (without `wait`) where another
    process computes the stage, InputError where an input stage is missing, and whatever the stage
    raises.
    """
    node = store.notes.find_plan(key)
    stage = node["stage"]
    kept = Kept() if kept is None else kept
    kept.begin(key, following)
    with store.locked(key, wait):
        if store.has(stage, key):
            kept.end()
            return False
        inputs = {role: _input_folders(store, node, role) for role in node["inputs"]}
        checkpoint = Checkpoint(store.notes.partial(key))
        own = _own_file(node)
        # A batch of another make-up may differ in the last bits.
        mixed = (store.notes.find_plan(other) for other in (() if how.deterministic else following))

        def work(out: Path) -> dict[str, Any]:
            _seed_the_rest(key)
            keep_freed_memory()
            with (
                deterministic(how.deterministic),
                _curves(store, node, how, report, checkpoint) as told,
            ):
                context = Context(how.device, told, node["location"], checkpoint, key, mixed, kept)
                with Meter(how.device) as meter:
                    results = STAGES[stage](node["spec"], inputs, out, context) | own
                cost = meter.cost()
                cost["seconds"] = round(cost["seconds"] + checkpoint.earlier_seconds, 3)
                return {
                    "version": node["version"],
                    "spec": node["spec"],
                    "inputs": node["inputs"],
                    "results": results,
                    "cost": {**cost, "machine": machine_name(how.device)},
                    "provenance": provenance(how.device),
                }

        try:
            store.compute(stage, key, work)
        except BaseException:
            kept.clear()
            raise
        checkpoint.clear()
        kept.end()
    return True


def _own_file(node: dict[str, Any]) -> dict[str, str]:
    """Loads the user's own method that a stage needs; what the stage writes down about its file."""
    from baselines.generators.user_method import load_own

    if "own" not in node["location"]:
        return {}
    loaded = load_own(node["location"]["own"])
    if loaded.spec.reference not in (node["spec"].get("generator"), node["spec"].get("transform")):
        raise InputError(
            f"{loaded.address} changed its name or version since the run was planned; run the same"
            f" command again."
        )
    return {"own_sha256": loaded.sha256}


def _curves(
    store: Store, node: dict[str, Any], how: StageExecution, report: Report, checkpoint: Checkpoint
):
    """A block that gives a Report, which also writes the curves of a training."""
    if how.logger == "none" or node["stage"] not in TRAININGS:
        return nullcontext(report)
    folder = curve_folder(store.root, how.logger, node["stage"], node["spec"], node["key"])
    return with_curves(report, how.logger, folder, node["spec"], checkpoint.exists())


def _seed_the_rest(key: str) -> None:
    """Gives the global generators, of which layers such as dropout draw, a state that follows from
    the stage alone."""
    import torch

    seed = named_seed(0, key)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _input_folders(store: Store, node: dict[str, Any], role: str) -> Path | list[Path]:
    keys = node["inputs"][role]
    for key in keys if isinstance(keys, list) else [keys]:
        if not store.has(role, key):
            raise InputError(
                f"stage {node['stage']} {node['key'][:12]} needs stage {role} {key[:12]} first;"
                f" compute that one."
            )
        store.check(role, key)
    if isinstance(keys, list):
        return [store.folder(role, key) for key in keys]
    return store.folder(role, keys)
