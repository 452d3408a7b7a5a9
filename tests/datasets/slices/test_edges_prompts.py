"""Edge maps hold image edges and the mask's boundary; prompts are triplets; phrases are
distinct."""

import numpy as np
import pytest

from benchmark.core.errors import InputError
from datasets.prompts import AUGMENTATION_PHRASES
from datasets.slices.edges import EDGES, edge_map, mask_boundary
from datasets.tasks.catalogue import TASKS


@pytest.fixture
def step():
    image = np.full((40, 48), 50, np.uint8)
    image[:, 24:] = 180
    return image


@pytest.mark.parametrize("detector", list(EDGES))
def test_an_edge_lies_where_the_image_changes(step, detector):
    edges = edge_map(step, np.zeros_like(step), detector)
    assert edges.dtype == np.uint8
    assert edges.shape == step.shape
    assert edges[5:-5, 23:25].max() == 255
    assert edges[:, :18].max() == 0
    assert edges[:, 30:].max() == 0


@pytest.mark.parametrize("detector", list(EDGES))
def test_a_flat_image_has_no_edges_but_the_masks_boundary(detector):
    flat = np.full((40, 40), 90, np.uint8)
    mask = np.zeros((40, 40), np.uint8)
    assert not edge_map(flat, mask, detector).any()
    mask[10:20, 12:30] = 1
    edges = edge_map(flat, mask, detector)
    assert edges[9, 20] == edges[10, 20] == 255
    assert edges[15, 12] == 255
    assert edges[14, 20] == 0
    assert edges[5, 5] == 0


def test_image_edges_and_boundary_add_up_and_are_clipped(step):
    mask = np.zeros_like(step)
    mask[10:20, 20:28] = 1
    both = edge_map(step, mask, "scharr")
    apart = edge_map(step, np.zeros_like(step), "scharr").astype(int) + mask_boundary(mask)
    assert apart.max() > 255
    assert np.array_equal(both, np.minimum(apart, 255))


def test_weak_edges_are_weaker_than_strong_ones():
    weak, strong = np.zeros((2, 30, 30), np.uint8)
    weak[:, 15:], strong[:, 15:] = 10, 40
    none = np.zeros((30, 30), np.uint8)
    assert 0 < edge_map(weak, none).max() < edge_map(strong, none).max() < 255


def test_wrong_calls_are_refused(step):
    with pytest.raises(InputError, match="unknown edge detector 'schar' .did you mean 'scharr'"):
        edge_map(step, np.zeros_like(step), "schar")
    with pytest.raises(InputError, match="one 2D shape"):
        edge_map(step, np.zeros((3, 3), np.uint8))


def test_prompts_are_triplets():
    for task in TASKS.values():
        assert len(task.words) == 3
        assert task.prompt() == ", ".join(task.words)
    assert TASKS["breast"].prompt("benign") == "ultrasound, breast, benign lesion"
    with pytest.raises(InputError, match="unknown dataset 'brest' .did you mean 'breast'"):
        TASKS.named("brest")


def test_phrases_start_with_those_of_the_paper_and_never_repeat():
    assert AUGMENTATION_PHRASES[:4] == (
        "enhanced contrast",
        "high resolution",
        "darkened image",
        "median filter",
    )
    assert len(set(AUGMENTATION_PHRASES)) == len(AUGMENTATION_PHRASES) == 50
