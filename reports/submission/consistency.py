"""Whether the parts of a record agree with each other: key, method, stages, seeds, ledger.

All of it follows from the spec, so that a record made by the program has no contradiction. Not
here: cases and splits (splits.py), rows (possible_rows.py), costs and counts (as_told.py).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from benchmark.core.errors import InputError
from benchmark.core.identity import flat
from benchmark.record.record import Record, Split
from benchmark.spec.method import MethodSpec, resolve_method
from benchmark.spec.presets import PRESETS, Preset
from reports.submission.as_told import (
    impossible_audit,
    impossible_budget,
    impossible_costs,
    impossible_repeats,
    values_in,
)

MAX_FOLDS, MAX_RATIO = 100, 1_000
MAX_CASE_NAME = 200
MAX_SETTINGS = 200  # of a generator; the page compares those of all methods
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.\-]{0,99}")
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class KnownStages:
    """What the program knows of its stages, which no record can tell; the caller hands it in.

    Args:
        versions: today's version of each stage, by name.
        keys: (stage, key) of a record's stages, as its spec and split give them, in order; None
            where they cannot be known. Raises InputError for settings that no generator has.
        counts: how many stages of each name a run of this method has, those of an audit aside.
    """

    versions: Mapping[str, int]
    keys: Callable[[Record], list[tuple[str, str]] | None]
    counts: Callable[[MethodSpec], dict[str, int]]


def contradictions(record: Record, known: KnownStages) -> Iterator[str]:
    """What does not fit within the record; the first ones make the later ones meaningless."""
    if record.lifted_from is not None:
        yield "it was recorded with an older schema, whose keys this program cannot check"
    if record.status != "done" or record.error is not None:
        yield "it is of a failed run; only finished runs can be submitted"
    elif record.split is None or record.budget is None or not (record.cases and record.split.train):
        yield "it lacks its split, its budget or its case rows"
    else:
        yield from _of_the_spec(record)
        yield from _of_the_stages(record, known)
        yield from _of_the_rest(record, record.split)
        yield from impossible_costs(record)
        yield from impossible_budget(record, record.budget, record.split)
        yield from impossible_audit(record, record.split)
        yield from impossible_repeats(record)


def _of_the_spec(record: Record) -> Iterator[str]:
    spec = record.spec
    if not spec.fold < spec.preset.n_folds <= MAX_FOLDS:
        yield f"fold {spec.fold} of {spec.preset.n_folds} folds"
    if (settings := values_in(spec.method.generator)) > MAX_SETTINGS:
        yield f"its generator has {settings} settings; at most {MAX_SETTINGS} are read"
        return
    if spec.method.ratio > MAX_RATIO:
        yield f"it has {spec.method.ratio} variants per slice; at most {MAX_RATIO} are read"
    names = {
        "architecture": spec.architecture,
        "transform": spec.method.transform or "none",
        "edge": spec.preset.edge,
    }
    for what, name in names.items():
        if not _WORD.fullmatch(name):
            yield f"its {what} has the name '{name[:40]}', which none has"
    if (nearest := _nearest_preset(spec.preset)) != spec.preset.name:
        yield f"its preset is called {spec.preset.name[:40]} and has the numbers of {nearest}"
    method = spec.method
    on_patches = not method.generates and method.patch_size is not None
    merged = on_patches or method.joining == "merge"
    try:
        made = resolve_method(
            MethodSpec.model_validate(method.of_class),
            spec.preset,
            transform=method.transform,
            ratio=method.ratio if method.generates else None,
            alpha=method.alpha if method.generates or on_patches else None,
            joins=method.joining,
            patch_size=method.patch_size if merged else None,
            on_patches=on_patches,
        )
    except (InputError, ValidationError) as error:
        yield f"its method cannot be: {error}"
        return
    fields = {"generator", "minimum_agreement", "changed"}
    if made.model_dump(exclude=fields) != method.model_dump(exclude=fields):
        yield "its method has settings that such a method does not have"
    given = flat(method.generator or {}) | {"kind": method.kind}
    if any(given.get(name) != value for name, value in method.changed.items()):
        yield "it lists changed settings that its generator does not have"
    if not method.generates and (
        (method.generator is not None and not method.further_epochs)
        or method.minimum_agreement is not None
    ):
        yield "its method has settings of a generator and trains none"


def _nearest_preset(given: Preset) -> str:
    """The named preset that has most numbers of this one; its own name where no other has more."""

    def differing(name: str) -> tuple[int, bool]:
        numbers, own = PRESETS[name].model_dump(), given.model_dump()
        return sum(numbers[field] != own[field] for field in own if field != "name"), (
            name != given.name
        )

    return min(PRESETS, key=differing)


def _of_the_stages(record: Record, known: KnownStages) -> Iterator[str]:
    if unknown := [stage.stage for stage in record.stages if stage.stage not in known.versions]:
        yield f"it lists an unknown stage '{unknown[0][:40]}'"
        return
    for stage in record.stages:
        if not _KEY.fullmatch(stage.key) or not 1 <= stage.version <= known.versions[stage.stage]:
            yield f"its stage {stage.stage} has a key or a version that none has"
    counts = Counter(stage.stage for stage in record.stages if stage.purpose == "run")
    earlier = {one.stage for one in record.stages if one.version < known.versions[one.stage]}
    for name, count in known.counts(record.spec.method).items():
        if counts[name] != count and name not in earlier:
            yield f"it lists {counts[name]} stages {name} where its method needs {count}"


def _of_the_rest(record: Record, split: Split) -> Iterator[str]:
    spec = record.spec
    if record.seeds != spec.seeds:
        yield "its seeds are not those that follow from the run's seed"
    units = {"busi": {"px"}, "phantom": {"mm"}, "msd": {"mm", "voxel"}}.get(spec.source.kind)
    if units and (other := {row.unit for row in record.cases} - units):
        yield (
            f"its distances are in {min(other)}, which images of {spec.source.kind} are not"
            f" measured in"
        )
    names = [
        *(row.case for row in record.cases),
        *split.train,
        *split.validation,
        *split.generator,
    ]
    if long := [name for name in names if not 0 < len(name) <= MAX_CASE_NAME]:
        yield f"it has a case of a name of {len(long[0])} letters"
