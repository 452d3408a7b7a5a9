"""Surfaces, bounding boxes, and both ways to a surface distance."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from benchmark.metrics import surfaces
from benchmark.metrics.surfaces import bounding_box, surface, surface_distances


def ellipsoid(shape, centre, radii) -> np.ndarray:
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True)) <= 1


def test_surface_equals_mask_xor_erosion():
    rng = np.random.default_rng(0)
    for shape in ((7, 8, 9), (12, 13), (1, 1), (1, 5, 5)):
        mask = rng.random(shape) < 0.7
        for layout in (np.ascontiguousarray, np.asfortranarray):
            np.testing.assert_array_equal(surface(layout(mask)), mask ^ binary_erosion(mask))


def test_the_transform_for_noise_gives_the_numbers_of_the_tree(monkeypatch):
    rng = np.random.default_rng(3)
    truth, noise = ellipsoid((20, 40, 40), (10, 20, 20), (6, 9, 11)), rng.random((20, 40, 40)) < 0.3
    by_tree = surface_distances(noise, truth, (2.0, 0.7, 0.9))
    monkeypatch.setattr(surfaces, "MINIMUM_TRANSFORM_QUERIES", 100)
    by_transform = surface_distances(noise, truth, (2.0, 0.7, 0.9))
    np.testing.assert_allclose(
        by_transform.prediction_to_truth, by_tree.prediction_to_truth, rtol=1e-12
    )
    np.testing.assert_allclose(
        by_transform.truth_to_prediction, by_tree.truth_to_prediction, rtol=1e-12
    )


def test_noise_takes_the_transform_and_organs_the_tree(monkeypatch):
    taken = []
    original = surfaces.distance_transform_edt
    monkeypatch.setattr(
        surfaces, "distance_transform_edt", lambda *a, **k: taken.append(1) or original(*a, **k)
    )
    truth = ellipsoid((16, 200, 200), (8, 100, 100), (7, 60, 70))
    surface_distances(np.roll(truth, 5, axis=2), truth, (3, 1, 1))
    assert not taken
    surface_distances(np.random.default_rng(0).random(truth.shape) < 0.5, truth, (3, 1, 1))
    assert len(taken) == 1


def test_bounding_box():
    mask = np.zeros((4, 5, 6), bool)
    assert bounding_box(mask) is None
    mask[1:3, 0, 2] = mask[2, 4, 5] = True
    assert bounding_box(mask) == (slice(1, 3), slice(0, 5), slice(2, 6))
    with pytest.raises(ValueError, match="not empty"):
        surface_distances(mask, np.zeros_like(mask), (1, 1, 1))


@pytest.mark.parametrize(
    ("queries", "voxels", "transform"),
    [
        (200_000, 1_000_000, False),
        (200_001, 1_000_000, True),
        (200_001, 8_000_000, True),
        (250_000, 10_000_000, False),
        (250_001, 10_000_000, True),
    ],
)
def test_the_transform_is_taken_above_200_000_queries_and_a_fortieth_of_the_voxels(
    queries, voxels, transform
):
    assert surfaces._prefers_transform(queries, voxels) == transform


def test_each_way_has_the_distances_of_its_own_surface(monkeypatch):
    """One true pixel and a row of five: by hand, both by the tree and by the transform."""
    point, row = np.zeros((2, 4, 9), bool)
    point[1, 2], row[3, 2:7] = True, True
    forth, back = [np.hypot(2 * 2.0, 0.5 * n) for n in range(5)], [4.0]
    for floor in (10, 0):
        monkeypatch.setattr(surfaces, "MINIMUM_TRANSFORM_QUERIES", floor)
        monkeypatch.setattr(surfaces, "VOXELS_PER_QUERY", 1000)
        found = surface_distances(row, point, (2.0, 0.5))
        assert sorted(found.prediction_to_truth) == pytest.approx(forth)
        assert found.truth_to_prediction == pytest.approx(back)
    for empty in ((point, ~point & point), (~point & point, point)):
        with pytest.raises(ValueError, match="not empty"):
            surface_distances(*empty, (1.0, 1.0))
