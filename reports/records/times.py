"""How long the runs of several methods take, and whether those times may be compared.

Times of two machines say nothing of two methods. So each method's time is the mean over its runs on
one machine, that of the reference method; a method without a run there keeps its own time, and is
marked. Not here: which runs form a row (reports/comparison).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmark.core.texts import one_line
from benchmark.record.record import Record
from reports.records.load import GENERATOR_STAGES, SEGMENTER_STAGES, stage_seconds

# Every method does all that training without augmentation does, so none takes less time. Below this
# share of the reference's time the machine had other work while the reference ran.
LEAST_FACTOR = 0.7
_TRAINED = (*GENERATOR_STAGES, *SEGMENTER_STAGES)


@dataclass(frozen=True)
class Machine:
    """What a run was trained on. words: names of the processors; the rest tells machines of one
    name apart (instruction set, operating system)."""

    words: str
    instructions: str
    system: str


@dataclass(frozen=True)
class RunTime:
    """Mean seconds per run of one method.

    Args:
        generator, segmenter: what each training took; a generator that several runs share counts
            in each of them.
        machine: where the runs were trained.
        comparable: whether that is the reference's machine.
        factor: the seconds of all over those of the reference; None where they do not compare.
        busy: whether a method took less than LEAST_FACTOR of the reference's time, so that no
            factor of the comparison says anything.
    """

    generator: float
    segmenter: float
    machine: Machine
    comparable: bool
    factor: float | None
    busy: bool = False

    @property
    def seconds(self) -> float:
        return self.generator + self.segmenter


def machine_of(record: Record) -> Machine:
    """The machine of a run's trainings; of all its stages where none is a training."""
    trained = [one.machine for one in record.stages if one.stage in _TRAINED]
    names = dict.fromkeys(trained or [one.machine for one in record.stages])
    told = record.provenance
    return Machine(
        one_line("; ".join(names)),
        one_line(str(told.get("instructions") or "")),
        one_line(str(told.get("platform") or "")),
    )


def run_times(rows: Mapping[str, Sequence[Record]], reference: str | None) -> dict[str, RunTime]:
    """The times of each row's finished runs; rows without a recorded time are left out.

    rows: finished runs by the label of their method. reference: the label that factors are over;
    where it has no time, the most common machine counts and no factor is given.
    """
    timed = {
        label: [one for one in found if stage_seconds(one, _TRAINED) > 0]
        for label, found in rows.items()
    }
    every = [one for found in timed.values() for one in found]
    if not every:
        return {}
    common = timed.get(reference or "") or every
    machine = Counter(map(machine_of, common)).most_common(1)[0][0]
    base = _mean(timed.get(reference or "", ()), machine)
    total = sum(base) if base else None
    times = {}
    for label, found in timed.items():
        if not found:
            continue
        here = _mean(found, machine)
        own = machine if here else Counter(map(machine_of, found)).most_common(1)[0][0]
        generator, segmenter = here or _mean(found, own) or (0.0, 0.0)
        factor = (generator + segmenter) / total if here and total else None
        times[label] = RunTime(generator, segmenter, own, here is not None, factor)
    if any(one.factor is not None and one.factor < LEAST_FACTOR for one in times.values()):
        return {label: replace(one, factor=None, busy=True) for label, one in times.items()}
    return times


def _mean(records: Sequence[Record], machine: Machine) -> tuple[float, float] | None:
    """(generator, segmenter) seconds per run of the runs on a machine; None without one."""
    here = [one for one in records if machine_of(one) == machine]
    if not here:
        return None
    sums = (
        sum(stage_seconds(one, stages) for one in here)
        for stages in (GENERATOR_STAGES, SEGMENTER_STAGES)
    )
    generator, segmenter = (value / len(here) for value in sums)
    return generator, segmenter
