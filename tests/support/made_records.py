"""Made-up records for the report tests. Their numbers are drawn or chosen here; nothing here was
ever run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from baselines.generators.catalogue import changed_settings, declared, default_kind, generator_class
from benchmark.core.identity import digest
from benchmark.metrics.definitions import CaseRow
from benchmark.record.record import Budget, Record, Split, StageCost
from benchmark.spec.method import MethodSpec, resolve_method
from benchmark.spec.presets import preset
from benchmark.spec.protocol import Protocol, named_protocol, nearest_protocol
from benchmark.spec.run import RunSpec, SourceSpec
from reports.comparison.groups import Group, make_groups
from reports.comparison.summaries import Summary, summarise

PHANTOM = SourceSpec(
    kind="phantom",
    title="phantom",
    licence="made by this program (test data)",
    fingerprint="0" * 64,
    synthetic=True,
)
MSD_PROSTATE = SourceSpec(
    kind="msd",
    title="MSD Task05_Prostate",
    licence="CC-BY-SA 4.0",
    fingerprint="1" * 64,
    synthetic=False,
)
TABLE2_METHODS = (
    ("none", None),
    *(
        ("classic", name)
        for name in ("contrast", "gamma", "brightness", "noise", "resolution", "mirror", "rotate")
    ),
    ("classic", "scale"),
    ("classic", "deepstack"),
    ("unconditional", None),
    ("emitdiff", None),
)


def case_row(case: str, dice: float, **changes: Any) -> CaseRow:
    """A row whose other values follow from `dice` in a simple way, unless they are given."""
    values = {
        "case": case,
        "unit": "mm",
        "dice": dice,
        "precision": dice,
        "recall": dice,
        "hd95": 20 * (1 - dice),
        "hd95_max": 22 * (1 - dice),
        "assd": 5 * (1 - dice),
        "assd_mean": 4 * (1 - dice),
        "nsd": dice**2,
        "volume_difference": 0.1,
        "truth_voxels": 1000,
        "prediction_voxels": 1100,
        "missed": False,
        "empty_truth": False,
    }
    return CaseRow(**values | changes)


def drawn_rows(spec: RunSpec, count: int = 4, spread: float = 0.08) -> list[CaseRow]:
    """`count` seeded rows of the fold; a case is hard or easy for every method alike."""
    rows = []
    lift = {"none": 0.0, "classic": 0.02, "unconditional": 0.01, "emitdiff": 0.04}[spec.method.name]
    for index in range(count):
        case = f"test_{spec.fold}{index:02d}"
        ease = np.random.default_rng([spec.fold, index]).normal(0.78, spread)
        own = np.random.default_rng(
            int(digest([case, spec.method.plain_label, spec.seed])[:8], 16)
        ).normal(lift, 0.02)
        rows.append(case_row(case, float(np.clip(ease + own, 0.02, 0.99))))
    return rows


def make_record(
    method: str | MethodSpec = "none",
    transform: str | None = None,
    *,
    fold: int = 0,
    seed: int = 0,
    rows: Sequence[CaseRow] | Mapping[str, float] | None = None,
    dataset: str = "prostate",
    source: SourceSpec = PHANTOM,
    protocol: Protocol | str = "rigorous",
    preset_name: str = "smoke",
    numbers: Mapping[str, Any] | None = None,
    architecture: str = "attention-unet",
    training_share: float = 1.0,
    error: str | None = None,
    commit: str | None = "a" * 40,
    **settings: Any,
) -> Record:
    """A done run, or a failed one if `error` is given. rows may be {case: dice}; settings: ratio,
    alpha, patch_size."""
    sizes = preset(preset_name).model_copy(update=dict(numbers or {}))
    spec = RunSpec(
        dataset=dataset,
        source=source,
        method=resolve_method(declared(method), sizes, transform=transform, **settings)
        if isinstance(method, str)
        else method,
        architecture=architecture,
        fold=fold,
        seed=seed,
        training_share=training_share,
        protocol=named_protocol(protocol) if isinstance(protocol, str) else protocol,
        preset=sizes,
    )
    if error is not None:
        return Record(key=spec.key, status="failed", error=error, spec=spec)
    if rows is None:
        rows = drawn_rows(spec)
    elif isinstance(rows, Mapping):
        rows = [case_row(case, dice) for case, dice in rows.items()]
    return Record(
        key=spec.key,
        status="done",
        spec=spec,
        cases=tuple(rows),
        split=Split(
            hash=f"split {fold}",
            train=("train_a",),
            validation=("train_b",),
            test=tuple(row.case for row in rows),
        ),
        budget=Budget(optimiser_steps=240, real_presentations=1920, synthetic_presentations=0),
        stages=(
            *(
                [_stage("fit-generator", 30.0), _stage("synthesize", 10.0)]
                if method == "emitdiff"
                else []
            ),
            _stage("fit-segmenter", 20.0, key=spec.key),
            _stage("score", 1.0),
        ),
        provenance={"git": {"commit": commit, "dirty": False}, "device": "test machine"},
    )


def with_generator(record: Record, kind: str | None = None, **changes: Any) -> Record:
    """The record with its generator's settings resolved as the command line does: the preset's, and
    `changes`."""
    spec = record.spec
    method = declared(spec.method.name, kind or default_kind(spec.method.name, spec.preset.name))
    asked = {"transform", "ratio", "alpha", "patch_size"}
    method = method.model_copy(update=spec.method.model_dump(include=asked))
    protocol, _ = nearest_protocol(spec.protocol)
    cls = generator_class(method.reference)
    usual = cls.numbers(spec.preset.name, protocol, spec.dataset)
    settings = cls.settings(**usual | changes).model_dump(mode="json")
    method = method.model_copy(update={"generator": settings})
    changed = changed_settings(method, spec.preset.name, protocol, spec.dataset)
    method = method.model_copy(update={"changed": changed})
    return record.model_copy(update={"spec": spec.model_copy(update={"method": method})})


def _stage(name: str, seconds: float, key: str = "2" * 64) -> StageCost:
    return StageCost(
        stage=name,
        key=key,
        version=1,
        seconds=seconds,
        peak_memory_mb=512.0,
        machine="test machine, 2 cores",
    )


def table2_records(
    *, seeds: Sequence[int] = (0,), folds: Sequence[int] = (0, 1, 2), **options: Any
) -> list[Record]:
    """Seeded records of every method of Table II, and of unconditional diffusion."""
    return [
        make_record(method, transform, fold=fold, seed=seed, **options)
        for method, transform in TABLE2_METHODS
        for seed in seeds
        for fold in folds
    ]


def one_group(records: Sequence[Record]) -> Group:
    """The only group of records that all belong together."""
    (group,) = make_groups(records)
    return group


def summary_of(records: Sequence[Record]) -> Summary:
    """The summary of records that all belong together."""
    return summarise(one_group(records))


def row_of(records: Sequence[Record], label: str) -> dict[str, Any]:
    """The summary row of one method."""
    rows = summary_of(records).rows
    return rows[rows["method"] == label].iloc[0].to_dict()
