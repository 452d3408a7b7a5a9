"""What every metric must satisfy, on random small masks: symmetry, identity, scaling, translation,
bounds, layout."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmark.metrics.case import case_metrics
from benchmark.metrics.definitions import DISTANCES, CaseMetrics

SCORES = ("dice", "precision", "recall", "nsd")
shapes = hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=7)
pairs = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape)))
steps = st.tuples(*[st.floats(0.2, 6.0)] * 3)


def measure(
    prediction: np.ndarray, truth: np.ndarray, spacing, tolerance: float = 1.0
) -> CaseMetrics:
    return case_metrics(prediction, truth, spacing, empty_policy="penalty", nsd_tolerance=tolerance)


@settings(max_examples=150, deadline=None)
@given(pairs, steps, st.floats(0, 5))
def test_symmetry_and_bounds(pair, step, tolerance):
    prediction, truth = pair
    spacing = step[: truth.ndim]
    one, other = (
        measure(prediction, truth, spacing, tolerance=tolerance),
        measure(truth, prediction, spacing, tolerance=tolerance),
    )
    for name in (*DISTANCES, "dice", "nsd"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12)
    assert one.precision == other.recall
    diagonal = float(np.linalg.norm(np.multiply(truth.shape, spacing)))
    assert all(0 <= getattr(one, name) <= 1 for name in SCORES)
    assert all(0 <= getattr(one, name) <= diagonal * (1 + 1e-12) for name in DISTANCES)
    assert (
        min(one.precision, one.recall) - 1e-12 <= one.dice <= max(one.precision, one.recall) + 1e-12
    )


@settings(max_examples=60, deadline=None)
@given(pairs, steps)
def test_a_mask_agrees_with_itself(pair, step):
    ours = measure(pair[0], pair[0], step[: pair[0].ndim], tolerance=0.0)
    assert [getattr(ours, name) for name in SCORES] == [1] * 4
    assert [getattr(ours, name) for name in DISTANCES] == [0] * 4


@settings(max_examples=100, deadline=None)
@given(pairs, steps, st.floats(0.1, 10))
def test_distances_scale_with_the_spacing(pair, step, factor):
    prediction, truth = pair
    spacing = step[: truth.ndim]
    one = measure(prediction, truth, spacing)
    scaled = measure(prediction, truth, [s * factor for s in spacing], tolerance=factor)
    for name in DISTANCES:
        assert getattr(scaled, name) == pytest.approx(
            getattr(one, name) * factor, rel=1e-9, abs=1e-12
        )
    assert (scaled.dice, scaled.volume_difference) == (one.dice, one.volume_difference)


@settings(max_examples=100, deadline=None)
@given(pairs, steps, st.tuples(*[st.integers(0, 9)] * 6))
def test_translation_and_margins_change_nothing(pair, step, margin):
    prediction, truth = pair
    assume(prediction.any() and truth.any())
    width = [(margin[2 * axis], margin[2 * axis + 1]) for axis in range(truth.ndim)]
    spacing = step[: truth.ndim]
    assert measure(
        np.pad(prediction, width), np.pad(truth, width), spacing
    ).model_dump() == pytest.approx(measure(prediction, truth, spacing).model_dump(), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(pairs, steps)
def test_any_memory_layout_and_both_types_give_the_same(pair, step):
    prediction, truth = pair
    spacing = step[: truth.ndim]
    expected = measure(prediction, truth, spacing)
    assert measure(np.asfortranarray(prediction), truth.astype(np.uint8), spacing) == expected
    flipped = measure(prediction[..., ::-1], truth[..., ::-1], spacing)
    assert flipped.model_dump() == pytest.approx(expected.model_dump(), rel=1e-12)
