"""Edge maps with parts left out, thinned and deformed: the mask boundary stays exactly as it is."""

import numpy as np
import pytest
import torch

from baselines.scratch.settings import LARGEST_WARP, GeneratorSettings, SamplingSettings
from baselines.scratch.slice_augmentation import (
    addressed_edges,
    mask_boundary,
    random_edges,
    random_geometry,
    thin_edges,
    warp,
)

SIDE = 64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def masks():
    masks = torch.zeros(4, 1, SIDE, SIDE)
    masks[:, :, 20:40, 24:44] = 1
    return masks


@pytest.fixture
def edges(masks):
    found = torch.rand(4, 1, SIDE, SIDE, generator=generator()) * 0.9
    return torch.where(mask_boundary(masks), 1.0, found)


def draws(count=4, salt=0):
    return lambda purpose: [
        np.random.default_rng([salt, number, len(purpose)]) for number in range(count)
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"edge_dropout": 0.5},
        {"edge_dropout": 0, "edge_thinning": 0.8},
        {"edge_dropout": 0, "edge_warp": 0.05},
    ],
)
def test_every_knob_changes_edges_by_its_own_random_numbers_and_keeps_the_boundary(
    masks, edges, change
):
    sampling = SamplingSettings(**change)
    one, again, other = (
        addressed_edges(edges, masks, sampling, draws(salt=salt)) for salt in (0, 0, 1)
    )
    boundary = mask_boundary(masks)
    assert torch.equal(one, again)
    for changed in (one, other):
        assert torch.equal(changed[boundary], edges[boundary])
        assert (changed != edges)[~boundary].float().mean() > 0.1
    assert (one != other).flatten(1).any(1).all()
    half = SamplingSettings(**change | {name: value / 4 for name, value in change.items()})
    less = addressed_edges(edges, masks, half, draws())
    assert (less - edges).abs().mean() < (one - edges).abs().mean()


def test_a_dropout_of_one_leaves_the_mask_boundary_and_nothing_else(masks, edges):
    for more in ({}, {"edge_warp": 0.05, "edge_thinning": 0.9}):
        only = addressed_edges(edges, masks, SamplingSettings(edge_dropout=1, **more), draws())
        assert torch.equal(only, torch.where(mask_boundary(masks), edges, 0))


def test_thinning_drops_the_weakest_first(masks, edges):
    thinned = thin_edges(edges, masks, torch.full((4, 1, 1, 1), 0.5))
    for before, after in zip(edges, thinned, strict=True):
        assert before[after == 0].max() <= before[after > 0].min()
        assert (after == 0).float().mean() == pytest.approx(0.5, abs=0.01)
    assert torch.equal(thin_edges(edges, masks, torch.zeros(4, 1, 1, 1)), edges)


def test_a_warp_is_smooth_bounded_and_fades_towards_the_mask(masks):
    """Coordinates are warped, so that the change of a value is how far its pixel came from."""
    down, across = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    planes = torch.stack([down, across]).float().expand(4, 2, SIDE, SIDE)
    uniform = torch.rand(4, 2, 5, 5, generator=generator())
    moved = warp(planes, masks, uniform, torch.full((4, 1, 1, 1), LARGEST_WARP)) - planes
    assert (moved[mask_boundary(masks).expand_as(moved)] == 0).all()
    assert 1 < moved.abs().max() < LARGEST_WARP * SIDE + 1e-3
    inside = moved[:, :, 4:-4, 4:-4]  # beyond the border there is nothing to move in
    assert inside.diff(dim=-1).abs().max() < 1  # no fold: no pixel overtakes its neighbour
    assert inside.diff(dim=-2).abs().max() < 1
    near = torch.nn.functional.max_pool2d(mask_boundary(masks).float(), 3, 1, 1) > 0
    assert moved[near.expand_as(moved)].abs().max() < 0.4


def test_training_deforms_image_and_edges_together(masks, edges):
    settings = GeneratorSettings(edge_warp=0.05, edge_dropout=0)
    images, kept, changed = random_edges(torch.cat([edges, masks, edges], 1), settings, generator())
    assert torch.equal(images, changed) and torch.equal(kept, masks)
    assert (images - edges).abs().mean() > 0.01


def test_training_thins_edges_alone(masks, edges):
    settings = GeneratorSettings(edge_thinning=0.9, edge_dropout=0)
    images, _, changed = random_edges(torch.cat([edges, masks, edges], 1), settings, generator())
    assert torch.equal(images, edges)
    gone = (changed == 0).flatten(1).float().mean(1)
    assert (gone > 0.02).all() and gone.std() > 0.05  # each slice has a share of its own


def test_places_are_not_rounded_where_the_network_computes_in_bfloat16(masks):
    planes = torch.rand(4, 3, 128, 128, generator=generator())
    masks = torch.nn.functional.interpolate(masks, size=(128, 128))
    uniform, largest = torch.rand(4, 2, 5, 5, generator=generator()), torch.full((4, 1, 1, 1), 0.05)
    settings = GeneratorSettings()
    plain = (
        random_geometry(planes, settings, generator(1)),
        warp(planes, masks, uniform, largest),
    )
    with torch.autocast("cpu", torch.bfloat16):
        rounded = torch.eye(3)[None] @ torch.full((1, 3, 1), 0.3)
        assert rounded.dtype == torch.bfloat16  # autocast is at work here
        inside = (
            random_geometry(planes, settings, generator(1)),
            warp(planes, masks, uniform, largest),
        )
    for one, other in zip(plain, inside, strict=True):
        assert torch.equal(one, other)
