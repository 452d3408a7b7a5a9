"""A made-up study of every suite: records whose effects are chosen here, for tests of statistics,
claims and figures.

`emitdiff` gains on the prostate as long as it has variants (n) and real patches, most with a middle
patch; `released` flatters it. A case is hard or easy for every method, a training is lucky or not.
Nothing here was ever run.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmark.core.identity import digest
from benchmark.record.record import Record
from benchmark.spec.presets import preset
from benchmark.spec.protocol import Protocol, differences, named_protocol
from benchmark.spec.run import RunSpec, SourceSpec
from tests.support.made_records import MSD_PROSTATE, TABLE2_METHODS, case_row, make_record

ARCHITECTURES = ("unet", "resunet", "resnet50-unet", "attention-unet", "swin-unetr")
LIFTS = {
    "contrast": 0.022,
    "noise": 0.018,
    "rotate": 0.03,
    "scale": 0.032,
    "mirror": 0.008,
    "deepstack": 0.034,
}
CASES_PER_FOLD = {"prostate": (11, 11, 10), "spleen": (14, 14, 13), "breast": (14, 14, 14)}
LEVELS = {"prostate": 0.8, "spleen": 0.93, "breast": 0.65}
# what each adds to emitdiff
QUIRKS = {"selection": 0.012, "slices": 0.006, "merge": -0.008, "text_mix": -0.004}
SPLEEN = SourceSpec(
    kind="msd", title="MSD Task09_Spleen", licence="x", fingerprint="2" * 64, synthetic=False
)
BUSI = SourceSpec(
    kind="busi", title="BUSI (malignant)", licence="x", fingerprint="3" * 64, synthetic=False
)
SOURCES = {"prostate": MSD_PROSTATE, "spleen": SPLEEN, "breast": BUSI}


def effect(spec: RunSpec) -> float:
    """The true lift in Dice over `none` of a run's method with its settings."""
    method = spec.method
    if method.name in ("none", "unconditional"):
        return 0.0 if method.name == "none" else 0.012
    renormalised = spec.protocol.renormalise and method.transform == "brightness"
    if method.name == "classic":
        dropped = spec.protocol.deepstack == "dropped" and method.transform == "deepstack"
        return 0.0 if dropped or renormalised else LIFTS.get(method.transform, 0.004)
    ratio = 1 - np.exp(-method.ratio / 3)
    real = {0.0: 0.3, 1.0: 0.0}.get(method.alpha, 1.0)
    usual = np.log2(method.patch_size / (32 * spec.preset.size / 128))
    quirks = sum(QUIRKS.get(name, 0.0) for name in differences(spec.protocol))
    scarce = 1.5 - 0.5 * spec.training_share
    size = {"prostate": 0.05, "spleen": 0.004, "breast": 0.06}[spec.dataset]
    return scarce * size * ratio * real * (1 - 0.05 * min(usual**2, 16)) + quirks


def drawn(*words: Any) -> np.random.Generator:
    """A generator that depends on the words alone."""
    return np.random.default_rng(int(digest([str(word) for word in words])[:12], 16))


def names_of(dataset: str, fold: int) -> list[str]:
    return [f"{dataset}_{fold}{place:02d}" for place in range(CASES_PER_FOLD[dataset][fold])]


def rows_of(spec: RunSpec) -> list:
    """Seeded rows of a run: case, training and rest add up; scarce training lowers every method."""
    names = names_of(spec.dataset, spec.fold)
    run = (
        spec.method.plain_label,
        spec.method.ratio,
        spec.method.alpha,
        spec.method.patch_size,
        spec.architecture,
    )
    lucky = drawn(
        "training", *run, spec.protocol, spec.training_share, spec.fold, spec.seed
    ).normal(0, 0.006)
    level = (
        LEVELS[spec.dataset]
        + 0.03 * np.log10(spec.training_share)
        - 0.02 * (spec.architecture == "unet")
    )
    rows = []
    for name in names:
        ease = drawn("case", name).normal(0, 0.07)
        own = drawn(
            "row", name, *run, spec.protocol.model_dump(), spec.training_share, spec.seed
        ).normal(0, 0.015)
        dice = float(np.clip(level + 0.9 * ease + effect(spec) + lucky + own, 0.05, 0.985))
        worse = drawn("distance", name, *run, spec.seed).uniform(0.7, 1.4)
        hd95 = 40 * (1 - dice) * worse
        rows.append(
            case_row(
                name,
                dice,
                precision=min(dice + 0.02, 1),
                recall=max(dice - 0.01, 0),
                hd95=hd95,
                hd95_max=hd95 * (1.02 + 0.05 * worse),
                assd=0.24 * hd95,
                assd_mean=0.21 * hd95,
                nsd=dice**2,
                unit="px" if spec.dataset == "breast" else "mm",
            )
        )
    return rows


def study_record(
    method: str, transform: str | None = None, *, dataset: str = "prostate", **options: Any
) -> Record:
    """One run of the study; options as of `make_record`."""
    given = {"source": SOURCES[dataset], "preset_name": "compact"} | options
    spec = make_record(method, transform, dataset=dataset, rows=[], **given).spec
    record = make_record(method, transform, dataset=dataset, rows=rows_of(spec), **given)
    rest = tuple(name for fold in range(3) if fold != spec.fold for name in names_of(dataset, fold))
    split = record.split.model_copy(update={"train": rest[4:], "validation": rest[:4]})
    return record.model_copy(update={"split": split})


def cells(folds: int = 3, seeds: int = 3) -> Iterator[dict[str, int]]:
    for seed in range(seeds):
        for fold in range(folds):
            yield {"fold": fold, "seed": seed}


def table2(dataset: str = "prostate", seeds: int = 3, **options: Any) -> list[Record]:
    return [
        study_record(method, transform, dataset=dataset, **cell, **options)
        for method, transform in TABLE2_METHODS
        for cell in cells(seeds=seeds)
    ]


def settings(seeds: int = 3, **options: Any) -> list[Record]:
    """The suites ratio, alpha and patch, without the preset's own values, which `table2` has."""
    numbers = preset(options.get("preset_name", "compact"))
    patches = (1, 4, 8, 16, 32, 64, 128) if numbers.size == 128 else (1, 32, 64, 96, 128, 384)
    swept = [{"ratio": ratio} for ratio in (0, 3, 5, 10, 20, 30, 40, 50) if ratio != numbers.ratio]
    swept += [{"alpha": alpha} for alpha in (0.0, 0.2, 0.3, 0.4, 0.5, 0.8, 1.0)]
    swept += [{"patch_size": patch} for patch in patches if patch != numbers.patch_size]
    return [
        study_record("emitdiff", **one, **cell, **options)
        for one in swept
        for cell in cells(seeds=seeds)
    ]


def architectures(seeds: int = 3, **options: Any) -> list[Record]:
    return [
        study_record(method, architecture=name, **cell, **options)
        for name in ARCHITECTURES
        for method in ("none", "emitdiff")
        for cell in cells(seeds=seeds)
    ]


def scarcity(seeds: int = 1, **options: Any) -> list[Record]:
    return [
        study_record(method, training_share=share, **cell, **options)
        for share in (0.1, 0.25, 0.5, 1.0)
        for method in ("none", "classic", "unconditional", "emitdiff")
        for cell in cells(seeds=seeds)
    ]


def audit_protocols() -> list[Protocol]:
    """rigorous, each switch of `released` alone, released."""
    rigorous, found = named_protocol("rigorous"), []
    for name, value in differences(named_protocol("released")).items():
        needed = {"slices": "foreground"} if name == "resize_z" else {}
        found.append(rigorous.model_copy(update={name: value, **needed}))
    return [rigorous, *found, named_protocol("released")]


def audit(seeds: int = 1, **options: Any) -> list[Record]:
    return [
        study_record(method, protocol=protocol, **cell, **options)
        for protocol in audit_protocols()
        for method in ("none", "classic", "emitdiff")
        for cell in cells(seeds=seeds)
    ]


def whole_study() -> list[Record]:
    """About 700 runs; runs that several suites share stand there once."""
    records = [record for dataset in SOURCES for record in table2(dataset)]
    records += settings() + architectures() + scarcity(seeds=3) + audit()
    return list({record.key: record for record in records}.values())
