"""Near copies on made images: moved, brightened and cropped ones are found, other images are not;
and on BUSI, where pairs were looked at."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from datasets.cases import Case, CaseInfo
from datasets.copies import finder
from datasets.copies.correlation import Correlations
from datasets.copies.finder import CopyPair, case_views, clusters_of, find_copies
from datasets.copies.known import copies_of
from datasets.folds import copied_cases
from datasets.sources.base import SourceOptions
from datasets.sources.open import open_source
from datasets.tasks.breast import TASK as BREAST


def picture(seed: int, height: int = 240, width: int = 300) -> np.ndarray:
    """float32 (height, width): darker from top to bottom as ultrasound is, with a shape and
    speckle."""
    rng = np.random.default_rng(seed)
    rough = ndimage.gaussian_filter(rng.normal(size=(height, width)), 12)
    fine = ndimage.gaussian_filter(rng.normal(size=(height, width)), 3)
    depth = np.linspace(1, 0, height)[:, None]
    return (120 * depth + 25 * rough / rough.std() + 12 * fine / fine.std()).astype(np.float32)


def case(name: str, *slices: np.ndarray) -> Case:
    image = np.stack(slices)
    return Case(CaseInfo(name, name), image, np.zeros(image.shape, np.uint8), (1.0, 1.0, 1.0), "px")


def found(**images: np.ndarray) -> tuple[tuple[str, ...], ...]:
    """Clusters among 16 images of their own and `images`."""
    cases = [case(str(seed), picture(seed)) for seed in range(16)]
    cases += [case(name, image) for name, image in images.items()]
    views = {one.info.id: case_views(one) for one in cases}
    return clusters_of(find_copies(views), list(views))


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The image moved over an unknown surrounding, which is that of another image."""
    around = picture(99, *image.shape)
    height, width = image.shape
    around[down:, right:] = image[: height - down, : width - right]
    return around


def test_different_images_are_no_copies():
    assert found() == ()


def test_a_moved_brightened_and_noisy_copy_is_found():
    noise = np.random.default_rng(5).normal(0, 2, (240, 300))
    changed = (0.6 * moved(picture(3), 20, 25) + 70 + noise).astype(np.float32)
    assert found(copy=changed) == (("3", "copy"),)


def test_a_cropped_copy_of_another_size_is_found():
    assert found(copy=picture(7)[4:236, 5:295]) == (("7", "copy"),)
    halved = picture(7).reshape(120, 2, 150, 2).mean((1, 3))
    assert found(copy=halved) == (("7", "copy"),)


def test_an_image_that_is_alike_in_the_whole_alone_is_no_copy(monkeypatch):
    """Dark below and bright above, as all ultrasound images are."""
    dull = [0.15 * picture(seed) + 120 * np.linspace(1, 0, 240)[:, None] for seed in (3, 40)]
    views = [case_views(case("", image.astype(np.float32))) for image in dull]
    pair = Correlations(np.concatenate(views), 12).best(0, np.array([1]))
    assert pair > finder.LEAST_WHOLE
    assert found(dull=dull[1]) == ()


def test_flat_images_are_no_copies():
    flat = np.zeros((50, 50), np.float32)
    views = {name: case_views(case(name, flat)) for name in "abc"}
    assert find_copies(views) == []
    assert find_copies({}) == []


def test_copies_of_volumes_are_found_by_their_central_slices():
    volumes = {
        str(seed): [picture(100 * seed + z, 60, 60) for z in range(9)] for seed in range(1, 9)
    }
    volumes["copy"] = [2 * image + 5 for image in volumes["4"][1:]]
    views = {name: case_views(case(name, *slices)) for name, slices in volumes.items()}
    assert {len(view) for view in views.values()} == {finder.CENTRAL_SLICES}
    assert clusters_of(find_copies(views), list(views)) == (("4", "copy"),)


def test_correlations_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    images = ndimage.gaussian_filter(rng.normal(size=(3, 20, 20)), (0, 1, 1)).astype(np.float32)
    best = Correlations(images, 3).best(0, np.array([1, 2]))
    for other, value in zip((1, 2), best, strict=True):
        expected = max(
            np.corrcoef(_part(images[0], y, x).ravel(), _part(images[other], -y, -x).ravel())[0, 1]
            for y in range(-3, 4)
            for x in range(-3, 4)
        )
        assert value == pytest.approx(expected, abs=1e-5)


def _part(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """What of an image another one covers that is moved by so much."""
    height, width = image.shape
    return image[
        max(down, 0) : height + min(down, 0),
        max(right, 0) : width + min(right, 0),
    ]


def test_clusters_join_over_others_and_stand_in_the_sources_order():
    pairs = [CopyPair(*names, 1.0, 1.0) for names in ("cb", "da", "bf")]
    assert clusters_of(pairs, "gabcdef") == (("a", "d"), ("b", "c", "f"))


def test_a_source_is_searched_once_and_a_phantom_never(tmp_path, monkeypatch):
    cache = tmp_path / "copies.json"
    source = open_source("breast", "phantom", phantom_cases=3, phantom_size=32)
    assert copies_of(source, cache) == () and not cache.exists()
    monkeypatch.setattr(source, "kind", "folder")
    assert copies_of(source, cache) == ()
    (fingerprint,) = json.loads(cache.read_text())
    assert fingerprint == source.fingerprint()
    monkeypatch.setattr(source, "load", None)
    assert copies_of(source, cache) == ()


def busi(data_root):
    return open_source(
        "breast",
        "busi",
        data_root / "busi",
        phantom_cases=1,
        phantom_size=32,
        options=SourceOptions("malignant", allow_incomplete=True),
    )


# Pairs of malignant images of BUSI that were looked at, one by one.
LOOKED_AT = (
    (3, 4, 5, 6, 7, 8, 9),
    *((10, 112), (12, 110), (13, 109), (14, 123), (15, 111), (17, 88)),
    *((18, 116), (34, 92), (39, 42), (96, 97), (118, 119)),
)


@pytest.mark.data
def test_the_copies_of_busi_are_found_and_are_those_of_the_committed_list(data_root):
    clusters = copies_of(busi(data_root), None)
    for numbers in LOOKED_AT:
        names = {f"malignant ({number})" for number in numbers}
        assert any(names <= set(cluster) for cluster in clusters), names
    assert clusters == BREAST.published.copies


@pytest.mark.data
def test_no_test_image_of_busi_has_a_copy_in_its_fold_under_rigorous(data_root):
    request = Request(
        dataset="breast",
        method="none",
        preset="compact",
        source="busi",
        data_root=data_root / "busi",
        allow_incomplete=True,
        folds=None,
    )
    found = {}
    for rule in ("grouped", "per-image"):
        settled = settle(replace(request, sets=(f"copies={rule}",)))
        opened = open_request(settled)
        views = {case.id: case_views(opened.source.load(case.id)) for case in opened.cases}
        places = {case: place for place, case in enumerate(views)}
        plain = Correlations(np.concatenate(list(views.values())), 12)
        found[rule] = 0
        for run in resolve(settled, opened):
            parts = plan_run(run, opened.cases, opened.options, copies=opened.copies).split
            others = parts.train + parts.validation
            rest = np.array([places[case] for case in others])
            alike = [plain.best(places[case], rest).max() > 0.93 for case in parts.test]
            copied = copied_cases(parts.test, others, opened.copies)
            assert rule == "per-image" or not copied
            found[rule] += sum(alike)
    assert found == {"grouped": 0, "per-image": 23}


@pytest.mark.data
def test_promise12_has_no_copies(data_root):
    source = open_source(
        "prostate", "msd", data_root / "promise12", phantom_cases=1, phantom_size=32
    )
    assert copies_of(source, None) == ()
