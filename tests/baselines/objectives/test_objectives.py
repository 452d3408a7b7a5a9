"""What a step shows: which slice and variant it takes, and how a pair is augmented and
normalised."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from torch import nn

from baselines.objectives.objectives import (
    JoinedPairs,
    MergedImages,
    MergedLogits,
    Pretrained,
    RealObjective,
    SliceObjective,
    Synthetic,
    SyntheticAlone,
    dice_ce,
    unit,
)
from baselines.transforms.augmenter import make_augmenter


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def greys(*shape: int, low: int = 0, high: int = 256, seed: int = 0) -> torch.Tensor:
    return torch.randint(low, high, shape, dtype=torch.uint8, generator=rng(seed))


def objective(kind=MergedLogits, *, slices=4, variants=None, n=3, **more):
    images = greys(slices, 16, 16)
    if variants is None:
        variants = greys(n, slices, 16, 16, seed=1)
    return kind(
        images=images,
        masks=(images > 127).to(torch.uint8),
        loss=dice_ce(False),
        variants=variants,
        patch_size=4,
        **more,
    )


class Seen(nn.Module):
    """Remembers what it was shown, in [-1, 1]; returns two logits per pixel."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def forward(self, images):
        self.shown.append(images)
        return torch.cat([-images, images], dim=1)


def test_an_item_of_all_pairs_is_variant_times_slices_plus_slice():
    rows, variants = objective(slices=4, n=3, all_variants=True).pair(torch.arange(12), rng())
    assert rows.tolist() == [0, 1, 2, 3] * 3
    assert variants.tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_every_variant_is_drawn_and_none_beyond_the_last():
    made = objective(slices=4, n=3)
    rows, variants = made.pair(torch.arange(4).repeat(100), rng())
    assert rows.tolist() == [0, 1, 2, 3] * 100
    assert set(variants.tolist()) == {0, 1, 2}


def test_a_merged_pixel_is_that_of_its_own_slice_and_variant():
    model, made = Seen(), objective(MergedImages, n=2, all_variants=True, alpha=0.5)
    items = torch.tensor([1, 6, 3])  # slices 1, 2, 3 with variants 0, 1, 0
    made(model, items, rng())
    rows, variants = torch.tensor([1, 2, 3]), torch.tensor([0, 1, 0])
    shown = model.shown[0]
    real, synthetic = unit(made.images[rows]) * 2 - 1, unit(made.variants[variants, rows]) * 2 - 1
    assert ((shown == real) | (shown == synthetic)).all()
    assert (shown != real).any() and (shown != synthetic).any()


@pytest.mark.parametrize("name", ["mirror", "rotate", "noise", "gamma", "deepstack"])
@pytest.mark.parametrize("renormalise", [False, True])
def test_the_synthetic_image_of_a_pair_is_augmented_as_the_real_one(name, renormalise):
    images = greys(4, 16, 16)
    augment = make_augmenter(name, renormalise=renormalise)
    made = objective(variants=images[None].repeat(3, 1, 1, 1), augment=augment)
    model = Seen()
    made(model, torch.arange(4), rng())
    real, synthetic = model.shown
    torch.testing.assert_close(real, synthetic, rtol=0, atol=1e-6)
    assert not torch.equal(real, unit(images) * 2 - 1)


def test_a_pair_is_changed_as_an_image_of_its_own_without_renormalise():
    images, others = greys(4, 16, 16)[:, None] / 255, greys(4, 16, 16, seed=3)[:, None] / 255
    masks = greys(4, 16, 16, high=2, seed=4)
    for name in ("deepstack", None):
        augment = make_augmenter(name)
        first, second, labels = augment.pair(images, others, masks, rng(5))
        for shown, whole in ((first, images), (second, others)):
            alone, alone_labels = augment(whole, masks, rng(5))
            assert torch.equal(shown, alone) and torch.equal(labels, alone_labels)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_a_pair_is_normalised_by_the_range_of_both(shift):
    """Q3 with Q6: (x - lowest of both) / (highest - lowest) x 2 - 1. The real image spans its
    range, so the synthetic one keeps its own."""
    images, variants = greys(2, 16, 16), greys(1, 2, 16, 16, low=60, high=160, seed=2)
    images[:, 0, :2] = torch.tensor([0, 255], dtype=torch.uint8)
    made = objective(variants=variants, augment=make_augmenter(None, renormalise=True))
    made = type(made)(**{**vars(made), "images": images})
    if shift:  # what RandomBrightness adds to both
        made.augment.transform.apply = lambda x, masks, drawn: (x + shift, masks)
    model = Seen()
    made(model, torch.arange(2), rng())
    real, synthetic = (shown[:, 0].numpy() for shown in model.shown)
    for number in range(2):
        pair = np.stack([images[number].numpy(), variants[0, number].numpy()]) / 255 + shift
        expected = (pair - pair.min()) / (pair.max() - pair.min()) * 2 - 1
        np.testing.assert_allclose(real[number], expected[0], atol=1e-6)
        np.testing.assert_allclose(synthetic[number], expected[1], atol=1e-6)
        kept = variants[0, number].numpy() / 127.5 - 1
        np.testing.assert_allclose(synthetic[number], kept, atol=1e-6)


def test_a_synthetic_image_with_the_wider_range_sets_that_of_the_pair():
    images, variants = greys(1, 16, 16, low=100, high=150), greys(1, 1, 16, 16, seed=2)
    made = objective(variants=variants, augment=make_augmenter(None, renormalise=True))
    made = type(made)(**{**vars(made), "images": images})
    model = Seen()
    made(model, torch.arange(1), rng())
    low, high = float(variants.min()), float(variants.max())
    expected = (images[0].float() - low) / (high - low) * 2 - 1
    torch.testing.assert_close(model.shown[0][0, 0], expected, rtol=0, atol=1e-6)


def test_a_slice_without_foreground_silences_the_dice_of_a_slice_but_not_that_of_the_batch():
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[1, 2:6, 2:6] = 1
    cross_entropy = nn.CrossEntropyLoss()
    gradients = {}
    for of_batch in (False, True):
        logits = torch.zeros(2, 2, 8, 8, requires_grad=True)
        dice = dice_ce(False, of_batch)(logits, labels) - cross_entropy(logits, labels)
        (gradient,) = torch.autograd.grad(dice, logits)
        gradients[of_batch] = gradient.abs().amax((1, 2, 3))
    assert gradients[False][0] < 1e-6 < 1e-4 < gradients[False][1]
    assert gradients[True].min() > 1e-4


@pytest.mark.parametrize("of_batch", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_the_loss_of_a_perfect_prediction_is_nothing_and_of_an_inverted_one_large(
    background, of_batch
):
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[:, 2:5, 3:7] = 1
    sure = 40.0 * torch.stack([1.0 - 2 * labels, 2.0 * labels - 1], 1)
    loss = dice_ce(background, of_batch)
    assert float(loss(sure, labels)) == pytest.approx(0, abs=1e-5)
    # cross entropy of logits 80 apart, and a Dice of 0
    assert float(loss(-sure, labels)) == pytest.approx(80 + 1, abs=1e-3)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_alpha_is_the_share_of_the_real_images_in_the_loss_of_joined_pairs(alpha):
    images = greys(4, 16, 16)
    made = JoinedPairs(
        images=images,
        masks=(images > 127).to(torch.uint8),
        loss=dice_ce(False),
        variants=greys(1, 4, 16, 16, seed=1),
        variant_masks=greys(1, 4, 16, 16, high=2, seed=5),
        alpha=alpha,
    )
    found, presented = made(Seen(), torch.arange(4), rng())

    def alone(images, masks):
        return float(made.loss(Seen()(unit(images) * 2 - 1), masks.long()))

    real, synthetic = (
        alone(made.images, made.masks),
        alone(made.variants[0], made.variant_masks[0]),
    )
    assert float(found) == pytest.approx(alpha * real + (1 - alpha) * synthetic, rel=1e-5)
    assert presented == {"real": 4, "synthetic": 4} and real != synthetic


def test_what_is_not_said_is_half_of_the_pixels_one_variant_each_and_no_augmenter():
    made = MergedImages(
        images=greys(4, 16, 16, low=0, high=100),
        masks=greys(4, 16, 16, high=2),
        loss=dice_ce(False),
        variants=greys(3, 4, 16, 16, low=100, seed=1),
    )
    model = Seen()
    assert (made.items, made.augment) == (4, None)
    _, presented = made(model, torch.arange(4), rng())
    assert presented == {"real": 4, "synthetic": 4}
    real = model.shown[0][:, 0] < 100 / 127.5 - 1
    assert 0.4 < float(real.float().mean()) < 0.6
    # patches of one pixel: neighbours agree as often as not
    assert 0.4 < float((real[..., 1:] == real[..., :-1]).float().mean()) < 0.6


@pytest.mark.parametrize("kind", [MergedImages, MergedLogits])
def test_merged_slices_are_judged_by_the_masks_of_their_slices(kind):
    """Grey values 0, 51 and 255 are -1, -0.6 and 1 for the network; labels are whole numbers."""
    seen = []

    def loss(logits, labels):
        seen.append((logits, labels))
        return logits.sum()

    images = torch.tensor([0, 51, 255], dtype=torch.uint8)[:, None, None].expand(3, 8, 8)
    masks = torch.tensor([0, 1, 1], dtype=torch.uint8)[:, None, None].expand(3, 8, 8)
    made = kind(images=images, masks=masks, loss=loss, variants=images[None], alpha=0.5)
    model = Seen()
    found, presented = made(model, torch.tensor([2, 0, 1, 1]), rng())
    for shown in model.shown:
        assert shown.shape == (4, 1, 8, 8)
        assert shown[:, 0, 0, 0].tolist() == pytest.approx([1, -1, -0.6, -0.6])
    ((logits, labels),) = seen
    assert torch.equal(logits[:, 1], model.shown[0][:, 0])
    assert labels.dtype == torch.int64 and labels[:, 3, 3].tolist() == [1, 0, 1, 1]
    assert float(found) == float(logits.sum())
    assert presented == {"real": 4, "synthetic": 4}


def test_patches_of_logits_come_from_the_pass_that_they_are_named_after():
    """Real slices are white and variants black, so that each pixel's logit says where it is from;
    the share of the real ones is alpha."""
    seen = []
    made = MergedLogits(
        images=torch.full((64, 16, 16), 255, dtype=torch.uint8),
        masks=torch.zeros(64, 16, 16, dtype=torch.uint8),
        loss=lambda logits, labels: seen.append(logits) or logits.sum(),
        variants=torch.zeros(2, 64, 16, 16, dtype=torch.uint8),
        alpha=0.25,
        patch_size=4,
    )
    made(Seen(), torch.arange(64), rng())
    real = seen[0][:, 1] > 0
    assert float(real.float().mean()) == pytest.approx(0.25, abs=0.05)
    patches = real.unfold(1, 4, 4).unfold(2, 4, 4).reshape(64, 16, 16)
    assert torch.equal(patches.all(-1), patches.any(-1))


def test_real_slices_alone_are_shown_as_they_are():
    images, masks = greys(5, 8, 8), greys(5, 8, 8, high=2, seed=1)
    made, model = RealObjective(images=images, masks=masks, loss=dice_ce(True)), Seen()
    found, presented = made(model, torch.tensor([4, 0]), rng())
    np.testing.assert_allclose(
        model.shown[0][:, 0].numpy(), images[[4, 0]].numpy() / 127.5 - 1, atol=1e-6
    )
    expected = dice_ce(True)(Seen()(model.shown[0]), masks[[4, 0]].long())
    assert (float(found), presented, made.items) == (float(expected), {"real": 2}, 5)


@pytest.mark.parametrize("of_batch", [False, True])
def test_the_dice_of_a_slice_by_hand(of_batch):
    """Four pixels, all found with one half: cross entropy log 2, and of one true pixel a Dice of
    2 * 0.5 / (2 + 1), of the three others 2 * 1.5 / (2 + 3)."""
    labels = torch.tensor([[[1, 0], [0, 0]]])
    logits = torch.zeros(1, 2, 2, 2)
    alone = dice_ce(False, of_batch)(logits, labels)
    both = dice_ce(True, of_batch)(logits, labels)
    assert float(alone) == pytest.approx(np.log(2) + 1 - 1 / 3, abs=1e-5)
    assert float(both) == pytest.approx(np.log(2) + 1 - (1 / 3 + 3 / 5) / 2, abs=1e-5)
    # smoothing counts where there is nothing to find and next to nothing is found
    sure = torch.stack([torch.full((1, 2, 2), 20.0), torch.zeros(1, 2, 2)], 1)
    found = 4 * float(torch.sigmoid(torch.tensor(-20.0)))
    nothing = dice_ce(False, of_batch)(sure, torch.zeros_like(labels))
    assert float(nothing) == pytest.approx(1 - 1e-5 / (found + 1e-5), rel=1e-3)
    # and where there is no background, and none is found
    everything = dice_ce(True, of_batch)(-sure, torch.ones_like(labels))
    assert float(everything) == pytest.approx(0, abs=1e-3)


def test_what_an_objective_holds_is_named_and_stays():
    images = greys(2, 8, 8)
    real = {"images": images, "masks": images, "loss": dice_ce(False)}
    synthetic = real | {"variants": images[None]}
    alone = SyntheticAlone(**synthetic, variant_masks=images[None])
    whole = [
        RealObjective(**real),
        MergedImages(**synthetic),
        MergedLogits(**synthetic),
        JoinedPairs(**synthetic, variant_masks=images[None]),
        alone,
        Pretrained(**real, first=alone, then=RealObjective(**real), synthetic_epochs=1),
    ]
    for made in whole:
        given = dict(vars(made))
        for name, value in given.items():
            with pytest.raises(FrozenInstanceError):
                setattr(made, name, value)
            others = {other: one for other, one in given.items() if other != name}
            with pytest.raises(TypeError, match="positional"):
                type(made)(value, **others)


@pytest.mark.parametrize("kind", [SliceObjective, Synthetic])
def test_an_objective_must_say_what_a_step_shows(kind):
    """One without a step of its own would train on nothing."""
    images = greys(2, 8, 8)
    more = {"variants": images[None]} if kind is Synthetic else {}
    with pytest.raises(TypeError, match="abstract.*__call__"):
        kind(images=images, masks=images, loss=dice_ce(False), **more)
