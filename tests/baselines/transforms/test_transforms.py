"""Classic augmentation: strengths as published, labels that follow, seeds that decide, and the
quirks Q2 and Q3.

DeepStack and TrivialAugment on their own: test_stacks.py.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional

from baselines.transforms import augmenter
from baselines.transforms.augmenter import make_augmenter
from baselines.transforms.catalogue import (
    check_transform,
    transform_class,
    transform_reference,
    transforms,
)
from baselines.transforms.elastic import elastic_noise, elastic_offset
from baselines.transforms.gaussian import gaussian_blur
from baselines.transforms.single.brightness import Brightness
from baselines.transforms.single.contrast import adjust_contrast
from baselines.transforms.single.gamma import adjust_gamma
from baselines.transforms.single.mirror import Mirror
from baselines.transforms.single.noise import Noise
from baselines.transforms.single.rotate import Rotate
from baselines.transforms.single.scale import Scale
from baselines.transforms.stacks.trivial_augment import OPERATIONS
from benchmark.core.errors import InputError
from tests.support.augment_data import SIZE, batch, drawn_many, generator

SPATIAL = (
    "mirror",
    "rotate",
    "scale",
    "deepstack",
    "trivial-augment",
    "nnunet-v2",
    "da5",
    "copypaste",
)
UNBOUNDED = ("brightness", "noise", "deepstack", "trivial-augment", "nnunet-v2", "da5", "gin")


TRANSFORMS = tuple(transforms())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_file_holds_the_transform_of_its_name(name):
    found = transform_class(name)
    assert found.name == name and found.version >= 1
    assert found.__module__ == transforms()[name] and found.__doc__
    assert transform_reference(name) == f"{name}@{found.version}"


@pytest.mark.parametrize(
    "call", [check_transform, transform_class, transform_reference, make_augmenter]
)
def test_unknown_transform_is_an_input_error(call):
    with pytest.raises(InputError, match="did you mean 'contrast'.*known: .*deepstack"):
        call("contrst")


def test_names_come_without_torch():
    code = (
        "import sys, baselines.transforms.catalogue, baselines.networks.architectures;"
        " sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_seed_decides_everything(name, renormalise):
    images, masks = batch()
    before = images.clone(), masks.clone(), torch.get_rng_state()
    augment = make_augmenter(name, renormalise=renormalise)
    first, again, other = (augment(images, masks, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    # A brightness shift vanishes under renormalise whatever the seed.
    assert torch.equal(first[0], other[0]) == (name == "brightness" and renormalise)
    assert (
        torch.equal(images, before[0])
        and torch.equal(masks, before[1])
        and torch.equal(torch.get_rng_state(), before[2])
    )


@pytest.mark.parametrize("name", [None, *TRANSFORMS])
@given(
    n=st.integers(1, 4),
    height=st.integers(7, 40),
    width=st.integers(7, 40),
    long=st.booleans(),
    renormalise=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=12, deadline=None)
def test_shapes_types_and_labels_hold_for_any_size(name, n, height, width, long, renormalise, seed):
    images = torch.rand(n, 1, height, width, generator=generator(seed))
    masks = torch.randint(0, 2, (n, height, width), generator=generator(seed)).to(
        torch.long if long else torch.uint8
    )
    new, labels = make_augmenter(name, renormalise=renormalise)(images, masks, generator(seed))
    assert new.shape == images.shape and new.dtype == torch.float32 and new.isfinite().all()
    assert labels.shape == masks.shape and labels.dtype == masks.dtype and labels.max() <= 1
    if renormalise:
        assert torch.equal(new.amin(dim=(1, 2, 3)), torch.zeros(n)) and torch.equal(
            new.amax(dim=(1, 2, 3)), torch.ones(n)
        )
    elif name not in UNBOUNDED:
        assert new.min() > -1e-5 and new.max() < 1 + 1e-5


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_advances_the_generator_alike(name):
    images, masks = batch(2)
    ours, plain = generator(5), generator(5)
    make_augmenter(name)(images, masks, ours)
    make_augmenter(None)(images, masks, plain)
    assert torch.equal(ours.get_state(), plain.get_state())
    assert not torch.equal(ours.get_state(), generator(5).get_state())


# GIN may turn grey values round: test_mixing.py compares it with its definition
@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "gin"])
def test_image_and_label_stay_together(name):
    _, masks = batch(64)
    # Grey value 0.8 inside the label, 0.2 outside.
    images = 0.2 + 0.6 * masks[:, None].float()
    transform = transform_class(name)()
    drawn = transform.draw(images, generator(11))
    new, labels = transform.apply(images, masks, drawn)
    middle = (new.amin(dim=(2, 3)) + new.amax(dim=(2, 3)))[:, 0, None, None] / 2
    moved = torch.ones(64, dtype=torch.bool)
    if name == "trivial-augment":  # strong noise would hide the edge that is looked for here
        moved = drawn["operation"] != OPERATIONS.index("noise")
    # and so would a new pattern of brightness, or a lost corner of the label
    for hiding in ("gradient_on", "local_on", "blanked", "median", "coarse"):
        moved &= ~drawn.get(hiding, torch.zeros(64, dtype=torch.bool))
    seen = new[:, 0] > middle
    dice = 2 * (seen & (labels == 1)).sum((1, 2)) / (seen.sum((1, 2)) + labels.sum((1, 2)))
    assert dice[moved].min() > 0.97
    assert torch.equal(labels, masks) == (name not in SPATIAL)


def test_strengths_of_the_single_transforms():
    """Q21; additive quantities halved, for our range is [0, 1] and the release's [-1, 1]."""
    for name, key, low, high in (
        ("contrast", "contrast", 0.75, 1.25),
        ("gamma", "gamma", 0.7, 1.5),
        ("scale", "scale", 0.95, 1.05),
        ("noise", "noise_sd", 0, 0.025),
        ("rotate", "angle_deg", -5, 5),
    ):
        values = drawn_many(name)[key]
        assert (
            low <= values.min() < low + 0.01 * (high - low)
            and high - 0.01 * (high - low) < values.max() <= high
        )
        if name in ("contrast", "gamma", "scale"):
            assert (values < 1).float().mean() == pytest.approx(0.5, abs=0.02)
    shift = drawn_many("brightness")["shift"]
    assert shift.std() == pytest.approx(0.25, rel=0.03) and abs(shift.mean()) < 0.01
    # what makes the cancellation of Q3 exact
    assert torch.equal(shift * 2**20, torch.round(shift * 2**20))
    sigma = drawn_many("resolution")["sigma_px"]
    assert (sigma == 0).float().mean() == pytest.approx(0.5, abs=0.02)
    assert 0.5 <= sigma[sigma > 0].min() < 0.51 and 1.49 < sigma.max() <= 1.5
    mirror = drawn_many("mirror")
    assert mirror["mirror_x"].float().mean() == pytest.approx(0.75 * 0.5, abs=0.02)
    assert (mirror["mirror_x"] & mirror["mirror_y"]).float().mean() == pytest.approx(
        0.75 * 0.25, abs=0.02
    )


def test_contrast_scales_about_the_mean_and_keeps_the_range():
    images, _ = batch(4)
    mean = images.mean((2, 3), keepdim=True)
    weaker = adjust_contrast(images, torch.full((4,), 0.75))
    assert torch.allclose(weaker - mean, 0.75 * (images - mean), atol=1e-6)
    stronger = adjust_contrast(images, torch.full((4,), 5.0))
    assert torch.equal(stronger.amax((2, 3)), images.amax((2, 3)))
    assert torch.equal(stronger.amin((2, 3)), images.amin((2, 3)))


def test_gamma_is_a_power_of_the_image_range():
    images, _ = batch(3)
    images = 0.2 + 0.5 * images
    gamma = torch.tensor([0.7, 1.0, 1.5])
    changed = adjust_gamma(images, gamma)
    for image, power, result in zip(images, gamma, changed, strict=True):
        low, high = image.min(), image.max()
        assert torch.allclose(
            result, ((image - low) / (high - low)) ** power * (high - low) + low, atol=1e-6
        )
    kept = adjust_gamma(images, gamma, retain_stats=True)
    assert torch.allclose(kept.mean((2, 3)), images.mean((2, 3)), atol=1e-5)
    assert torch.allclose(kept.std((2, 3)), images.std((2, 3)), atol=1e-5)
    assert not torch.allclose(kept[0], images[0], atol=1e-3)


def test_noise_has_the_drawn_sd_in_each_image():
    images, masks = batch(6, 128)
    transform = Noise()
    drawn = transform.draw(images, generator())
    difference = transform.apply(images, masks, drawn)[0] - images
    assert torch.allclose(difference.std((1, 2, 3)), drawn["noise_sd"], rtol=0.03)


def test_blur_is_scipys_away_from_the_border():
    images, _ = batch(3)
    sigma = torch.tensor([0.0, 0.6, 1.5])
    blurred = gaussian_blur(images, sigma)
    assert torch.equal(blurred[0], images[0])
    for i in (1, 2):
        expected = ndimage.gaussian_filter(images[i, 0].numpy(), float(sigma[i]))
        assert np.abs(blurred[i, 0].numpy() - expected)[8:-8, 8:-8].max() < 1e-3
    assert torch.allclose(
        gaussian_blur(torch.full((1, 1, 20, 30), 0.4), sigma[2:]), torch.tensor(0.4)
    )


def test_mirror_is_an_exact_flip():
    images, masks = batch(4)
    drawn = {
        "mirror_x": torch.tensor([0, 1, 0, 1]).bool(),
        "mirror_y": torch.tensor([0, 0, 1, 1]).bool(),
    }
    new, labels = Mirror().apply(images, masks, drawn)
    for i, axes in enumerate(((), (1,), (0,), (0, 1))):
        assert torch.equal(new[i, 0], images[i, 0].flip(axes)) and torch.equal(
            labels[i], masks[i].flip(axes)
        )


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_positive_angles_turn_anticlockwise(quarters):
    images, masks = batch(2)
    new, labels = Rotate().apply(images, masks, {"angle_deg": torch.full((2,), 90.0 * quarters)})
    assert torch.allclose(new, images.rot90(quarters, (2, 3)), atol=1e-4)
    assert torch.equal(labels, masks.rot90(quarters, (1, 2)))


def test_scale_two_halves_the_picture():
    images, masks = batch(1)
    new, labels = Scale().apply(images, masks, {"scale": torch.tensor([2.0])})
    inner = slice(SIZE // 4, 3 * SIZE // 4)
    assert torch.allclose(new[:, :, inner, inner], functional.avg_pool2d(images, 2), atol=1e-5)
    assert labels.sum() == pytest.approx(int(masks.sum()) / 4, rel=0.05)
    assert torch.allclose(new[0, 0, 0, 0], images[0, 0, 0, 0])  # border pixels go on outside


def test_elastic_offsets_match_scipys():
    """Spread and smoothness of the field against its definition: filtered uniform noise, times
    alpha."""
    alpha, sigma, size = 150.0, 11.0, 128
    images = torch.zeros(40, 1, size, size)
    noise = elastic_noise(images, generator())
    offset = elastic_offset(noise, torch.full((40,), alpha), torch.full((40,), sigma), size, size)
    ours = offset.flatten(0, 1).numpy()
    rng = np.random.default_rng(0)
    uniform = rng.uniform(-1, 1, (80, size, size))
    expected = np.stack(
        [ndimage.gaussian_filter(u, sigma, mode="constant") * alpha for u in uniform]
    )
    middle = (slice(None), slice(45, -45), slice(45, -45))
    assert ours[middle].std() == pytest.approx(expected[middle].std(), rel=0.1)
    assert ours[middle].std() == pytest.approx(0.163 * alpha / sigma, rel=0.1)
    assert np.diff(ours[middle], axis=1).std() == pytest.approx(
        np.diff(expected[middle], axis=1).std(), rel=0.1
    )
    # smaller at the border, as scipy's
    assert ours[:, 0].std() == pytest.approx(expected[:, 0].std(), rel=0.15)


def test_released_brightness_and_none_are_one_configuration():
    """Q3, Q4: bit for bit, over several steps of one generator. That a dropped deepstack is none
    (Q2) is the plan's: tests/benchmark/planning/test_plan.py."""
    images, masks = batch()
    images = images * 0.7 // (1 / 255) / 255 + 20 / 255
    augmenters = [make_augmenter(name, renormalise=True) for name in (None, "brightness")]
    states = [generator(9) for _ in augmenters]
    for _ in range(20):
        plain, (new, labels) = (
            augment(images, masks, rng) for augment, rng in zip(augmenters, states, strict=True)
        )
        assert plain[0].min() == 0 and plain[0].max() == 1 and not torch.equal(plain[0], images)
        assert torch.equal(new, plain[0]) and torch.equal(labels, plain[1])
    assert torch.equal(states[0].get_state(), states[1].get_state())


def test_brightness_is_really_added_before_it_cancels():
    images, masks = batch()
    transform = Brightness()
    drawn = transform.draw(images, generator(2))
    shifted, _ = transform.apply(images, masks, drawn)
    assert (shifted - images).abs().mean() > 0.05
    cancelled = augmenter.stretch_to_full_range(shifted)
    assert (cancelled - augmenter.stretch_to_full_range(images)).abs().max() < 1e-6


def test_an_image_of_one_grey_value_stays_finite():
    images, masks = torch.full((2, 1, 16, 16), 0.5), torch.zeros(2, 16, 16, dtype=torch.long)
    for name in (None, *TRANSFORMS):
        assert make_augmenter(name)(images, masks, generator())[0].isfinite().all()
    assert torch.equal(
        make_augmenter(None, renormalise=True)(images, masks, generator())[0],
        torch.zeros_like(images),
    )


@pytest.mark.parametrize("name", ["resolution", "rotate", "deepstack"])
def test_mixed_precision_of_the_caller_does_not_reach_in(name):
    images, masks = batch()
    expected = make_augmenter(name)(images, masks, generator())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        new, labels = make_augmenter(name)(images, masks, generator())
    assert torch.equal(new, expected[0]) and torch.equal(labels, expected[1])


def test_sheet_samples():
    images, masks = batch(1)
    arguments = ("rotate", images[0, 0].numpy(), masks[0].numpy(), 5)
    new, labels, drawn = augmenter.sheet_samples(*arguments, seed=1)
    assert new.shape == (5, SIZE, SIZE) and new.dtype == np.float32 and labels.dtype == np.uint8
    assert [set(d) for d in drawn] == [{"angle_deg"}] * 5 and len(
        {d["angle_deg"] for d in drawn}
    ) == 5
    assert np.array_equal(augmenter.sheet_samples(*arguments, seed=1)[0], new)
    assert not np.array_equal(augmenter.sheet_samples(*arguments, seed=2)[0], new)
    # what mixes images needs others beside the one that is shown
    others = images[:, 0].numpy() * 0 + 2, masks.numpy()
    mixed, labels, _ = augmenter.sheet_samples("cutmix", *arguments[1:], seed=1, others=others)
    assert set(np.unique(mixed)) == {*np.unique(images.numpy()), 2} and labels.shape == mixed.shape
    assert not np.array_equal(mixed[0], mixed[1])
    assert set(augmenter.sheet_samples("noise", *arguments[1:], seed=1)[2][0]) == {"noise_sd"}


def test_a_generator_of_its_own_leaves_the_steps_alone():
    images, masks = batch()
    step, own = generator(4), generator(5)
    first = make_augmenter("rotate", own=own)(images, masks, step)
    assert torch.equal(step.get_state(), generator(4).get_state())
    drawn = Rotate().draw(images, generator(5))
    assert torch.equal(first[0], Rotate().apply(images, masks, drawn)[0])
    assert not torch.equal(first[0], make_augmenter("rotate", own=own)(images, masks, step)[0])
