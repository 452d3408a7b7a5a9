"""DeepStack and TrivialAugment: their strengths, one reading of the pixels, and images that are
left alone."""

import pytest
import torch
from torch.nn import functional

from baselines.transforms.augmenter import make_augmenter
from baselines.transforms.single.gamma import adjust_gamma
from baselines.transforms.single.scale import Scale
from baselines.transforms.stacks.deepstack import DeepStack
from baselines.transforms.stacks.trivial_augment import OPERATIONS, TrivialAugment
from tests.support.augment_data import SIZE, batch, drawn_many, generator


def test_strengths_of_deepstack():
    """Q22."""
    drawn = drawn_many("deepstack")
    for key, neutral, share, low, high in (
        ("elastic_alpha_px", 0, 0.2, 0, 200),
        ("angle_deg", 0, 0.2, -180, 180),
        ("scale", 1, 0.2, 0.85, 1.25),
        ("gamma", 1, 0.3, 0.7, 1.5),
    ):
        used = drawn[key][drawn[key] != neutral]
        assert len(used) / len(drawn[key]) == pytest.approx(share, abs=0.02)
        assert (
            low <= used.min() < low + 0.02 * (high - low)
            and high - 0.02 * (high - low) < used.max() <= high
        )
    assert drawn["elastic_sigma_px"].min() >= 9 and drawn["elastic_sigma_px"].max() <= 13
    assert drawn["mirror_x"].float().mean() == pytest.approx(0.5, abs=0.02)


def neutral_deepstack(n: int) -> dict[str, torch.Tensor]:
    drawn = DeepStack().draw(torch.zeros(n, 1, SIZE, SIZE), generator())
    off = {"elastic_alpha_px": 0.0, "angle_deg": 0.0, "scale": 1.0, "gamma": 1.0}
    drawn |= {key: torch.full((n,), value) for key, value in off.items()}
    return drawn | {key: torch.zeros(n, dtype=torch.bool) for key in ("mirror_x", "mirror_y")}


def test_deepstack_leaves_unchosen_images_bit_for_bit():
    images, masks = batch(4)
    drawn = neutral_deepstack(4)
    drawn["angle_deg"][2] = 30.0
    drawn["gamma"][3] = 1.4
    new, labels = DeepStack().apply(images, masks, drawn)
    assert torch.equal(new[:2], images[:2]) and torch.equal(labels[:2], masks[:2])
    assert not torch.equal(new[2], images[2]) and not torch.equal(labels[2], masks[2])
    assert torch.equal(new[3], adjust_gamma(images, drawn["gamma"], retain_stats=True)[3])


def test_deepstack_joins_its_geometry_into_one_reading(monkeypatch):
    images, masks = batch(2)
    drawn = neutral_deepstack(2)
    drawn |= {"mirror_x": torch.ones(2).bool(), "angle_deg": torch.full((2,), 90.0)}
    new, labels = DeepStack().apply(images, masks, drawn)
    # Rotated, then mirrored: exact only if the pixels are read once, on the grid.
    assert torch.allclose(new, images.rot90(1, (2, 3)).flip(3), atol=1e-4)
    assert torch.equal(labels, masks.rot90(1, (1, 2)).flip(2))
    modes = []
    original = functional.grid_sample
    monkeypatch.setattr(
        functional,
        "grid_sample",
        lambda *a, **k: modes.append(k.get("mode", "bilinear")) or original(*a, **k),
    )
    make_augmenter("deepstack")(images, masks, generator())
    assert sorted(modes) == ["bilinear", "nearest"]


def test_deepstack_scales_and_bends():
    images, masks = batch(2)
    drawn = neutral_deepstack(2)
    drawn["scale"] = torch.tensor([1.25, 1.0])
    drawn["elastic_alpha_px"] = torch.tensor([0.0, 200.0])
    new, labels = DeepStack().apply(images, masks, drawn)
    scaled, scaled_labels = Scale().apply(images, masks, {"scale": torch.full((2,), 1.25)})
    inner = slice(8, -8)
    assert torch.allclose(new[0, :, inner, inner], scaled[0, :, inner, inner], atol=1e-5)
    assert torch.equal(labels[0], scaled_labels[0])
    # A bent label keeps its size roughly, and some of its pixels move.
    assert labels[1].sum() == pytest.approx(int(masks[1].sum()), rel=0.25)
    assert (labels[1] != masks[1]).sum() > 0.02 * masks[1].sum()


def test_deepstack_fills_with_the_mean():
    images, masks = batch(1)
    drawn = neutral_deepstack(1) | {"angle_deg": torch.tensor([45.0])}
    new, labels = DeepStack().apply(images, masks, drawn)
    assert torch.allclose(new[0, 0, 0, 0], images.mean(), atol=1e-6) and labels[0, 0, 0] == 0


@pytest.mark.parametrize("operation", OPERATIONS)
def test_trivial_augment_operation(operation):
    images, masks = batch(3)
    transform = TrivialAugment()
    drawn = transform.draw(images, generator())
    index = OPERATIONS.index(operation)
    drawn |= {
        "operation": torch.tensor([0, index, index]),
        "strength": torch.tensor([1.0, 0.0, 0.9]),
    }
    new, labels = transform.apply(images, masks, drawn)
    # "identity" at any strength
    assert torch.equal(new[0], images[0]) and torch.equal(labels[0], masks[0])
    # strength 0
    assert torch.allclose(new[1], images[1], atol=1e-5) and torch.equal(labels[1], masks[1])
    assert torch.equal(new[2], images[2]) == (operation == "identity")
    geometric = operation.split("-")[0] in ("rotate", "scale", "shear", "translate")
    assert torch.equal(labels[2], masks[2]) == (not geometric)


def test_trivial_augment_chooses_evenly_and_translates_by_a_fifth():
    counts = torch.bincount(drawn_many("trivial-augment")["operation"]) / 20_000
    assert torch.allclose(counts, torch.full((12,), 1 / 12), atol=0.01)
    images, masks = batch(2, 60)
    drawn = TrivialAugment().draw(images, generator())
    operations = [OPERATIONS.index(f"translate-{axis}") for axis in "xy"]
    drawn |= {"operation": torch.tensor(operations), "strength": torch.ones(2)}
    _, labels = TrivialAugment().apply(images, masks, drawn)
    assert torch.equal(labels[0, :, :-12], masks[0, :, 12:]) and torch.equal(
        labels[1, :-12], masks[1, 12:]
    )
