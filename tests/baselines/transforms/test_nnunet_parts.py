"""Each part of nnU-Net's stacks against batchgeneratorsv2's: the same parameters give the same
image. The whole stacks, and what they draw: test_nnunet_stacks.py."""

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.intensity.brightness import (
    BrightnessAdditiveTransform,
    MultiplicativeBrightnessTransform,
)
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.local.brightness_gradient import (
    BrightnessGradientAdditiveTransform,
)
from batchgeneratorsv2.transforms.local.local_gamma import LocalGammaTransform
from batchgeneratorsv2.transforms.noise.blank_rectangle import BlankRectangleTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.noise.median_filter import MedianFilterTransform
from batchgeneratorsv2.transforms.noise.sharpen import SharpeningTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.spatial.transpose import TransposeAxesTransform
from torch import Tensor

from baselines.transforms.base import on_chosen
from baselines.transforms.nnunet import filters, intensity, local, spatial
from baselines.transforms.nnunet.low_resolution import at_low_resolution
from baselines.transforms.scores import to_scores
from baselines.transforms.single.contrast import adjust_contrast
from tests.support import nnunet_stacks
from tests.support.augment_data import batch, generator

SIZE, N = 36, 6
CHANNEL = torch.tensor([0])  # that the reference is to change


@pytest.fixture(scope="module")
def scores() -> Tensor:
    return to_scores(batch(N, SIZE)[0])[0]


def each(scores: Tensor, change) -> Tensor:
    """`change(image (1, H, W), number)` of a copy of every image, as a batch."""
    return torch.stack([change(image.clone(), i) for i, image in enumerate(scores)])


def close(ours: Tensor, reference: Tensor, tolerance: float = 2e-5) -> None:
    assert ours.dtype == torch.float32 and ours.shape == reference.shape
    assert float((ours - reference).abs().max()) < tolerance


def test_grey_values(scores):
    factor = torch.linspace(0.5, 2, N)
    multiply, shift = MultiplicativeBrightnessTransform(1, False), BrightnessAdditiveTransform(0, 1)
    close(
        intensity.multiplied(scores, factor),
        each(
            scores,
            lambda x, i: multiply._apply_to_image(
                x, apply_to_channel=CHANNEL, multipliers=factor[i : i + 1]
            ),
        ),
    )
    close(
        intensity.shifted(scores, factor),
        each(
            scores,
            lambda x, i: shift._apply_to_image(
                x, apply_to_channel=CHANNEL, shift=factor[i : i + 1]
            ),
        ),
    )


@pytest.mark.parametrize("keeps_range", [True, False])
def test_contrast(scores, keeps_range):
    factor = torch.linspace(0.5, 2, N)
    reference = ContrastTransform(1, keeps_range, False)
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(
            x, apply_to_channel=CHANNEL, multipliers=factor[i : i + 1]
        ),
    )
    close(intensity.contrasted(scores, factor, torch.full((N,), keeps_range)), expected)
    if keeps_range:
        close(adjust_contrast(scores, factor), expected)


@pytest.mark.parametrize("inverted", [True, False])
def test_gamma(scores, inverted):
    gamma = torch.linspace(0.7, 1.5, N)
    reference = GammaTransform(1, inverted, False, 1, 1)
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(
            x,
            apply_to_channel=CHANNEL,
            retain_stats=torch.ones(1),
            invert_image=torch.full((1,), inverted),
            gamma=gamma[i : i + 1],
        ),
    )
    ours = intensity.gamma_of_inverted if inverted else intensity.gamma_kept
    close(ours(scores, gamma), expected)


def test_blur(scores):
    sigma = torch.tensor([0.3, 0.5, 0.58, 0.75, 1.0, 1.5])
    reference = GaussianBlurTransform()
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(
            x, apply_to_channel=CHANNEL == 0, sigmas=[[float(sigma[i]), float(sigma.flip(0)[i])]]
        ),
    )
    close(filters.blurred(scores, sigma, sigma.flip(0)), expected)


def test_median(scores):
    side = torch.arange(2, 8)
    reference = MedianFilterTransform(3)
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(
            x, filter_sizes=[int(side[i])], apply_channel=[True]
        ),
    )
    assert torch.equal(filters.median_filtered(scores, side), expected)


def test_sharpening(scores):
    strength = torch.linspace(0.1, 1, N)
    reference = SharpeningTransform()
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(
            x, strengths=[strength[i]], clamp_intensities=[False], apply_channel=[True]
        ),
    )
    close(filters.sharpened(scores, strength), expected)


@pytest.mark.parametrize("size", [36, 64, 97])
def test_low_resolution(size):
    scores = to_scores(batch(40, size)[0])[0]
    scale = torch.linspace(0.25, 1, 40)
    reference = SimulateLowResolutionTransform(1, False, True, None)
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(
            x, apply_to_channel=[0], scales=scale[i].expand(1, 2)
        ),
    )
    close(at_low_resolution(scores, scale), expected)


def test_rectangles(scores):
    drawn = local.draw_rectangles(scores, generator(1))
    rows, columns = drawn["rectangle_rows"], drawn["rectangle_columns"]
    reference = BlankRectangleTransform(3, torch.mean, 1)

    def rectangles(i: int) -> list:
        corners = zip(rows[i].tolist(), columns[i].tolist(), strict=True)
        return [
            ((top, left), (bottom, right)) for (top, bottom), (left, right) in corners if bottom
        ]

    assert {len(rectangles(i)) for i in range(N)} > {1, 4}
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(x, apply_channel=[True], rectangles=[rectangles(i)]),
    )
    close(local.blanked(scores, rows, columns), expected)


def bumps(scores: Tensor) -> tuple[Tensor, Tensor, list[np.ndarray]]:
    """Centres, SDs and the kernels that the reference makes of them."""
    centre, sd = local.draw_bump(scores, generator(2))
    kernels = []
    for i in range(len(scores)):
        maker = LocalGammaTransform(
            lambda sides, axis, i=i: float(sd[i, axis]),
            lambda sides, axis, i=i: float(centre[i, axis]) / sides[axis],
        )
        kernels.append(maker._generate_kernel(scores.shape[2:]))
    return centre, sd, kernels


def test_brightness_gradient(scores):
    centre, sd, kernels = bumps(scores)
    strength = torch.linspace(-5, 5, N)
    reference = BrightnessGradientAdditiveTransform(1)
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(x, kernels=[kernels[i] * float(strength[i])]),
    )
    close(local.with_gradient(scores, centre, sd, strength), expected)


def test_local_gamma(scores):
    centre, sd, kernels = bumps(scores)
    gamma = torch.tensor([0.01, 0.3, 0.8, 1.5, 2.5, 4.0])
    reference = LocalGammaTransform(1)
    expected = each(
        scores,
        lambda x, i: reference._apply_to_image(x, kernels=[kernels[i]], gammas=[float(gamma[i])]),
    )
    close(local.with_local_gamma(scores, centre, sd, gamma), expected, 1e-4)


@pytest.mark.parametrize("size", [36, 37])
def test_rotation_and_scale_of_image_and_mask(size):
    images, masks = batch(N, size)
    scores = to_scores(images)[0]
    angle = torch.tensor([0.0, 17, -90, 123, -170, 45])
    scale_y, scale_x = torch.linspace(0.7, 1.4, N), torch.linspace(1.2, 0.8, N)
    layers = spatial.to_layers(scores, masks)
    made = spatial.turned_and_scaled(layers, angle, scale_x, scale_y)
    ours, labels = spatial.from_layers(made, masks)
    for i in range(N):
        # (y, x) there, (x, y) here: the same turn has the other sign
        reference = nnunet_stacks.spatial(size, p_rotation=1, p_scaling=1)
        reference.rotation = -float(np.deg2rad(angle[i]))
        reference.scaling = lambda image, dim, i=i: float((scale_y, scale_x)[dim][i])
        found = reference(image=scores[i].clone(), segmentation=masks[i : i + 1].to(torch.int16))
        close(ours[i], found["image"], 1e-4)
        expected = found["segmentation"][0].clamp_min(0)
        # the reference counts in float16, which makes ties of near ties
        assert (labels[i] != expected).float().mean() < 2e-3
    assert labels.sum() > 0


def test_quarter_turns_and_exchanged_axes(scores):
    masks = batch(N, SIZE)[1]
    turns, exchanged = torch.tensor([0, 1, 2, 3, 1, 0]), torch.arange(N) >= 4
    made = spatial.quarter_turned(spatial.to_layers(scores, masks), turns, exchanged)
    ours, labels = spatial.from_layers(made, masks)
    turn, exchange = Rot90Transform(1, allowed_axes={0, 1}), TransposeAxesTransform({0, 1})
    for i in range(N):
        found = {"image": scores[i], "segmentation": masks[i : i + 1]}
        found = turn.apply(
            found, num_rot_per_combination=[int(turns[i])], axis_combinations=[[1, 2]]
        )
        if exchanged[i]:
            found = exchange.apply(found, axis_order=[0, 2, 1])
        assert torch.equal(ours[i], found["image"])
        assert torch.equal(labels[i], found["segmentation"][0])


def test_the_chosen_images_alone_give_what_the_whole_batch_gives(scores):
    """The way of a CPU against the way of all other devices."""
    chosen, side = torch.tensor([0, 1, 1, 0, 0, 1]).bool(), torch.arange(2, 8)
    whole = torch.where(chosen[:, None, None, None], filters.median_filtered(scores, side), scores)
    assert torch.equal(on_chosen(scores, chosen, filters.median_filtered, side), whole)
    none = torch.zeros(N, dtype=torch.bool)
    assert on_chosen(scores, none, filters.median_filtered, side) is scores
