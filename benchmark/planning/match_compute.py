"""`--match-compute METHOD`: runs without a generator are given the hours that METHOD's generator
took, as further epochs.

The number of epochs is settled here, from the records of a store, and is then a number of the run
like any other. Not here: what a run costs as a forecast (forecast.py).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmark.core.errors import InputError
from benchmark.core.identity import canonical
from benchmark.record.record import Record
from benchmark.spec.run import RunSpec

GENERATOR_STAGES = ("pretrain", "fit-generator", "synthesize")
SEGMENTER_STAGES = ("fit-segmenter",)


def matched(
    runs: Sequence[RunSpec],
    method: str,
    records: Iterable[Record],
    say: Callable[[str], object] = str,
) -> list[RunSpec]:
    """The runs of one request, trained for as many further epochs as take the hours of the
    generator of `method`; all folds and seeds for equally many.

    Both are measured: the hours in the records of `method` that may share a table with these runs,
    the seconds of an epoch in those of the runs' own method, on the same machine. Of each the
    fastest run counts: other work beside a run only adds to its seconds. Runs of the store
    that were matched already give their number. Raises InputError for a method that trains a
    generator itself, and where nothing was measured.
    """
    first = runs[0]
    if first.method.generates:
        raise InputError(
            f"--match-compute gives the hours of a generator to a method without one, and"
            f" '{first.method.name}' trains its own; leave it out."
        )
    beside = [
        one
        for one in records
        if one.status == "done" and _comparison(one.spec) == _comparison(first)
    ]
    own = [one for one in beside if one.spec.method.plain == first.method.plain]
    epochs = _known(own) or _further_epochs(first, method, beside, own)
    say(
        f"{first.method.label}: {epochs} further epochs beside its {first.preset.epochs}, the"
        f" measured hours of the generator of {method}"
    )
    update = {"method": first.method.model_copy(update={"generator": {"further_epochs": epochs}})}
    return [run.model_copy(update=update) for run in runs]


def _known(own: Sequence[Record]) -> int | None:
    """The number that earlier matched runs were given: the smallest, if there are several."""
    found = {one.spec.method.further_epochs for one in own} - {0}
    return min(found, default=None)


def _further_epochs(
    run: RunSpec, method: str, beside: Sequence[Record], own: Sequence[Record]
) -> int:
    rivals = [one for one in beside if one.spec.method.name == method]
    generators = {canonical(one.spec.method.generator) for one in rivals}
    if len(generators) > 1:
        raise InputError(
            f"--match-compute {method}: the store has its runs with {len(generators)} settings of"
            f" the generator; give the epochs yourself, with --set further_epochs=NUMBER."
        )
    hours, epoch = _seconds(rivals, GENERATOR_STAGES), _seconds(own, SEGMENTER_STAGES)
    if not hours:
        raise InputError(
            f"--match-compute {method}: no finished run of it beside this one is in the store, so"
            f" that its hours were never measured; compute it first."
        )
    common = [machine for machine in hours if machine in epoch]
    if not common:
        raise InputError(
            f"--match-compute {method}: {run.method.label} has no finished run on"
            f" {' or '.join(hours)}, which tells what an epoch takes there; compute it first"
            f" without --match-compute."
        )
    machine = max(common, key=lambda name: len(hours[name]))
    seconds, of_epoch = min(hours[machine]), min(epoch[machine]) / run.preset.epochs
    further = round(seconds / of_epoch)
    if further < 1:
        raise InputError(
            f"--match-compute {method}: its generator took {seconds:.1f} s, less than an epoch of"
            f" {run.method.label}; there is nothing to match."
        )
    return further


def _seconds(records: Iterable[Record], stages: Sequence[str]) -> dict[str, list[float]]:
    """What these stages took together in each run, by the machine that computed them all."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        costs = [one for one in record.stages if one.stage in stages and one.purpose == "run"]
        machines = {one.machine for one in costs}
        if record.spec.method.further_epochs == 0 and len(machines) == 1:
            found[machines.pop()].append(sum(one.seconds for one in costs))
    return found


def _comparison(spec: RunSpec) -> str:
    """All of a run but its method, fold and seed."""
    left_out: dict[str, Any] = {
        "method": True,
        "fold": True,
        "seed": True,
        "audit": True,
        "preset": {"name": True},
    }
    return canonical(spec.model_dump(mode="json", exclude=left_out))
