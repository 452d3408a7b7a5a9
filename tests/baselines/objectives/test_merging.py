"""Merging masks follow paper III-D."""

import pytest
import torch

from baselines.objectives.merging import random_patch_mask
from benchmark.core.errors import InputError


def masks(batch=64, size=32, patch=8, alpha=0.5, seed=0):
    return random_patch_mask(batch, size, patch, alpha, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("alpha", [0.2, 0.6, 0.8])
def test_share_of_real_patches_is_alpha(alpha):
    drawn = masks(batch=2000, alpha=alpha)
    # 32,000 patches: standard error below 0.003
    assert drawn.mean().item() == pytest.approx(alpha, abs=0.01)
    per_sample = drawn.mean((1, 2, 3))
    assert per_sample.std() > 0.05, "samples of a batch share their patches"


@pytest.mark.parametrize(("alpha", "value"), [(0.0, 0.0), (1.0, 1.0)])
def test_alpha_zero_and_one_are_exact(alpha, value):
    assert torch.equal(masks(alpha=alpha), torch.full((64, 1, 32, 32), value))


def test_a_uniform_number_equal_to_alpha_is_synthetic(monkeypatch):
    """Entries BELOW alpha are real (III-D): at alpha 0 a drawn 0 is synthetic."""
    for alpha in (0.0, 0.5):
        drawn = torch.full((2, 1, 2, 2), alpha)
        monkeypatch.setattr(torch, "rand", lambda *shape, drawn=drawn, **more: drawn)
        assert not masks(batch=2, size=4, patch=2, alpha=alpha).any()


@pytest.mark.parametrize("patch", [1, 4, 8, 32])
def test_every_patch_is_one_value(patch):
    drawn = masks(patch=patch)
    assert drawn.shape == (64, 1, 32, 32)
    assert drawn.dtype == torch.float32
    blocks = drawn.unfold(2, patch, patch).unfold(3, patch, patch).reshape(64, -1, patch * patch)
    assert torch.equal(blocks.amin(-1), blocks.amax(-1))
    assert set(blocks.unique().tolist()) == {0.0, 1.0}


def test_same_seed_same_mask():
    assert torch.equal(masks(seed=3), masks(seed=3))
    assert not torch.equal(masks(seed=3), masks(seed=4))


@pytest.mark.parametrize("patch", [0, 5, 33, 64])
def test_patch_that_does_not_divide_is_refused_with_the_choices(patch):
    with pytest.raises(InputError, match="1, 2, 4, 8, 16, 32"):
        masks(patch=patch)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(InputError, match="alpha"):
        masks(alpha=alpha)
