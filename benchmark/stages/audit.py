"""The stage `audit`: looks at a run's synthetic images before they are used, with the segmenter of
method `none`.

Writes audit.json (benchmark/record/samples.py: what the record carries) and agreement.npy, float32
(n, N), the Dice of every sample with its label, nan for slices without one, in the order of the
variants and of the training slices: what the filter of fit-segmenter reads. Not here: the measures
(benchmark/stages/fidelity.py, memorisation.py).

Which images Table I was measured on, the paper does not say. Here samples are compared with the
slice that they were made from, on two sets: the training slices, with the phrases they augment
with, and the fold's test slices with the plain prompt. The second set is the headline, for a
generator that had learned its training slices by heart would look best on the first. No result of
the run depends on the held-out part.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmark.core.files import write_json
from benchmark.metrics.overlap import labelled_dice, volume_dice
from benchmark.record.samples import (
    AGREEMENT_BINS,
    DISTANCE_BINS,
    HELD_OUT,
    LARGEST_DISTANCE,
    TRAINING,
    SampleRow,
    Samples,
)
from benchmark.stages.base import AGREEMENT_FILE, Context, Inputs, StageSpec
from benchmark.stages.fit_segmenter import FitSegmenterSpec
from benchmark.stages.leaks import refuse_leaks, seen_cases
from benchmark.stages.synthesize import blocks

if TYPE_CHECKING:
    from datasets.slices.preparation import Prepared

HELD_OUT_VARIANTS = 2  # the least that has a diversity
MEASURED_VARIANTS = 4  # pairs of variants grow with the square of their number
COPY_QUANTILE = 0.01
_DIGITS = 5


class AuditSpec(StageSpec):
    """cases: the run's training cases, of which there are so many `variants`; held_out: its test
    cases; validation: cases on which the judge is measured; paired: whether samples bring masks of
    their own; minimum_foreground: as in fit-segmenter."""

    stage: ClassVar[str] = "audit"
    version: ClassVar[int] = 3

    generator: str
    cases: tuple[str, ...]
    held_out: tuple[str, ...]
    validation: tuple[str, ...]
    variants: int
    paired: bool
    minimum_foreground: int | None

    def describe(self) -> str:
        return f"{self.generator}, {self.variants} variants"

    def method_class(self) -> str:
        return self.generator

    def cost_kind(self) -> list[Any]:
        return [self.generator, self.variants]


@dataclass
class SegmenterJudge:
    """The segmenter of method `none`: masks and deepest features of images."""

    model: Any
    fabric: Any

    @classmethod
    def load(cls, folder: Path, size: int, device: str) -> "SegmenterJudge":
        from safetensors.torch import load_file

        from baselines.networks.architectures import build
        from benchmark.training.segmenter import make_fabric

        spec = FitSegmenterSpec.read(folder)
        fabric = make_fabric(device, spec.precision)
        model = build(spec.architecture, size, seed=0)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
        return cls(fabric.setup_module(model), fabric)

    def masks(self, images: np.ndarray) -> np.ndarray:
        from benchmark.training.prediction import foreground_probability

        return foreground_probability(self.model, images, self.fabric) > 0.5

    def features(self, images: np.ndarray) -> np.ndarray | None:
        from benchmark.stages.memorisation import deepest_features

        return deepest_features(self.model, images, self.fabric.device)


@dataclass
class _Part:
    """One part of the audit: its slices, and n variants of images and masks uint8 (n, N, S, S)."""

    name: str
    rows: np.ndarray
    images: np.ndarray
    masks: np.ndarray
    owners: np.ndarray  # (N,) case numbers


def run(spec: AuditSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """audit.json and agreement.npy; see the module."""
    from benchmark.stages.fidelity import ms_ssim_betas
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    refuse_leaks(inputs["synthesize"], spec.held_out)
    judge = SegmenterJudge.load(inputs["fit-segmenter"], data.size, context.device)
    training = len(blocks(spec.variants))
    folders = {
        TRAINING: inputs["synthesize"][:training],
        HELD_OUT: inputs["synthesize"][training:],
    }
    cases = {TRAINING: spec.cases, HELD_OUT: spec.held_out}
    seen = data.rows(seen_cases(inputs["synthesize"][0]), spec.minimum_foreground)
    memory = _Memory(data, seen)
    rows: list[SampleRow] = []
    histograms: dict[str, dict[str, tuple[int, ...]]] = {"agreement": {}, "distance": {}}
    features: dict[str, np.ndarray | None] = {}
    frechet: dict[str, float | None] = {}
    images = 0
    for done, name in enumerate(name for name in folders if folders[name]):
        part = _load_part(
            data, name, data.rows(cases[name], spec.minimum_foreground), folders[name]
        )
        images += part.images.shape[0] * part.images.shape[1]
        numbers = _Numbers(data, part, judge, memory, spec.paired, context.device)
        rows += numbers.case_rows()
        if name == TRAINING:
            np.save(out / AGREEMENT_FILE, numbers.agreement.astype(np.float32))
        histograms["agreement"][name] = _counts(numbers.agreement, AGREEMENT_BINS, 1.0)
        histograms["distance"][name] = _counts(numbers.nearest, DISTANCE_BINS, LARGEST_DISTANCE)
        histograms["distance"][f"real {name}"] = _counts(
            numbers.real_nearest, DISTANCE_BINS, LARGEST_DISTANCE
        )
        features[name] = judge.features(data.images[part.rows])
        frechet[name] = _frechet_to(features[name], part, judge)
        context.report(done + 1, 2)
    frechet["real"] = _frechet(features.get(HELD_OUT), features[TRAINING])
    samples = Samples(
        generator=spec.generator,
        segmenter=inputs["fit-segmenter"].name,
        paired=spec.paired,
        variants=spec.variants,
        measured_variants=min(spec.variants, MEASURED_VARIANTS),
        held_out_variants=HELD_OUT_VARIANTS if folders[HELD_OUT] else 0,
        ms_ssim_scales=len(ms_ssim_betas(data.size)),
        reference_dice=_reference_dice(data, judge, spec),
        copy_threshold=_short(memory.threshold),
        frechet={name: _short(value) for name, value in frechet.items() if value is not None},
        rows=tuple(rows),
        agreement_histogram=histograms["agreement"],
        distance_histogram=histograms["distance"],
    )
    write_json(out / "audit.json", samples.model_dump(mode="json"))
    return {"samples": images}


def read_audit(folder: Path) -> Samples:
    """What the audit stage in `folder` found."""
    return Samples.model_validate(json.loads((folder / "audit.json").read_text(encoding="utf-8")))


def _load_part(data: "Prepared", name: str, rows: np.ndarray, folders: list[Path]) -> _Part:
    images, masks = (
        np.concatenate([np.load(f / f"{stack}.npy", mmap_mode="r") for f in folders])
        for stack in ("images", "masks")
    )
    return _Part(name, rows, images, masks, data.case_index[rows])


class _Memory:
    """The generator's training slices as compared vectors, and how near real ones lie to those of
    other cases."""

    def __init__(self, data: "Prepared", rows: np.ndarray):
        from benchmark.stages.memorisation import compared, nearest_distances

        self.vectors, self.owners = compared(data.images[rows]), data.case_index[rows]
        among = nearest_distances(self.vectors, self.vectors, self.owners, self.owners)
        finite = among[np.isfinite(among)]
        self.threshold = float(np.quantile(finite, COPY_QUANTILE)) if len(finite) else 0.0


class _Numbers:
    """All measures of one part: arrays (n, N) of variants and slices, or (v, N) of the measured
    variants."""

    def __init__(
        self,
        data: "Prepared",
        part: _Part,
        judge: SegmenterJudge,
        memory: _Memory,
        paired: bool,
        device: str,
    ):
        from benchmark.stages.memorisation import (
            compared,
            nearest_distances,
            paired_distances,
        )

        self.data, self.part, self.paired, self.device = data, part, paired, device
        self.real = np.asarray(data.images[part.rows])
        self.predicted = np.stack([judge.masks(images) for images in part.images])
        self.agreement = np.stack(
            [labelled_dice(*pair) for pair in zip(self.predicted, part.masks, strict=True)]
        )
        self.real_predicted = judge.masks(self.real)
        self.real_agreement = labelled_dice(self.real_predicted, data.masks[part.rows])
        self.measured = part.images[:MEASURED_VARIANTS]
        vectors = np.stack([compared(images) for images in self.measured])
        real_vectors = compared(self.real)
        # Samples that bring their own masks were made from no slice: nothing is their own case.
        owners = np.full(len(part.rows), -1) if paired else part.owners
        self.nearest = np.stack(
            [nearest_distances(v, memory.vectors, owners, memory.owners) for v in vectors]
        )
        self.real_nearest = nearest_distances(
            real_vectors, memory.vectors, part.owners, memory.owners
        )
        self.nearest_of_all = np.stack([nearest_distances(v, memory.vectors) for v in vectors])
        self.threshold = memory.threshold
        self.copied = self.nearest_of_all < memory.threshold
        self.own_distances = np.stack([paired_distances(v, real_vectors) for v in vectors])
        self.fidelity = {} if paired else self._fidelity()
        self.diversity = self._diversity()

    def _fidelity(self) -> dict[str, np.ndarray]:
        from benchmark.stages.fidelity import image_metrics

        found = [image_metrics(images, self.real, self.device) for images in self.measured]
        return {name: np.stack([one[name] for one in found]) for name in found[0]}

    def _diversity(self) -> dict[str, np.ndarray]:
        from benchmark.stages.fidelity import diversity

        return diversity(self.measured, self.device) if len(self.measured) > 1 else {}

    def case_rows(self) -> list[SampleRow]:
        return [self._row(case) for case in dict.fromkeys(self.part.owners.tolist())]

    def _row(self, case: int) -> SampleRow:
        here = self.part.owners == case
        values: dict[str, Any] = {"case": self.data.cases[case].id, "part": self.part.name}
        values |= {"slices": int(here.sum()), "images": int(here.sum()) * len(self.measured)}
        for name, found in self.fidelity.items():
            values |= {
                name: _short(found[:, here].mean()),
                f"{name}_sd": _short(found[:, here].std()),
            }
        values |= {name: _short(found[here].mean()) for name, found in self.diversity.items()}
        values |= {
            "agreement": _mean(self.agreement[:, here]),
            "real_agreement": _mean(self.real_agreement[here]),
        }
        if not self.paired:
            values["agreement_volume"] = _mean(
                np.array(
                    [
                        volume_dice(predicted[here], masks[here])
                        for predicted, masks in zip(self.predicted, self.part.masks, strict=True)
                    ]
                )
            )
            values["own_distance"] = _mean(self.own_distances[:, here])
        real_masks = self.data.masks[self.part.rows][here]
        values["real_agreement_volume"] = _mean(
            np.array([volume_dice(self.real_predicted[here], real_masks)])
        )
        values |= {
            "nearest": _mean(self.nearest[:, here]),
            "real_nearest": _mean(self.real_nearest[here]),
        }
        values["copied"] = _mean(self.copied[:, here].astype(float))
        values["real_copied"] = _mean((self.real_nearest[here] < self.threshold).astype(float))
        return SampleRow(**values)


def _reference_dice(data: "Prepared", judge: SegmenterJudge, spec: AuditSpec) -> float | None:
    """Mean volume Dice of the segmenter on the real images of its validation cases; None where
    there are none."""
    found = []
    for case in spec.validation:
        rows = data.rows([case], spec.minimum_foreground)
        if len(rows):
            found.append(volume_dice(judge.masks(data.images[rows]), data.masks[rows]))
    return _mean(np.array(found))


def _frechet_to(real: np.ndarray | None, part: _Part, judge: SegmenterJudge) -> float | None:
    """Mean over the measured variants, so that every distance is between sets of one size."""
    found = [_frechet(judge.features(images), real) for images in part.images[:MEASURED_VARIANTS]]
    known = [distance for distance in found if distance is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def _frechet(one: np.ndarray | None, other: np.ndarray | None) -> float | None:
    from benchmark.stages.memorisation import frechet_distance

    if one is None or other is None or min(len(one), len(other)) < 2:
        return None
    return frechet_distance(one, other)


def _counts(values: np.ndarray, bins: int, largest: float) -> tuple[int, ...]:
    finite = values[np.isfinite(values)]
    return tuple(np.histogram(finite.clip(0, largest), bins, (0, largest))[0].tolist())


def _mean(values: np.ndarray) -> float | None:
    """Mean of the finite values; None where there is none."""
    finite = values[np.isfinite(values)]
    return _short(finite.mean()) if len(finite) else None


def _short(value: float) -> float:
    return float(f"{float(value):.{_DIGITS}g}")
