"""Finds near copies among the cases of any source, and puts them into clusters.

Every 2D image is seen at 96 x 96 px; of a volume, its five central slices are. Two of them are near
copies if both hold, at the best shift of up to 12 px, whatever their brightness and contrast:
- the whole image (smoothed by 1 px) correlates above 0.93;
- its detail (a Gaussian of 8 px taken away) correlates more than that of different images of the
  same source does: above their median by six robust SDs (on Fisher's scale), within 0.35 to 0.85.
The second rule is there because aligned anatomy, or the dark lower half of every ultrasound image,
makes different patients alike in the whole. How pairs around the thresholds look, and how long it
takes: docs/measurements.md. Not found: copies that are turned, mirrored or enlarged, volumes that
share no slice near their centre, and images below 32 px a side.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from datasets.cases import Case
from datasets.copies.correlation import Correlations

SIDE_PX, MOST_SHIFT_PX = 96, 12
SMALLEST_PX = 32  # images with a shorter side hold too little detail to be told apart
CENTRAL_SLICES = 5
LEAST_WHOLE = 0.93
LEAST_DETAIL, MOST_DETAIL = 0.35, 0.85
ROBUST_SDS = 6
_WHOLE_SIGMA_PX, _DETAIL_SIGMA_PX = 1.0, 8.0
# Pairs are looked at in half the size first; this much less they may correlate there.
_COARSE, _COARSE_SLACK = 2, 0.06
# Pairs whose detail says what is usual in the source: at most so many, and too few say nothing.
_SAMPLED_PAIRS, _FEWEST_PAIRS = 20_000, 100


@dataclass(frozen=True)
class CopyPair:
    """Two cases with a near copy. whole, detail: the correlations of the pair of images that is
    most alike."""

    first: str
    second: str
    whole: float
    detail: float


def case_views(case: Case) -> np.ndarray:
    """The images by which a case is compared: float32 (n, 96, 96), its central slices; none of
    slices below 32 px a side."""
    if min(case.image.shape[1:]) < SMALLEST_PX:
        return np.zeros((0, SIDE_PX, SIDE_PX), np.float32)
    first = max(0, len(case.image) // 2 - CENTRAL_SLICES // 2)
    size = (SIDE_PX, SIDE_PX)
    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
            for image in case.image[first : first + CENTRAL_SLICES]
        ]
    )


def find_copies(views: Mapping[str, np.ndarray]) -> list[CopyPair]:
    """All pairs of cases with a near copy, those most alike first. views: by case id, of
    `case_views`."""
    ids = list(views)
    owner = np.repeat(np.arange(len(ids)), [len(found) for found in views.values()])
    if len(owner) < 2:
        return []
    images = np.concatenate(list(views.values())).astype(np.float32)
    wholes = ndimage.gaussian_filter(images, (0, _WHOLE_SIGMA_PX, _WHOLE_SIGMA_PX), mode="reflect")
    blurred = ndimage.gaussian_filter(
        images, (0, _DETAIL_SIGMA_PX, _DETAIL_SIGMA_PX), mode="reflect"
    )
    whole = Correlations(wholes, MOST_SHIFT_PX)
    detail = Correlations(images - blurred, MOST_SHIFT_PX)
    least = _least_detail(detail, owner)
    found: dict[tuple[int, int], CopyPair] = {}
    for one, others in _candidates(wholes, owner):
        likeness = whole.best(one, others)
        others, likeness = others[likeness > LEAST_WHOLE], likeness[likeness > LEAST_WHOLE]
        for other, alike, same in zip(others, likeness, detail.best(one, others), strict=True):
            cases = int(owner[one]), int(owner[other])
            if same > least and (cases not in found or found[cases].detail < same):
                found[cases] = CopyPair(ids[cases[0]], ids[cases[1]], float(alike), float(same))
    return sorted(found.values(), key=lambda pair: -pair.detail)


def clusters_of(pairs: Iterable[CopyPair], order: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The cases of `order` that copies join, directly or over others; clusters and the cases in
    them stand in that order, the source's."""
    cluster_of = {case: [case] for case in order}
    for pair in pairs:
        first, second = cluster_of.get(pair.first), cluster_of.get(pair.second)
        if first is not None and second is not None and first is not second:
            first += second
            cluster_of |= dict.fromkeys(second, first)
    place = {case: index for index, case in enumerate(order)}
    clusters = {id(cluster): cluster for cluster in cluster_of.values() if len(cluster) > 1}
    sorted_clusters = [sorted(cluster, key=place.__getitem__) for cluster in clusters.values()]
    return tuple(map(tuple, sorted(sorted_clusters, key=lambda cluster: place[cluster[0]])))


def _candidates(wholes: np.ndarray, owner: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(image, the later images of other cases that may be its copies), by a look in half the
    size."""
    count, side = len(wholes), SIDE_PX // _COARSE
    small = wholes.reshape(count, side, _COARSE, side, _COARSE).mean((2, 4))
    coarse = Correlations(small, MOST_SHIFT_PX // _COARSE)
    for one in range(count - 1):
        others = one + 1 + np.flatnonzero(owner[one + 1 :] != owner[one])
        near = others[coarse.best(one, others) > LEAST_WHOLE - _COARSE_SLACK]
        if len(near):
            yield one, near


def _least_detail(detail: Correlations, owner: np.ndarray) -> float:
    """The correlation that the detail of copies must exceed, from what is usual in this source."""
    count = len(owner)
    stride = -(-count * (count - 1) // 2 // _SAMPLED_PAIRS)
    usual = []
    for one in range(count - 1):
        others = one + 1 + np.flatnonzero(owner[one + 1 :] != owner[one])
        usual.append(detail.best(one, others[one % stride :: stride]))
    values = np.arctanh(np.clip(np.concatenate(usual), -0.9999, 0.9999))
    if len(values) < _FEWEST_PAIRS:
        return MOST_DETAIL
    median = np.median(values)
    robust_sd = 1.4826 * np.median(abs(values - median))
    return float(np.clip(np.tanh(median + ROBUST_SDS * robust_sd), LEAST_DETAIL, MOST_DETAIL))
