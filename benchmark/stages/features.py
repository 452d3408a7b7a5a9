"""The stage `features`: how far a run's synthetic images lie from real ones in features that do not
depend on any segmenter of ours.

The features are the 1,280 pooled ones of EfficientNet-Lite0 trained on ImageNet. Two distances,
between the samples of a part and its real slices: Frechet's and the kernel distance. Neither is
FID or KID as papers print them, whose features are Inception's. The parts are those of the audit.
Only where `--set audit=imagenet` asks for it, for it needs fetched weights. Not here: the other
measures (audit.py).
"""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.files import write_json
from benchmark.core.published_weights import EFFICIENTNET_LITE0, needed
from benchmark.record.samples import HELD_OUT, TRAINING, StandardDistances
from benchmark.stages.audit import MEASURED_VARIANTS
from benchmark.stages.base import Context, Inputs, StageSpec
from benchmark.stages.leaks import refuse_leaks
from benchmark.stages.synthesize import blocks

FILE = "features.json"


class FeaturesSpec(StageSpec):
    """weights: sha256 of the network's; the other fields as in the audit."""

    stage: ClassVar[str] = "features"
    version: ClassVar[int] = 1

    generator: str
    cases: tuple[str, ...]
    held_out: tuple[str, ...]
    variants: int
    minimum_foreground: int | None
    weights: str

    def describe(self) -> str:
        return f"{self.generator}, {self.variants} variants"

    def method_class(self) -> str:
        return self.generator

    def cost_kind(self) -> list[Any]:
        return [self.generator, self.variants]


def run(spec: FeaturesSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """features.json: StandardDistances."""
    from baselines.networks.efficientnet import ImageFeatures
    from datasets.slices.preparation import Prepared

    if spec.weights != EFFICIENTNET_LITE0.identity:
        raise InputError(
            f"stage features was planned with weights {spec.weights[:19]}, which this program does"
            f" not know; run the same command again."
        )
    data = Prepared(inputs["prepare"])
    refuse_leaks(inputs["synthesize"], spec.held_out)
    features = ImageFeatures(needed(EFFICIENTNET_LITE0, "audit=imagenet"), context.device)
    training = len(blocks(spec.variants))
    parts = {
        TRAINING: (spec.cases, inputs["synthesize"][:training]),
        HELD_OUT: (spec.held_out, inputs["synthesize"][training:]),
    }
    found: dict[str, list[dict[str, float]]] = {}
    real: dict[str, np.ndarray] = {}
    images = 0
    for done, (name, (cases, folders)) in enumerate(parts.items()):
        rows = data.rows(cases, spec.minimum_foreground)
        real[name] = features(data.images[rows])
        made = [np.load(folder / "images.npy", mmap_mode="r") for folder in folders]
        variants = [images for block in made for images in block][:MEASURED_VARIANTS]
        found[name] = [distances(features(one), real[name]) for one in variants]
        images += sum(map(len, variants))
        context.report(done + 1, len(parts))
    found["real"] = [distances(real[HELD_OUT], real[TRAINING])]
    write_json(out / FILE, _averaged(found).model_dump(mode="json"))
    return {"samples": images}


def read_features(folder: Path) -> StandardDistances:
    """What the stage in `folder` found."""
    return StandardDistances.model_validate(json.loads((folder / FILE).read_text("utf-8")))


def distances(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Frechet's and the kernel distance between two sets of features, float32 (N, D) and (M, D); {}
    for fewer than two of either."""
    from benchmark.stages.memorisation import kernel_distance

    if min(len(one), len(other)) < 2:
        return {}
    return {"frechet": frechet_of_few(one, other), "kernel": kernel_distance(one, other)}


def frechet_of_few(one: np.ndarray, other: np.ndarray) -> float:
    """`frechet_distance` without a matrix of D x D, for fewer images than features.

    With centred features A (N, D) and B (M, D), tr((C1 C2)^(1/2)) is the sum of the singular values
    of A B' / ((N - 1)(M - 1))^(1/2).
    """
    means = one.mean(0, dtype=np.float64) - other.mean(0, dtype=np.float64)
    a, b = (
        (features - features.mean(0, dtype=np.float64)) / np.sqrt(len(features) - 1)
        for features in (one, other)
    )
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(max(means @ means + (a**2).sum() + (b**2).sum() - 2 * cross, 0.0))


def _averaged(found: dict[str, list[dict[str, float]]]) -> StandardDistances:
    """The mean over the variants of each part, so that every distance is between sets of one
    size."""
    means: dict[str, dict[str, float]] = {"frechet": {}, "kernel": {}}
    for part, values in found.items():
        for name, mean in means.items():
            if values and all(values):
                mean[part] = float(f"{np.mean([one[name] for one in values]):.5g}")
    return StandardDistances(
        network=EFFICIENTNET_LITE0.title, weights=EFFICIENTNET_LITE0.identity, **means
    )
