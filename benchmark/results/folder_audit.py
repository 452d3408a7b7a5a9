"""The audit of a folder of synthetic images that any tool made: the same measures as those of the
stage `audit`, and the nearest-neighbour distance ratio.

Real images of the same working size stand beside every number, measured in the same way: those of
the fold's test cases, which neither the judge nor, if its ids are right, the tool has seen. The
judge is the segmenter of method `none`. Not here: reading the folder (datasets/slices/made_images
.py), what is printed (benchmark/commands/audit.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.identity import named_seed
from benchmark.core.published_weights import EFFICIENTNET_LITE0, found
from benchmark.core.texts import some
from benchmark.metrics.overlap import labelled_dice
from benchmark.stages.audit import COPY_QUANTILE, SegmenterJudge
from datasets.slices.made_images import MadeFolder
from datasets.slices.preparation import Prepared

MOST_PAIRS = 500  # of images, whose likeness is the diversity
LOW_AGREEMENT = 0.7


@dataclass(frozen=True)
class Measure:
    """One line of the audit: of the folder and of real images, None where it has no meaning."""

    name: str
    made: float | None
    real: float | None
    meaning: str

    @property
    def as_json(self) -> dict[str, Any]:
        return {"measure": self.name, "folder": self.made, "real": self.real}

    @classmethod
    def beside(cls, name: str, numbers: Iterable[float | None], meaning: str) -> "Measure":
        """numbers: of the folder and of real images."""
        made, real = numbers
        return cls(name, made, real, meaning)


def audit_folder(
    folder: MadeFolder,
    data: Prepared,
    judge: SegmenterJudge,
    *,
    training: Sequence[str],
    held_out: Sequence[str],
    device: str,
) -> list[Measure]:
    """All measures. training: cases that near copies are sought in; held_out: real cases that stand
    beside the folder."""
    images, masks = folder.load(data.size)
    rows, tested = data.rows(list(training)), data.rows(list(held_out))
    real = np.asarray(data.images[tested])
    return [
        *_labels(judge, images, masks, real, np.asarray(data.masks[tested])),
        *_diversity(images, real, device),
        *_memory(data, images, rows, tested),
        *_distribution(judge, images, np.asarray(data.images[rows]), real, device),
        *_fidelity(folder, data, images, device),
    ]


def _labels(
    judge: SegmenterJudge,
    images: np.ndarray,
    masks: np.ndarray,
    real: np.ndarray,
    real_masks: np.ndarray,
) -> list[Measure]:
    made = labelled_dice(judge.masks(images), masks)
    own = labelled_dice(judge.masks(real), real_masks)
    low = [_mean((dice[np.isfinite(dice)] < LOW_AGREEMENT).astype(float)) for dice in (made, own)]
    return [
        Measure("label agreement", _mean(made), _mean(own), "Dice of a real-data segmenter"),
        Measure.beside(f"share below {LOW_AGREEMENT:g}", low, "labels that images do not show"),
    ]


def _diversity(images: np.ndarray, real: np.ndarray, device: str) -> list[Measure]:
    from benchmark.stages.fidelity import diversity

    found = []
    for stack in (images, real):
        rng = np.random.default_rng(named_seed(0, "pairs of images"))
        pairs = rng.integers(0, max(len(stack), 1), (2, MOST_PAIRS))
        pairs = pairs[:, pairs[0] != pairs[1]]
        one = diversity(stack[pairs], device) if pairs.size else {}
        found.append({name: _mean(values) for name, values in one.items()})
    made, own = found
    return [
        Measure(
            "diversity, 1 - MS-SSIM",
            made.get("diversity"),
            own.get("diversity"),
            "of pairs of images; 0 is one image over and over",
        ),
        Measure(
            "SD of a pixel", made.get("pixel_sd"), own.get("pixel_sd"), "of pairs, grey range 0-1"
        ),
    ]


def _memory(
    data: Prepared, images: np.ndarray, rows: np.ndarray, tested: np.ndarray
) -> list[Measure]:
    """Distances to the nearest training slice, and its ratio to the nearest one of another case."""
    from benchmark.stages.memorisation import compared, nearest_distances

    vectors, owners = compared(data.images[rows]), data.case_index[rows]
    among = nearest_distances(vectors, vectors, owners, owners)
    finite = among[np.isfinite(among)]
    threshold = float(np.quantile(finite, COPY_QUANTILE)) if len(finite) else 0.0
    nobody = np.full(len(images), -1)
    sets = [(compared(images), nobody), (compared(data.images[tested]), data.case_index[tested])]
    near = [nearest_distances(one, vectors, own, owners) for one, own in sets]
    ratio = [nearest_ratio(one, own, vectors, owners) for one, own in sets]
    copied = [_mean((one[np.isfinite(one)] < threshold).astype(float)) for one in near]
    return [
        Measure.beside("to the nearest training slice", map(_mean, near), "0 a copy, 1.4 unlike"),
        Measure.beside("copied, share", copied, "nearer than 99 % of real slices to another case"),
        Measure.beside(
            "nearest-neighbour distance ratio",
            map(_mean, ratio),
            "nearest over nearest of another case; near 0: one image repeated",
        ),
    ]


def nearest_ratio(
    vectors: np.ndarray, own: np.ndarray, training: np.ndarray, owners: np.ndarray
) -> np.ndarray:
    """float64 (M,): distance of each vector to its nearest training slice over the distance to the
    nearest one of any further case; its own case (own, (M,)) is left out; nan without two cases."""
    found = np.full(len(vectors), np.nan)
    for row, vector in enumerate(vectors):
        far = np.sqrt(np.maximum(2 - 2 * (training @ vector).astype(np.float64), 0))
        others = owners != own[row]
        if not others.any():
            continue
        first = np.flatnonzero(others)[far[others].argmin()]
        rest = others & (owners != owners[first])
        if rest.any() and far[rest].min() > 0:
            found[row] = far[first] / far[rest].min()
    return found


def _distribution(
    judge: SegmenterJudge, images: np.ndarray, trained: np.ndarray, real: np.ndarray, device: str
) -> list[Measure]:
    from benchmark.stages.features import distances

    measures = []
    made, own, base = (judge.features(stack) for stack in (images, real, trained))
    if made is not None and own is not None and base is not None:
        far = [distances(one, base).get("frechet") for one in (made, own)]
        measures.append(
            Measure.beside(
                "Frechet distance (ours, no FID)", far, "to training slices, judge's features"
            )
        )
    weights = found(EFFICIENTNET_LITE0)
    if weights is None:
        return measures
    from baselines.networks.efficientnet import ImageFeatures

    features = ImageFeatures(weights, device)
    base = features(trained)
    both = [distances(features(stack), base) for stack in (images, real)]
    for name, word, other in (("frechet", "Frechet", "FID"), ("kernel", "kernel", "KID")):
        measures.append(
            Measure.beside(
                f"{word} distance of EfficientNet-Lite0 features",
                [one.get(name) for one in both],
                f"to training slices; no {other}",
            )
        )
    return measures


def _fidelity(folder: MadeFolder, data: Prepared, images: np.ndarray, device: str) -> list[Measure]:
    """Likeness to the slice that each image was made from, where the manifest names it."""
    from benchmark.stages.fidelity import image_metrics

    if not folder.sources:
        return []
    ids = {name: row for row, name in enumerate(data.slice_ids(np.arange(len(data.images))))}
    if unknown := [one for one in folder.sources.values() if one not in ids]:
        raise InputError(
            f"{folder.path}: sources names {len(unknown)} slices that the source does not have"
            f" ({some(unknown)}); its ids are such as {some(list(ids), 2)}."
        )
    places = {name: row for row, name in enumerate(folder.names)}
    made = images[[places[name] for name in folder.sources]]
    values = image_metrics(made, data.images[[ids[one] for one in folder.sources.values()]], device)
    return [
        Measure(name.upper().replace("_", "-"), _mean(found), None, "to its source, range 0-1")
        for name, found in values.items()
    ]


def _mean(values: np.ndarray) -> float | None:
    finite = np.asarray(values, float)[np.isfinite(values)]
    return float(f"{finite.mean():.5g}") if len(finite) else None
