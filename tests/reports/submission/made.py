"""A tiny store of real form for the tests of submissions: breast phantoms of 64 px, true masks
shifted by a pixel.

Settings, splits, stage keys, masks and rows are those of the program's own code; only the training
is left out.
"""

from functools import cache
from math import ceil
from pathlib import Path

import numpy as np

from benchmark.commands.leaderboard import KNOWN_STAGES
from benchmark.core.files import write_json
from benchmark.core.identity import named_seed
from benchmark.metrics.scoring import score_case
from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run
from benchmark.planning.request import Opened, open_request, resolve
from benchmark.planning.settings import settle
from benchmark.planning.substitutions import substitutions
from benchmark.record.record import Budget, Record, Split, StageCost
from benchmark.spec.run import RunSpec
from benchmark.store.store import Store
from reports.submission.reference_data import Library
from reports.submission.validate import Checked, validate

SETS = ("phantom_cases=6", "n_folds=2", "epochs=1", "ratio=1", "patch_size=16")


def asked(method: str, fold: int = 0, seed: int = 0, sets: tuple[str, ...] = ()) -> Request:
    return Request(
        dataset="breast",
        method=method,
        source="phantom",
        architecture="unet",
        folds=(fold,),
        seeds=(seed,),
        sets=SETS + sets,
    )


@cache
def opened() -> Opened:
    return open_request(settle(asked("none")))


def tiny_spec(method: str = "none", fold: int = 0, seed: int = 0, *sets: str) -> RunSpec:
    (spec,) = resolve(settle(asked(method, fold, seed, sets)), opened())
    return spec


def write_run(store: Store, spec: RunSpec) -> Record:
    """Writes the record of a run and its predict stage into a store."""
    plan, source = plan_run(spec, opened().cases, opened().options), opened().source
    rows, masks = [], []
    for number, case_id in enumerate(plan.split.test):
        case = source.load(case_id)
        masks.append(np.roll(case.mask, 1 + spec.seed, axis=1 + number % 2))
        rows.append(
            score_case(
                case_id,
                masks[-1],
                [0],
                case.mask,
                case.spacing,
                case.spacing_unit,
                empty_mask=spec.protocol.empty_mask,
                resize_z=False,
                nsd_tolerance=spec.preset.nsd_tolerance,
            )
        )

    def work(folder: Path) -> dict:
        (folder / "predictions").mkdir()
        for number, mask in enumerate(masks):
            np.save(folder / "predictions" / f"{number}.npy", np.packbits(mask))
        index = [
            {"case": case, "z": [0], "shape": list(mask.shape)}
            for case, mask in zip(plan.split.test, masks, strict=True)
        ]
        write_json(folder / "index.json", index)
        return {"version": 1, "spec": {}, "inputs": {}, "results": {}, "cost": {}, "provenance": {}}

    predict = plan.last("predict").key
    with store.locked(predict):
        store.compute("predict", predict, work)
    generator = plan.last("fit-generator")
    slices = len(plan.split.train)  # breast: one of each case
    presented = {"real": slices, "synthetic": slices * (generator is not None)}
    steps = ceil(slices / spec.preset.batch_size)
    record = Record(
        key=spec.key,
        status="done",
        spec=spec,
        cases=tuple(rows),
        split=Split(
            hash=plan.split.hash,
            train=plan.split.train,
            validation=plan.split.validation,
            test=plan.split.test,
            generator=generator.spec.cases if generator else (),
        ),
        budget=Budget(
            optimiser_steps=steps,
            real_presentations=slices,
            synthetic_presentations=presented["synthetic"],
        ),
        seeds={
            "split": spec.preset.split_seed,
            "generator": named_seed(spec.seed, "generator"),
            "weights": named_seed(spec.seed, "segmenter", "weights"),
            "order": named_seed(spec.seed, "segmenter", "order"),
            "step": named_seed(spec.seed, "segmenter", "step"),
        },
        stages=tuple(
            StageCost(
                stage=node.stage,
                key=node.key,
                version=node.version,
                seconds=1.0,
                peak_memory_mb=100.0,
                machine="a machine",
                results={"steps": steps, "presented": presented, "slices": slices}
                if node.stage == "fit-segmenter"
                else {},
            )
            for node in plan.nodes
        ),
        notes=("Opened /home/somebody/data/Dataset_BUSI_with_GT for this.",),
        substitutions=substitutions(spec),
        provenance={"git": {"commit": "a" * 40, "dirty": False}, "python": "3.11"},
    )
    store.notes.write_record(record)
    return record


def tiny_store(
    folder: Path, methods: tuple[str, ...] = ("none", "emitdiff"), folds: tuple[int, ...] = (0, 1)
) -> Store:
    """Runs of these methods and folds."""
    store = Store(folder)
    for method in methods:
        for fold in folds:
            write_run(store, tiny_spec(method, fold))
    return store


def check(file: Path, library: Library | None = None) -> Checked:
    return validate(file, library or Library(), KNOWN_STAGES)


def put(*path, to):
    """A change of a record's JSON: the value at this place."""

    def change(record):
        for part in path[:-1]:
            record = record[part]
        record[path[-1]] = to

    return change
