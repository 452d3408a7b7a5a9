"""Agreement, memorisation, distribution distance and the filter, against answers known
beforehand."""

import numpy as np
import pytest
import torch

from baselines.networks.architectures import build
from baselines.objectives.sample_filter import SampleFilter
from benchmark.stages.memorisation import (
    compared,
    deepest_features,
    frechet_distance,
    nearest_distances,
    paired_distances,
)
from tests.benchmark.stages.test_fidelity import pictures

CPU = torch.device("cpu")


def test_a_copied_set_is_detected_whatever_its_brightness():
    training = pictures(8)
    vectors = compared(training)
    darker = compared((training * 0.6 + 10).astype(np.uint8))
    assert np.all(nearest_distances(darker, vectors) < 0.05)
    assert np.all(nearest_distances(compared(pictures(8, seed=5)), vectors) > 0.5)
    owners = np.arange(8) // 2
    assert np.all(nearest_distances(vectors, vectors, owners, owners) > 0.5), "own case left out"
    assert paired_distances(vectors, vectors) == pytest.approx(0, abs=1e-3)
    assert paired_distances(vectors, -vectors) == pytest.approx(2, abs=1e-6)


def test_with_one_case_alone_there_is_no_other():
    vectors, owners = compared(pictures(3)), np.zeros(3, int)
    assert np.all(np.isinf(nearest_distances(vectors, vectors, owners, owners)))
    assert np.all(np.isfinite(compared(np.full((1, 16, 16), 7, np.uint8)))), (
        "a flat image has no direction"
    )


def test_frechet_distance_of_normal_distributions():
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(40_000, 3))
    assert frechet_distance(unit, unit) == pytest.approx(0, abs=1e-9)
    moved = unit + [3.0, 4.0, 0.0]
    assert frechet_distance(unit, moved) == pytest.approx(25, rel=1e-6)
    # Diagonal covariances s^2 and t^2: sum (s - t)^2.
    wide = rng.normal(size=(40_000, 3)) * [2.0, 1.0, 0.5]
    assert frechet_distance(unit, wide) == pytest.approx(1 + 0.25, rel=0.05)
    # Fewer images than features still have a distance.
    assert np.isfinite(frechet_distance(rng.normal(size=(5, 20)), rng.normal(size=(6, 20))))


@pytest.mark.parametrize(
    ("name", "channels"), [("unet", 256), ("attention-unet", 256), ("smp:unet:resnet18", 512)]
)
def test_features_are_those_of_the_bottleneck(name, channels):
    model = build(name, 64, seed=0)
    images = pictures(5)
    found = deepest_features(model, images, CPU)
    assert found.shape == (5, channels) and found.std(0).max() > 0
    again = deepest_features(model, images[2:3], CPU)
    assert again[0] == pytest.approx(found[2], abs=1e-4)
    assert not any(layer._forward_hooks for layer in model.modules())


def agreement():
    return np.array([[0.9, 0.2, np.nan, 0.1], [0.3, 0.8, np.nan, 0.2], [0.8, 0.9, np.nan, 0.3]])


def test_dropped_variants_are_replaced_by_kept_ones_of_their_slice():
    chosen = SampleFilter(agreement(), 0.7, CPU)
    assert chosen.counts == {"offered": 12, "kept": 7, "dropped": 5, "slices_real_only": 1}
    variants = torch.arange(12, dtype=torch.uint8).reshape(3, 4, 1, 1).expand(3, 4, 2, 2)
    real = torch.full((4, 2, 2), 99, dtype=torch.uint8)
    seen = chosen.over(variants, real)
    assert len(seen) == 3
    shown = {
        row: {int(seen[torch.tensor([v]), torch.tensor([row])][0, 0, 0]) for v in range(3)}
        for row in range(4)
    }
    assert shown == {0: {0, 8}, 1: {5, 9}, 2: {2, 6, 10}, 3: {99}}


def test_a_filter_that_keeps_all_changes_nothing():
    chosen = SampleFilter(agreement(), 0.0, CPU)
    assert chosen.counts["dropped"] == 0 and not chosen.real_only.any()
    assert torch.equal(chosen.places, torch.arange(3)[:, None].expand(3, 4))
