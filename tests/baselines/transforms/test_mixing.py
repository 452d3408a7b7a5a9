"""CutMix, CopyPaste and CarveMix: whose pixels and labels come out; distances against scipy's; and
GIN, whose grey values change and no more."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from baselines.objectives.merging import random_patch_mask
from baselines.transforms import distance
from baselines.transforms.catalogue import make_transform, on_patches, transform_reference
from baselines.transforms.mixing.carvemix import CarveMix
from baselines.transforms.mixing.copypaste import CopyPaste
from baselines.transforms.mixing.cutmix import CutMix
from baselines.transforms.partners import lesion_partners, next_partners
from baselines.transforms.single.gin import GIN
from tests.support.augment_data import batch, drawn_many, generator

N, SIZE = 6, 48


def numbered() -> tuple[Tensor, Tensor]:
    """Images of one grey value each, which tells whose a pixel is, and masks of one box each, all
    at other places; the last image has none."""
    images = (torch.arange(N) / 10)[:, None, None, None].expand(N, 1, SIZE, SIZE).clone()
    masks = torch.zeros(N, SIZE, SIZE, dtype=torch.uint8)
    for i in range(N - 1):
        masks[i, 4 + 5 * i : 16 + 5 * i, 6 + 4 * i : 15 + 4 * i] = 1
    return images, masks


def whose(images: Tensor) -> Tensor:
    """(B, H, W): the number of the image that each pixel comes from."""
    return (images[:, 0] * 10).round().long()


def taken(masks: Tensor, numbers: Tensor) -> Tensor:
    """The mask of the image that each pixel comes from."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return masks[numbers, y, x]


def test_every_partner_is_another_image():
    for seed in range(20):
        partner = next_partners(N, generator(seed))
        assert (partner != torch.arange(N)).all() and partner.unique().numel() == N
    assert next_partners(1, generator()).tolist() == [0]


def test_partners_with_foreground_are_chosen_alike_often():
    masks = numbered()[1]
    chosen = [lesion_partners(masks, torch.rand(N, N, generator=generator(s))) for s in range(600)]
    partners = torch.stack([partner for partner, _ in chosen])
    assert all(found.all() for _, found in chosen)
    shares = torch.stack([torch.bincount(column, minlength=N) / 600 for column in partners.T])
    expected = torch.full((N, N), 0.25).fill_diagonal_(0)
    expected[:, -1], expected[-1, :-1] = 0, 0.2
    assert torch.allclose(shares, expected, atol=0.07)
    assert not lesion_partners(masks * 0, torch.rand(N, N))[1].any()
    alone = masks * (torch.arange(N) == 2)[:, None, None]
    assert lesion_partners(alone, torch.rand(N, N))[1].tolist() == [True] * 2 + [False] + [True] * 3


def test_cutmix_takes_patches_of_another_image_with_their_labels():
    images, masks = numbered()
    transform = CutMix(patch_size=12, alpha=0.6)
    drawn = transform.draw(images, generator(4))
    mixed, labels = transform.apply(images, masks, drawn)
    numbers = whose(mixed)
    own = numbers == torch.arange(N)[:, None, None]
    # the grid, its share and its draws are those of EMIT-Diff's merging
    assert torch.equal(own[:, None].float(), random_patch_mask(N, SIZE, 12, 0.6, generator(4)))
    assert torch.equal(numbers, torch.where(own, numbers, drawn["partner"][:, None, None]))
    assert torch.equal(labels, taken(masks, numbers)) and not torch.equal(labels, masks)


def test_a_reference_holds_what_cutmix_is_made_with():
    reference = transform_reference("cutmix", 8, 0.25)
    assert reference == "cutmix@1(patch_size=8, alpha=0.25)"
    made = make_transform(reference)
    assert isinstance(made, CutMix) and (made.patch_size, made.alpha) == (8, 0.25)
    assert on_patches("cutmix") and not on_patches("carvemix")
    # of all others the reference is name and version, whatever the run merges by
    assert transform_reference("carvemix", 8, 0.25) == "carvemix@1"


@pytest.mark.parametrize("height, width", [(1, 9), (20, 20), (33, 17)])
@pytest.mark.parametrize("strips", [False, True])
def test_distances_are_scipys(monkeypatch, height, width, strips):
    if strips:
        monkeypatch.setattr(distance, "_AT_ONCE", 5 * 3 * height * width)
    targets = torch.rand(3, height, width, generator=generator(1)) < 0.05
    targets[:, 0, 0] = True
    found = distance.distance_to(targets)
    expected = [ndimage.distance_transform_edt(~one) for one in targets.numpy()]
    assert np.abs(found.numpy() - np.stack(expected)).max() < 1e-4


def test_signed_distances():
    inside = torch.zeros(2, 15, 15, dtype=torch.bool)
    inside[0, 4:11, 4:11] = True
    found = distance.signed_distance(inside, outwards=torch.tensor([True, True]))
    assert found[0, 7, 7] == -4 and found[0, 4, 7] == -1 and found[0, 3, 7] == 1
    assert found[0, 0, 0] == pytest.approx(4 * 2**0.5)
    assert (found[1] > 15).all()  # nothing inside
    unasked = distance.signed_distance(inside, outwards=torch.tensor([False, True]))
    assert torch.equal(unasked[0], torch.where(inside[0], found[0], torch.inf))
    assert torch.equal(unasked[1], found[1])


@pytest.mark.parametrize("depth", [-0.4, 0.0, 0.5, 1.0])
def test_carvemix_carves_by_the_distance_to_the_lesion(depth):
    images, masks = numbered()
    drawn = CarveMix().draw(images, generator(3))
    drawn |= {"mixed": torch.arange(N) != 1, "depth": torch.full((N,), depth)}
    mixed, labels = CarveMix().apply(images, masks, drawn)
    partner, _ = lesion_partners(masks, drawn["preference"])
    for i in range(N):
        lesion = masks[partner[i]].numpy() != 0
        signed = ndimage.distance_transform_edt(~lesion) - ndimage.distance_transform_edt(lesion)
        carved = torch.from_numpy(signed < depth * abs(signed.min())) & (i != 1)
        assert carved.any() == (i != 1)
        assert torch.equal(whose(mixed)[i], torch.where(carved, partner[i], i))
        assert torch.equal(labels[i], torch.where(carved, masks[partner[i]], masks[i]))


def test_how_carvemix_draws():
    drawn = drawn_many("carvemix", 4000)
    assert drawn["mixed"].float().mean() == pytest.approx(0.5, abs=0.03)
    inner = drawn["depth"] < 0
    assert inner.float().mean() == pytest.approx(0.5, abs=0.03)
    assert drawn["depth"][inner].min() == pytest.approx(-0.5, abs=0.01)
    assert drawn["depth"].max() == pytest.approx(1, abs=0.01)


def neutral(images: Tensor) -> dict[str, Tensor]:
    """Draws of CopyPaste by which all paste, and nothing else changes."""
    ones, no = torch.ones(N), torch.zeros(N, dtype=torch.bool)
    return CopyPaste().draw(images, generator(2)) | {
        "pasted": ~no,
        "from_other": ~no,
        "angle_deg": torch.zeros(N),
        "scale": ones,
        "gamma": ones,
        "mirror_x": no,
        "mirror_y": no,
        "shift_of_side": torch.zeros(N, 2),
    }


def test_copypaste_puts_another_lesion_on_top():
    images, masks = numbered()
    drawn = neutral(images) | {"pasted": torch.arange(N) != 3}
    mixed, labels = CopyPaste().apply(images, masks, drawn)
    partner, _ = lesion_partners(masks, drawn["preference"])
    for i in range(N):
        here = (masks[partner[i]] != 0) & (i != 3)
        assert torch.equal(whose(mixed)[i], torch.where(here, partner[i], i))
        assert torch.equal(labels[i], masks[i] | here)


def test_copypaste_moves_the_lesion_about_its_own_centre():
    images, masks = numbered()
    changes = {
        "angle_deg": torch.full((N,), 90.0),
        "shift_of_side": torch.tensor([[4 / SIZE, -2 / SIZE]]).expand(N, 2),
        "from_other": torch.zeros(N, dtype=torch.bool),
    }
    _, labels = CopyPaste().apply(images, masks * 0 + masks, neutral(images) | changes)
    for i in range(1, N - 1):
        pasted = torch.zeros_like(masks[i])
        # a box of 12 x 9 lies down, at most half a pixel off, 4 to the right and 2 up
        top, left = 4 + 5 * i + 1.5 - 2, 6 + 4 * i - 1.5 + 4
        rows, columns = slice(int(top), int(top) + 9), slice(int(left) + 1, int(left) + 13)
        pasted[rows, columns] = 1
        union = (labels[i] | masks[i] | pasted).sum()
        assert (labels[i] != (masks[i] | pasted)).sum() <= 24 < union


def test_copypaste_without_any_lesion_changes_nothing():
    images, masks = numbered()
    mixed, labels = CopyPaste().apply(images, masks * 0, neutral(images))
    assert torch.equal(mixed, images) and not labels.any()


def test_how_copypaste_draws():
    drawn = drawn_many("copypaste", 3000)
    for name, share in (("pasted", 0.8), ("from_other", 0.8), ("mirror_x", 0.5)):
        assert drawn[name].float().mean() == pytest.approx(share, abs=0.03)
    for name, neutral_value, low, high in (
        ("angle_deg", 0, -180, 180),
        ("scale", 1, 1 / 1.25, 1 / 0.85),
        ("gamma", 1, 0.7, 1.5),
    ):
        used = drawn[name][drawn[name] != neutral_value]
        assert len(used) / 3000 == pytest.approx(0.5, abs=0.03)
        assert used.min() >= low and used.max() <= high
        assert used.max() - used.min() > 0.97 * (high - low)


def reference_gin(image: np.ndarray, drawn: dict[str, Tensor], i: int) -> np.ndarray:
    """The network of image i of a batch, pixel by pixel as the paper writes it."""
    given = [image]
    for layer in range(4):
        weights = drawn[f"weights_{layer}"][i].numpy()
        given = [np.where(x > 0, x, 0.01 * x) if layer else x for x in given]
        given = [
            sum(
                ndimage.correlate(x, kernel, mode="constant")
                for x, kernel in zip(given, kernels, strict=True)
            )
            + float(drawn[f"shifts_{layer}"][i, number])
            for number, kernels in enumerate(weights)
        ]
    blend = float(drawn["blend"][i])
    mixed = blend * given[0] + (1 - blend) * image
    return mixed / np.linalg.norm(mixed) * np.linalg.norm(image)


def test_gin_is_a_network_of_random_weights_for_each_image():
    images, masks = batch(4, 32)
    drawn = GIN().draw(images, generator(1))
    made, labels = GIN().apply(images, masks, drawn)
    assert torch.equal(labels, masks)
    for i, image in enumerate(images[:, 0].numpy()):
        scores = (image - image.mean()) / image.std()
        expected = reference_gin(scores, drawn, i) * image.std() + image.mean()
        assert np.abs(made[i, 0].numpy() - expected).max() < 1e-4


def test_kernels_of_gin_have_one_pixel_or_nine():
    drawn = GIN().draw(torch.zeros(2000, 1, 8, 8), generator(0))
    for layer in range(4):
        used = (drawn[f"weights_{layer}"] != 0).flatten(3).sum(-1).unique().tolist()
        assert used == [1, 9]
    point = (drawn["weights_1"][:, 0, 0] != 0).flatten(1).sum(1) == 1
    assert point.float().mean() == pytest.approx(0.5, abs=0.04)
