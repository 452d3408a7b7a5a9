"""What a record tells of its stages: costs, curves, repeats, the audit of its samples, and what its
segmenter was shown. Most of it is taken as it is told; here is what cannot be. Not here: keys
(checks.py), settings (consistency.py)."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from benchmark.record.curves import POINTS, SHOWN
from benchmark.record.record import Budget, Record, Split, StageCost
from reports.submission.findings import Findings
from reports.submission.same_run import title

MAX_SECONDS, MAX_MEMORY_MB = 1e8, 1e8  # three years; 100 TB
MAX_REPEATS = 100
MAX_TOLD = 2_000  # values that the stages and the machine tell, beside those that are checked
MAX_JOULES = 1e11  # a kilowatt for three years
MAX_SLICES = 5_000  # of one case
_TRAININGS = ("fit-generator", "fit-segmenter")


def impossible_costs(record: Record) -> Iterator[str]:
    """Costs, curves and free values that no run has."""
    for stage in record.stages:
        costs = (stage.seconds, stage.peak_memory_mb, stage.gpu_memory_mb)
        if min(costs) < 0:
            yield f"its stage {stage.stage} cost less than nothing"
        elif (
            costs[0] > MAX_SECONDS
            or max(costs[1:]) > MAX_MEMORY_MB
            or (stage.energy_joules or 0) > MAX_JOULES
        ):
            yield f"its stage {stage.stage} cost more than any machine has"
        elif stage.stage in _TRAININGS and not stage.seconds:
            yield f"its stage {stage.stage} is a training that took no time"
        if not {*stage.curve} <= {*SHOWN} or any(
            len(pairs) > POINTS for pairs in stage.curve.values()
        ):
            yield f"its stage {stage.stage} has a curve that no training writes"
    told = values_in(record.provenance) + sum(values_in(stage.results) for stage in record.stages)
    if told > MAX_TOLD:
        yield f"its stages and its machine tell {told} values; at most {MAX_TOLD} are read"


def values_in(value: Any) -> int:
    """Numbers and texts in a value, however they are nested, and the lists that hold them."""
    if isinstance(value, dict):
        return 1 + sum(map(values_in, value.values()))
    return 1 + sum(map(values_in, value)) if isinstance(value, list) else 1


def impossible_repeats(record: Record) -> Iterator[str]:
    if len(record.repeats) > MAX_REPEATS:
        yield f"it has {len(record.repeats)} repeats; at most {MAX_REPEATS} are read"
        return
    for repeat in record.repeats:
        if len(repeat.dice) != len(record.cases) or not all(0 <= dice <= 1 for dice in repeat.dice):
            yield "one of its repeats has not one Dice between 0 and 1 per case"


def impossible_budget(record: Record, budget: Budget, split: Split) -> Iterator[str]:
    """The counts of the segmenter's training, against the spec and the number of its slices.

    An epoch presents every real slice once, or under pairing=all once with each of its variants.
    """
    fitted = [one.results for one in record.stages if _trains_segmenter(one)]
    told = {
        "steps": budget.optimiser_steps,
        "presented": {
            "real": budget.real_presentations,
            "synthetic": budget.synthetic_presentations,
        },
    }
    if len(fitted) != 1 or any(fitted[0].get(name) != value for name, value in told.items()):
        yield "its budget is not what its stage fit-segmenter counted"
        return
    spec, slices = record.spec, fitted[0].get("slices", 0)
    least = len(split.train) if spec.protocol.slices == "all" else 1
    if not least <= slices <= MAX_SLICES * len(split.train):
        yield f"its segmenter was trained on {slices} slices of {len(split.train)} cases"
        return
    samples = spec.method.ratio if spec.method.generates else 0
    items = slices * (samples if samples and spec.protocol.pairing == "all" else 1)
    epochs = spec.preset.epochs + spec.method.further_epochs
    shown = items * epochs
    real, synthetic = shown, shown if samples else 0
    if samples and (alone := spec.method.synthetic_epochs(epochs)):
        real, synthetic = shown - items * alone, items * alone
    expected = Budget(
        optimiser_steps=math.ceil(items / spec.preset.batch_size) * epochs,
        real_presentations=real,
        synthetic_presentations=synthetic,
    )
    if budget != expected:
        yield (
            f"its budget is not the one of {epochs} epochs of {slices} slices, which is"
            f" {expected.optimiser_steps} steps"
        )
    if fitted[0].get("selected_epoch", 0) > epochs:
        yield "its checkpoint is of an epoch that its training does not have"


def _trains_segmenter(stage: StageCost) -> bool:
    return stage.stage == "fit-segmenter" and stage.purpose == "run"


def impossible_audit(record: Record, split: Split) -> Iterator[str]:
    """An audit of samples where there are none, or of others; filter counts without a filter."""
    method, samples = record.spec.method, record.samples
    makes = bool(method.generates and method.ratio)
    filtered = method.minimum_agreement is not None
    if record.spec.audit and not makes:
        yield "it asks for an audit of samples and makes none"
    if (samples is not None) != (makes and (bool(record.spec.audit) or filtered)):
        yield "it holds an audit of samples that was not asked for, or lacks one that was"
    counted = any("offered" in one.results for one in record.stages if _trains_segmenter(one))
    if counted != (makes and filtered):
        yield "it counts filtered samples without a filter, or filters and does not count them"
    if samples is None:
        return
    judges = {one.key for one in record.stages if one.stage == "fit-segmenter"}
    if samples.segmenter not in judges:
        yield "the segmenter that judged its samples is none of its stages"
    if (samples.variants, samples.paired) != (method.ratio, method.brings_masks) or (
        samples.generator not in (method.reference, method.kind)
    ):
        yield "its audit is of samples of another method"
    if (samples.standard is not None) != isinstance(record.spec.audit, str):
        yield "it holds distances in standard features that were not asked for, or lacks them"
    cases = {"training": {*split.train}, "held-out": {*split.test}}
    if foreign := [row.case for row in samples.rows if row.case not in cases[row.part]]:
        yield f"its audit of samples names case {foreign[0]}, which is not of that part"


def check_told(records: Iterable[Record], found: Findings) -> None:
    """One stage has one cost; and what of the records is not checked at all."""
    known: dict[str, StageCost] = {}
    for record in records:
        for stage in record.stages:
            other = known.setdefault(stage.key, stage)
            # an audit of one run may be a part of another
            if stage.model_copy(update={"purpose": other.purpose}) != other:
                text = f"its stage {stage.stage} has another cost or result in another record"
                found.refuse("told", f"{title(record)}: {text}.")
        if any(stage.curve for stage in record.stages):
            found.unchecked("told", "curves of trainings: they stand as they were submitted")
        if record.repeats:
            found.unchecked("told", "repeats: they stand as they were submitted")
        if record.samples is not None:
            found.unchecked(
                "told",
                "audits of samples: they stand as they were submitted, masks or none",
            )
    found.unchecked("told", "costs, machines and versions: they stand as they were submitted")
