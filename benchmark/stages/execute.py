"""Computes one stage: under its lock, measured, and committed whole.

Not here: what stages there are (catalogue.py), what their specs say (planning/plan.py).
"""

import random
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.identity import named_seed
from benchmark.core.progress import Report, silent
from benchmark.core.provenance import Meter, machine_name, provenance
from benchmark.stages.base import Context, Location
from benchmark.stages.catalogue import STAGES, Node
from benchmark.stages.execution import StageExecution
from benchmark.store.store import Store
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.curve_loggers import curve_folder, with_curves
from benchmark.training.determinism import deterministic
from benchmark.training.freed_memory import keep_freed_memory


def execute(
    store: Store, key: str, how: StageExecution, report: Report = silent, wait: bool = True
) -> bool:
    """Computes the stage whose plan the store holds under `key`, unless it is there. True if it was
    computed now.

    Every file of every input is checked against its sha256 before it is used. Raises DamagedStage
    for an input that was changed, StageBusy (without `wait`) where another process computes the
    stage, InputError where an input stage is missing, and whatever the stage raises.
    """
    plan = store.notes.find_plan(key)
    node, location = Node.from_json(plan), Location.model_validate(plan["location"])
    with store.locked(key, wait):
        if store.has(node.stage, key):
            return False
        inputs = {role: _input_folders(store, node, role) for role in node.inputs}
        checkpoint = Checkpoint(store.notes.partial(key))
        own = _own_file(node, location)

        def work(out: Path) -> dict[str, Any]:
            _seed_the_rest(key)
            keep_freed_memory()
            with (
                deterministic(how.deterministic),
                _curves(store, node, how, report, checkpoint) as told,
            ):
                context = Context(
                    how.device, told, location, checkpoint, not how.no_graphs, how.compile
                )
                with Meter(how.device) as meter:
                    results = STAGES[node.stage].run(node.spec, inputs, out, context) | own
                cost = meter.cost()
                if checkpoint.earlier_seconds:  # of an earlier attempt the energy is not known
                    cost["energy_joules"] = None
                cost["seconds"] = round(meter.seconds + checkpoint.earlier_seconds, 3)
                return node.as_json() | {
                    "results": results,
                    "cost": {**cost, "machine": machine_name(how.device)},
                    "provenance": provenance(how.device),
                }

        store.compute(node.stage, key, work)
        checkpoint.clear()
    return True


def _own_file(node: Node, location: Location) -> dict[str, str]:
    """Loads the user's own method that a stage needs; what the stage writes down about its file."""
    from baselines.generators.user_method import load_own

    if location.own is None:
        return {}
    loaded = load_own(location.own)
    if loaded.spec.reference != node.spec.method_class():
        raise InputError(
            f"{loaded.address} changed its name or version since the run was planned; run the same"
            f" command again."
        )
    return {"own_sha256": loaded.sha256}


def _curves(
    store: Store, node: Node, how: StageExecution, report: Report, checkpoint: Checkpoint
) -> AbstractContextManager[Report]:
    """A block that gives a Report, which also writes the curves of a training."""
    network = node.spec.network()
    if how.logger == "none" or not network:
        return nullcontext(report)
    folder = curve_folder(store.root, how.logger, node.stage, network, node.key)
    return with_curves(
        report, how.logger, folder, node.spec.model_dump(mode="json"), checkpoint.exists()
    )


def _seed_the_rest(key: str) -> None:
    """Gives the global generators, of which layers such as dropout draw, a state that follows from
    the stage alone."""
    import torch

    seed = named_seed(0, key)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _input_folders(store: Store, node: Node, role: str) -> Path | list[Path]:
    keys = node.inputs[role]
    for key in keys if isinstance(keys, list) else [keys]:
        if not store.has(role, key):
            raise InputError(
                f"stage {node.stage} {node.key[:12]} needs stage {role} {key[:12]} first;"
                f" compute that one."
            )
        store.check(role, key)
    if isinstance(keys, list):
        return [store.folder(role, key) for key in keys]
    return store.folder(role, keys)
