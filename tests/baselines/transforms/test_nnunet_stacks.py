"""nnU-Net's stacks as wholes: what they draw, and statistics of their outputs against those of the
same stack put together from batchgeneratorsv2. Each part alone: test_nnunet_parts.py."""

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast
from scipy import stats
from torch import Tensor

from baselines.transforms.base import around_one
from baselines.transforms.catalogue import transform_class
from baselines.transforms.nnunet import local
from baselines.transforms.scores import flags, to_scores
from tests.support import nnunet_stacks
from tests.support.augment_data import batch, generator

SIZE, SAMPLES, DRAWS = 32, 500, 20_000
REFERENCE = {"nnunet-v2": nnunet_stacks.nnunet_v2, "da5": nnunet_stacks.da5}
# share of the images that each flag changes
SHARES = {
    "nnunet-v2": {
        "turned": 0.2,
        "scaled": 0.2,
        "noisy": 0.1,
        "blurred": 0.1,
        "brightened": 0.15,
        "contrasted": 0.15,
        "coarse": 0.125,
        "gamma_inverted_on": 0.1,
        "gamma_on": 0.3,
        "mirror_x": 0.5,
        "mirror_y": 0.5,
    },
    "da5": {
        "turned": 0.2,
        "scaled": 0.2,
        "quarter_turned": 0.5,
        "exchanged": 0.25,
        "median": 0.05,
        "blurred": 0.05,
        "noisy": 0.1,
        "shifted": 0.05,
        "contrasted": 0.1,
        "coarse": 0.075,
        "gamma_on": 0.1,
        "again_on": 0.1,
        "mirror_x": 0.5,
        "mirror_y": 0.5,
        "blanked": 0.2,
        "gradient_on": 0.15,
        "local_on": 0.15,
        "sharpened": 0.1,
    },
}
RANGES = {
    "nnunet-v2": {
        "angle_deg": (-180, 180),
        "scale": (0.7, 1.4),
        "noise_sd": (0, 0.1),
        "sigma_y_px": (0.5, 1),
        "sigma_x_px": (0.5, 1),
        "brightness": (0.75, 1.25),
        "contrast": (0.75, 1.25),
        "resolution": (0.5, 1),
        "gamma": (0.7, 1.5),
        "gamma_inverted": (0.7, 1.5),
    },
    "da5": {
        "angle_deg": (-180, 180),
        "scale_x": (0.7, 1.43),
        "scale_y": (0.7, 1.43),
        "quarter_turns": (0, 3),
        "median_side_px": (2, 7),
        "sigma_px": (0.3, 1.5),
        "noise_sd": (0, 0.1),
        "contrast": (0.5, 2),
        "resolution": (0.25, 1),
        "gamma": (0.7, 1.5),
        "again": (0.7, 1.5),
        "gradient": (-5, 5),
        "local_gamma": (0.01, 4),
        "sharpness": (0.1, 1),
    },
}


def drawn_of(name: str, shape: tuple[int, ...] = (DRAWS, 1, 8, 8)) -> dict[str, Tensor]:
    return transform_class(name)().draw(torch.zeros(shape), generator(3))


@pytest.mark.parametrize("name", SHARES)
def test_how_often_and_how_strong(name):
    drawn = drawn_of(name)
    assert {key for key, values in drawn.items() if values.dtype == torch.bool} == set(SHARES[name])
    for key, share in SHARES[name].items():
        assert drawn[key].float().mean() == pytest.approx(share, abs=0.012), key
    for key, (low, high) in RANGES[name].items():
        values, slack = drawn[key].float(), 0.02 * (high - low)
        assert low <= values.min() <= low + slack and high - slack <= values.max() <= high, key
        assert values.unique().numel() > 3, key


def test_da5_filters_by_median_or_blur_and_shifts_by_a_normal_number():
    drawn = drawn_of("da5")
    assert not (drawn["median"] & drawn["blurred"]).any()
    assert drawn["shift"].std() == pytest.approx(0.5, rel=0.03)
    assert (drawn["keeps_range"] < 0.5).float().mean() == pytest.approx(0.5, abs=0.02)


def alike(ours, reference) -> bool:
    return stats.ks_2samp(np.asarray(ours), np.asarray(reference)).pvalue > 1e-3


def test_drawn_numbers_are_distributed_as_the_references():
    np.random.seed(0)
    images, n = torch.zeros(4000, 1, 60, 60), 4000
    rng = generator(5)
    contrast = BGContrast((0.5, 2))
    assert alike(around_one(rng, n, 0.5, 2.0), [contrast() for _ in range(n)])
    assert not alike(torch.rand(n, generator=rng) * 1.5 + 0.5, [contrast() for _ in range(n)])
    gradient = local.either(rng, n, (-5.0, -1.0), (1.0, 5.0))
    assert alike(gradient, [nnunet_stacks.strength() for _ in range(n)])
    power = local.either(rng, n, (0.01, 0.8), (1.5, 4.0))
    assert alike(power, [nnunet_stacks.local_gamma() for _ in range(n)])
    _, sd = local.draw_bump(images, rng)
    assert alike(sd[:, 0], [nnunet_stacks.local_sd((60, 60), 0) for _ in range(n)])


def test_rectangles_are_drawn_as_the_reference_draws_them():
    np.random.seed(0)
    reference = nnunet_stacks.BlankRectangleTransform([[6, 20]] * 2, torch.mean, (1, 5), False)
    image, n = torch.zeros(1, 60, 60), 2000
    found = [reference.get_parameters(image)["rectangles"][0] for _ in range(n)]
    drawn = local.draw_rectangles(torch.zeros(n, 1, 60, 60), generator(1))
    rows = drawn["rectangle_rows"]
    used = rows[..., 1] > 0
    assert alike(used.sum(1), [len(one) for one in found])
    corners = np.array([[low[0], high[0]] for one in found for low, high in one])
    ours = rows[used].numpy()
    assert alike(ours[:, 0], corners[:, 0]) and alike(ours[:, 1], corners[:, 1])
    assert alike(ours[:, 1] - ours[:, 0], corners[:, 1] - corners[:, 0])
    assert ours.max() == 60 and ours.min() == 0


def statistics(images: Tensor, masks: Tensor, image: Tensor) -> dict[str, Tensor]:
    """Of each of (N, 1, S, S) made of one image: numbers of its grey values, its texture and its
    mask."""
    flat, steps = images.flatten(1), images.diff(dim=2).abs().flatten(1)
    return {
        "mean": flat.mean(1),
        "sd": flat.std(1),
        "least": flat.amin(1),
        "most": flat.amax(1),
        "skewness": ((flat - flat.mean(1, keepdim=True)) ** 3).mean(1),
        "texture": steps.mean(1),
        "steepest": steps.amax(1),
        "change": (images - image).abs().flatten(1).mean(1),
        "area": masks.float().mean((1, 2)),
        "row of the mask": (masks.float().mean(2) * torch.arange(SIZE)).sum(1),
    }


@pytest.mark.parametrize("name", REFERENCE)
def test_outputs_are_distributed_as_the_references(name):
    """Five hundred draws on one image: the order of the parts, their shares and
    their strengths decide these statistics together."""
    image, mask = batch(1, SIZE)
    scores = to_scores(image)[0]
    np.random.seed(0)
    stack = REFERENCE[name](SIZE)
    label = mask.to(torch.int16)
    with torch.random.fork_rng():  # the reference draws from global states
        torch.manual_seed(0)
        found = [stack(image=scores[0].clone(), segmentation=label.clone()) for _ in range(SAMPLES)]
    reference = statistics(
        torch.stack([one["image"] for one in found]),
        torch.stack([one["segmentation"][0] for one in found]),
        scores[0],
    )
    images, masks = image.repeat(SAMPLES, 1, 1, 1), mask.repeat(SAMPLES, 1, 1)
    transform = transform_class(name)()
    drawn = transform.draw(images, generator(1))
    made, labels = transform.apply(images, masks, drawn)
    sd, mean = torch.std_mean(image, correction=0)
    ours = statistics((made - mean) / sd, labels, scores[0])
    # what is untouched is the same number many times, which both share
    for what, values in ours.items():
        assert alike(values.round(decimals=4), reference[what].round(decimals=4)), what
    kept = ~flags(drawn)
    assert kept.any() and torch.equal(made[kept], images[kept])
    assert torch.equal(labels[kept], masks[kept])


def test_long_images_turn_a_little_and_keep_their_axes():
    for name in REFERENCE:
        drawn = drawn_of(name, (2000, 1, 8, 13))
        assert 14 < drawn["angle_deg"].abs().max() <= 15
    assert not drawn["quarter_turned"].any() and not drawn["exchanged"].any()


# flag -> place of its part in the reference's stack
PARTS = {
    "nnunet-v2": {
        "turned": 0,
        "scaled": 0,
        "noisy": 1,
        "blurred": 2,
        "brightened": 3,
        "contrasted": 4,
        "coarse": 5,
        "gamma_inverted_on": 6,
        "gamma_on": 7,
    },
    "da5": {
        "turned": 0,
        "scaled": 0,
        "noisy": 4,
        "shifted": 5,
        "contrasted": 6,
        "coarse": 7,
        "gamma_on": 8,
        "again_on": 9,
        "blanked": 11,
        "gradient_on": 12,
        "local_on": 13,
        "sharpened": 14,
    },
}
ONE_OF = {"median": 0, "blurred": 1}  # of the third part of da5


def always(part, flag: str):
    """A part of the reference that changes every image."""
    if flag in ("turned", "scaled"):
        part.p_rotation, part.p_scaling = float(flag == "turned"), float(flag == "scaled")
        part.p_rot_per_axis = 1.0
        return part
    for one in getattr(part, "list_of_transforms", [part]):
        one.apply_probability = one.transform.p_per_channel = 1.0
    return part


@pytest.mark.parametrize(
    ("name", "flag"),
    [*((name, flag) for name in PARTS for flag in PARTS[name]), *(("da5", one) for one in ONE_OF)],
)
def test_a_flag_alone_does_what_its_part_of_the_reference_does(name, flag):
    n = 150
    image, mask = batch(1, SIZE)
    scores, label = to_scores(image)[0], mask.to(torch.int16)
    np.random.seed(1)
    stack = REFERENCE[name](SIZE).transforms
    if flag in PARTS[name]:
        part = always(stack[PARTS[name][flag]], flag)
    else:
        part = always(stack[3].list_of_transforms[ONE_OF[flag]], flag)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = [part(image=scores[0].clone(), segmentation=label.clone()) for _ in range(n)]
    reference = statistics(
        torch.stack([one["image"] for one in found]),
        torch.stack([one["segmentation"][0].clamp_min(0) for one in found]),
        scores[0],
    )
    images, masks = image.repeat(n, 1, 1, 1), mask.repeat(n, 1, 1)
    transform = transform_class(name)()
    drawn = transform.draw(images, generator(4))
    drawn |= {key: torch.full((n,), key == flag) for key in SHARES[name]}
    made, labels = transform.apply(images, masks, drawn)
    sd, mean = torch.std_mean(image, correction=0)
    for what, values in statistics((made - mean) / sd, labels, scores[0]).items():
        assert alike(values.round(decimals=4), reference[what].round(decimals=4)), what
