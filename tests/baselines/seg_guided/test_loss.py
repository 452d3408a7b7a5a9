"""The losses of seg-guided: right values on small arrays."""

import numpy as np
import pytest
import torch

from baselines.scratch import diffusion
from baselines.seg_guided import loss
from baselines.seg_guided.sampling import euler
from baselines.seg_guided.settings import SegGuidedSettings
from baselines.seg_guided.training import usual_share

CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def grids(count=4):
    return torch.randn(count, 2, 3, 3, generator=generator(9))


def test_squared_and_absolute_errors():
    predicted, target = torch.tensor([[[[1.0, 4.0]]]]), torch.tensor([[[[3.0, 3.0]]]])
    assert loss.error(predicted, target, None, "l2").item() == (4 + 1) / 2
    assert loss.error(predicted, target, None, "l1").item() == (2 + 1) / 2
    weights = torch.tensor([[[[0.5, 2.0]]]])
    assert loss.error(predicted, target, weights, "l2").item() == (0.5 * 4 + 2 * 1) / 2
    assert loss.error(predicted, target, weights, "l1").item() == (0.5 * 2 + 2 * 1) / 2


def test_adaptive_weights_are_those_of_arsdm():
    """1 - p where the mask is, p elsewhere; p is each slice's own."""
    masks = torch.zeros(3, 1, 4, 4)
    masks[0, 0, 0, 0] = 1
    masks[1, 0, :2] = 1
    weights = loss.pixel_weights(masks, torch.tensor(0.25))
    assert weights[0, 0, 0, 0] == 15 / 16 and (weights[0].flatten()[1:] == 1 / 16).all()
    assert (weights[1] == 0.5).all()
    assert (weights[2] == 0.25).all()  # an empty mask: the usual share


def test_the_usual_share_is_that_of_slices_with_foreground():
    masks = np.zeros((3, 4, 4), np.uint8)
    masks[0, 0, 0], masks[1, :2] = 1, 1
    assert usual_share(masks) == pytest.approx((1 / 16 + 1 / 2) / 2)
    assert usual_share(masks[2:]) == 0.5


def test_a_whole_batch_loses_its_masks_by_one_draw():
    settings, rng = SegGuidedSettings(ablation=0.3), generator()
    sums = [loss.ablated(torch.ones(8, 1, 2, 2), settings, rng).sum().item() for _ in range(400)]
    assert set(sums) == {0, 32}
    assert np.mean(np.array(sums) == 0) == pytest.approx(0.3, abs=0.07)


def test_each_slice_may_lose_its_mask_on_its_own():
    settings = SegGuidedSettings(ablation=0.3, ablation_drawn="slice")
    kept = loss.ablated(torch.ones(2000, 1, 2, 2), settings, generator())
    assert set(kept.flatten(1).sum(1).tolist()) == {0, 4}
    assert kept.mean().item() == pytest.approx(0.7, abs=0.04)


def test_without_ablation_every_mask_is_shown():
    masks = torch.ones(4, 1, 2, 2)
    settings = SegGuidedSettings(ablation=0)
    assert all(torch.equal(loss.ablated(masks, settings, generator(n)), masks) for n in range(20))


def test_the_mask_is_shown_with_its_value_on_the_grid():
    masks = torch.zeros(1, 1, 4, 4)
    masks[0, 0, 1, 0] = 1
    for value in (1.0, 1 / 255):
        shown = loss.condition_grid(masks, SegGuidedSettings(unshuffle=2, mask_value=value))
        assert shown.shape == (1, 4, 2, 2)
        assert shown.sum().item() == pytest.approx(value)
        assert shown[0, 2, 0, 0].item() == pytest.approx(value)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_noise_is_the_target_of_diffusion(schedule):
    shares, grid = diffusion.signal_shares(CPU, schedule), grids(5)
    shown = loss.noised(grid, shares, generator())
    power = shares[shown.timesteps].reshape(-1, 1, 1, 1)
    found = (shown.noisy - power.sqrt() * grid) / (1 - power).sqrt()
    assert torch.allclose(found, shown.target, atol=1e-3)
    assert shown.timesteps.min() >= 0 and shown.timesteps.max() < diffusion.TIMESTEPS
    gaps = shown.timesteps.sort().values.diff()
    assert (gaps - 200).abs().max() <= 1  # evenly apart


def test_the_schedules_are_those_of_the_papers():
    linear = diffusion.signal_shares(CPU, "linear").double()
    expected = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))  # Ho et al. 2020
    assert linear.numpy() == pytest.approx(expected, rel=1e-4)
    cosine = diffusion.signal_shares(CPU, "cosine").double().numpy()
    place = np.arange(1, 1000) / 1000  # Nichol & Dhariwal 2021, but for its last, clipped step
    curve = (
        np.cos((place + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    )
    assert cosine[:-1] == pytest.approx(curve, rel=1e-3, abs=1e-6)


def test_flow_leads_from_the_image_to_the_noise():
    grid = grids(6)
    shown = loss.flowing(grid, generator())
    time = (shown.timesteps / diffusion.TIMESTEPS).reshape(-1, 1, 1, 1)
    assert (time >= 0).all() and (time < 1).all()
    assert torch.allclose(shown.noisy, grid + time * shown.target, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 7])
def test_the_true_flow_leads_back_to_the_image(steps):
    """Straight paths: one step of Euler is enough."""
    grid, noise = grids(), torch.randn(4, 2, 3, 3, generator=generator(1))
    told = []

    def oracle(noisy, timesteps):
        told.append(timesteps[0].item())
        return noise - grid

    assert torch.allclose(euler(oracle, noise, steps), grid, atol=1e-5)
    assert told == pytest.approx([1000 * (1 - n / steps) for n in range(steps)])
