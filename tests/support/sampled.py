"""Made-up audits of synthetic images. Their numbers are chosen here; nothing here was ever run."""

from collections.abc import Sequence

import numpy as np

from benchmark.core.identity import digest
from benchmark.record.record import Record, StageCost
from benchmark.record.samples import (
    AGREEMENT_BINS,
    DISTANCE_BINS,
    HELD_OUT,
    TRAINING,
    SampleRow,
    Samples,
)
from tests.support.study import cells, study_record

TRAINING_CASES = ("train_a", "train_b", "train_c")


def sample_row(
    case: str, part: str, *, worse: float = 0.0, paired: bool = False, **changes
) -> SampleRow:
    """A row whose fidelity is the paper's EMIT-Diff, `worse` times 0.1 off it."""
    values = {
        "case": case,
        "part": part,
        "slices": 10,
        "images": 20,
        "diversity": 0.2,
        "pixel_sd": 0.05,
        "agreement": 0.8,
        "agreement_volume": 0.75,
        "real_agreement": 0.85,
        "real_agreement_volume": 0.8,
        "own_distance": 0.5,
        "nearest": 0.8,
        "real_nearest": 0.8,
        "copied": 0.01,
        "real_copied": 0.01,
    }
    middle = {"mae": 0.09, "mse": 0.023, "rmse": 0.144, "ssim": 0.64, "ms_ssim": 0.67}
    for name, value in middle.items():
        off = -worse if "ssim" in name else worse
        value += (0.03 if name == "mse" else 0.1) * off
        values |= {name: float(np.clip(value, 0, 1)), f"{name}_sd": 0.02}
    if paired:
        values |= dict.fromkeys(
            (*middle, *(f"{name}_sd" for name in middle), "own_distance", "agreement_volume")
        )
    return SampleRow(**values | changes)


def with_samples(
    record: Record,
    *,
    worse: float = 0.0,
    spread: float = 0.02,
    rows: Sequence[SampleRow] | None = None,
    **changes,
) -> Record:
    """The record with an audit: `worse` off the paper's EMIT-Diff, `spread` from case to case,
    equal for all generators."""
    paired = record.spec.method.brings_masks
    if rows is None:
        cases = [(case, TRAINING) for case in TRAINING_CASES]
        cases += [] if paired else [(case, HELD_OUT) for case in record.split.test]
        rows = []
        for case, part in cases:
            ease = np.random.default_rng(int(digest([case, part])[:8], 16)).normal(0, 10 * spread)
            own = np.random.default_rng(int(digest([case, part, record.key])[:8], 16)).normal(
                0, spread
            )
            rows.append(sample_row(case, part, worse=worse + ease + own, paired=paired))
    parts = sorted({row.part for row in rows})
    shown = {
        part: tuple(
            sum(row.images for row in rows if row.part == part) // AGREEMENT_BINS
            for _ in range(AGREEMENT_BINS)
        )
        for part in parts
    }
    near = tuple(4 if 10 <= place < 20 else 0 for place in range(DISTANCE_BINS))
    values = {
        "generator": record.spec.method.name,
        "segmenter": "3" * 64,
        "paired": paired,
        "variants": 2,
        "measured_variants": 2,
        "held_out_variants": 0 if paired else 2,
        "ms_ssim_scales": 4,
        "reference_dice": 0.8,
        "copy_threshold": 0.5,
        "frechet": {TRAINING: 1.5, HELD_OUT: 2.5, "real": 0.5},
        "rows": tuple(rows),
        "agreement_histogram": shown,
        "distance_histogram": {name: near for part in parts for name in (part, f"real {part}")},
    }
    return record.model_copy(update={"samples": Samples(**values | changes)})


def with_filter(record: Record, minimum: float, counts: dict[str, int]) -> Record:
    """The record of a run whose filter dropped what `counts` says."""
    method = record.spec.method.model_copy(update={"minimum_agreement": minimum})
    spec = record.spec.model_copy(update={"method": method})
    fitted = StageCost(
        stage="fit-segmenter",
        key="4" * 64,
        version=1,
        seconds=1.0,
        peak_memory_mb=1.0,
        machine="test",
        results=counts,
    )
    return record.model_copy(update={"spec": spec, "key": spec.key, "stages": (fitted,)})


def audited_study(
    worse: float = 0.5,
    spread: float = 0.02,
    seeds: int = 1,
    audits: Sequence[str] = ("pix2pix", "emitdiff"),
    **options,
) -> list[Record]:
    """none and three generators on all folds; pix2pix is `worse` than emitdiff."""
    found = []
    for method in ("none", "pix2pix", "unconditional", "emitdiff"):
        for cell in cells(seeds=seeds):
            record = study_record(method, **cell, **options)
            if method in (*audits, "unconditional"):
                record = with_samples(
                    record, worse=worse if method == "pix2pix" else 0.0, spread=spread
                )
            found.append(record)
    return found
