"""Finished stages -> the record of a run.

Everything in a record but its costs and provenance follows from the run's spec, so that two
machines write the same record. Not here: the schema (record.py).
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from benchmark.metrics.definitions import CaseRow
from benchmark.planning.plan import Plan
from benchmark.planning.substitutions import substitutions
from benchmark.record.curves import read_curves
from benchmark.record.record import Budget, Record, StageCost
from benchmark.record.record import Split as RecordSplit
from benchmark.record.samples import Samples
from benchmark.results.reference_steps import told_in_record
from benchmark.stages.audit import read_audit
from benchmark.stages.features import read_features
from benchmark.stages.fit_generator import FitGeneratorSpec
from benchmark.stages.leaks import refuse_leaks
from benchmark.store.store import Store


def assemble(plan: Plan, store: Store, notes: tuple[str, ...] = ()) -> Record:
    """The record of a run whose stages are all computed.

    Raises InputError on a leak: a generator saw a test case; DamagedStage where scores or a
    manifest were changed.
    """
    manifests = {node.key: store.manifest(node.stage, node.key) for node in plan.nodes}
    score = plan.node("score")
    store.check("score", score.key)
    rows = json.loads((store.folder("score", score.key) / "cases.json").read_text(encoding="utf-8"))
    fitted = manifests[plan.node("fit-segmenter").key]["results"]
    generator = plan.spec_of(FitGeneratorSpec)
    machines = [manifest["cost"]["machine"] for manifest in manifests.values()]
    refuse_leaks(
        (store.folder(node.stage, node.key) for node in plan.nodes if node.stage == "synthesize"),
        plan.split.test,
    )
    return Record(
        key=plan.run.key,
        status="done",
        spec=plan.run,
        cases=tuple(CaseRow.model_validate(row) for row in rows),
        split=_split(plan, generator.cases if generator else ()),
        copies=plan.copies,
        budget=Budget(
            optimiser_steps=fitted["steps"],
            real_presentations=fitted["presented"]["real"],
            synthetic_presentations=fitted["presented"]["synthetic"],
        ),
        seeds=plan.run.seeds,
        stages=tuple(
            cost_of(
                manifests[node.key],
                store.folder(node.stage, node.key),
                "audit" if node.key in plan.audit_only else "run",
            )
            for node in plan.nodes
        ),
        notes=(
            *notes,
            *manifests[plan.nodes[0].key]["results"]["notes"],
            *_shortage_notes(manifests.values()),
            *_graph_notes(manifests.values()),
            *_compile_notes(manifests.values()),
            *_case_notes(rows),
            *_code_notes(manifests.values()),
        ),
        substitutions=substitutions(plan.run),
        provenance=manifests[score.key]["provenance"] | told_in_record(store.root, machines),
        samples=_samples(plan, store),
    )


def failed(plan: Plan, error: str) -> Record:
    """The record of a run of which a stage failed: a row of the report, with its reason."""
    return Record(
        key=plan.run.key,
        status="failed",
        error=error,
        spec=plan.run,
        split=_split(plan, ()),
        copies=plan.copies,
        substitutions=substitutions(plan.run),
    )


def _split(plan: Plan, seen: tuple[str, ...]) -> RecordSplit:
    parts = plan.split
    return RecordSplit(
        hash=parts.hash,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        generator=seen,
    )


def _samples(plan: Plan, store: Store) -> Samples | None:
    judged = plan.last("audit")
    if judged is None:
        return None
    store.check("audit", judged.key)
    samples = read_audit(store.folder("audit", judged.key))
    measured = plan.last("features")
    if measured is None:
        return samples
    store.check("features", measured.key)
    found = read_features(store.folder("features", measured.key))
    return samples.model_copy(update={"standard": found})


def cost_of(manifest: dict, folder: Path, purpose: Literal["run", "audit"]) -> StageCost:
    cost = manifest["cost"]
    return StageCost(
        stage=manifest["stage"],
        key=manifest["key"],
        version=manifest["version"],
        seconds=cost["seconds"],
        peak_memory_mb=cost["peak_memory_mb"],
        gpu_memory_mb=cost["gpu_memory_mb"],
        energy_joules=cost.get("energy_joules"),  # which older stages do not tell
        machine=cost["machine"],
        purpose=purpose,
        deterministic=manifest["provenance"].get("deterministic", False),
        results=manifest["results"],
        curve=read_curves(folder / "curve.csv"),
    )


def _shortage_notes(manifests: Iterable[dict]) -> tuple[str, ...]:
    """Which trainings ran short of memory, and what that changes."""
    notes = []
    for manifest in manifests:
        lowered = manifest["results"].get("micro_batch")
        if lowered:
            batch = (
                "batch statistics were those of the parts"
                if lowered["batch_statistics"]
                else "equal up to rounding"
            )
            notes.append(
                f"Memory ran out in {manifest['stage']}: from step {lowered['since_step'] + 1} on,"
                f" batches of"
                f" {lowered['batch']} went through the network {lowered['size']} at a time, with"
                f" the draws, the merging and"
                f" the loss of the whole batch ({batch})."
            )
    return tuple(notes)


def _graph_notes(manifests: Iterable[dict]) -> tuple[str, ...]:
    """Which trainings could not be recorded as CUDA graphs, as they should have been."""
    return tuple(
        f"The training step of {manifest['stage']} could not be recorded as one CUDA graph"
        f" ({told['reason']}); its kernels were launched one by one."
        for manifest in manifests
        if (told := manifest["results"].get("graphs")) and told["how"] == "fallen back"
    )


def _compile_notes(manifests: Iterable[dict]) -> tuple[str, ...]:
    """Which trainings ran compiled, and so differ in their last digits from others."""
    stages = [one["stage"] for one in manifests if one["results"].get("compiled")]
    if not stages:
        return ()
    named = " and ".join(dict.fromkeys(stages))
    return (f"The networks of {named} were compiled (--compile), which moves results by rounding.",)


def _code_notes(manifests: Iterable[dict]) -> tuple[str, ...]:
    """Whether the file of the user's own method was another one for some of the stages."""
    codes = dict.fromkeys(
        manifest["results"]["own_sha256"][:12]
        for manifest in manifests
        if manifest["results"].get("own_sha256")
    )
    if len(codes) < 2:
        return ()
    return (
        f"The file of the own method was changed while the run was computed: its stages were made"
        f" by {len(codes)} codes (sha256 {', '.join(codes)}).",
    )


def _case_notes(rows: list[dict]) -> tuple[str, ...]:
    """What a reader of the numbers must know about single cases."""
    notes = []
    missed = [row["case"] for row in rows if row["missed"]]
    if missed:
        notes.append(
            f"{len(missed)} of {len(rows)} test cases were missed altogether: {', '.join(missed)}."
        )
    return tuple(notes)
