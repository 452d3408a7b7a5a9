"""Which mask a sample is made from: its slice's, the same moved, another case's."""

import numpy as np
import pytest

from baselines.generators.declaration import declared_method
from baselines.generators.mask_sampler import (
    Donors,
    MaskSampling,
    choose_masks,
    moved_mask,
    source_rows,
)
from baselines.generators.settings import BaseSettings
from baselines.method import Generator
from baselines.scratch.diffusion import addressed, all_addressed
from benchmark.core.errors import InputError

SIDE = 32
CASES = ["a", "a", "b", "c"]


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (np.hypot(rows - row, columns - column) <= radius).astype(np.uint8)


def donors() -> Donors:
    """Four slices of three cases; that of case c has no foreground."""
    masks = np.stack([disc(12, 12, 4), disc(12, 12, 3), disc(20, 18, 6), disc(0, 0, -1)])
    return Donors(masks, CASES)


def draws(variant: int, rows=range(4)) -> list[np.random.Generator]:
    return all_addressed("key", [f"slice {row}" for row in rows], [variant] * len(rows), "mask")


def chosen(rows, sampling: MaskSampling, variant: int) -> tuple[np.ndarray, list[int]]:
    """Masks and their sources."""
    masks = choose_masks(rows, donors(), sampling, draws(variant, rows))
    return masks, source_rows(rows, donors(), sampling, draws(variant, rows))


def centre(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(0)


def test_the_slice_keeps_its_own_mask():
    masks, sources = chosen(range(4), MaskSampling(), 0)
    assert np.array_equal(masks, donors().masks) and sources == [0, 1, 2, 3]


def test_another_case_gives_its_mask_and_the_own_case_never_does():
    sampling, found = MaskSampling(mask="other"), set()
    for variant in range(60):
        masks, sources = chosen(range(4), sampling, variant)
        assert np.array_equal(masks, donors().masks[sources])
        assert all(CASES[row] != CASES[source] for row, source in enumerate(sources))
        found |= set(enumerate(sources))
    # every slice of another case, the one without foreground included
    assert found == {(row, other) for row in range(4) for other in range(4)} - {
        (row, other) for row in range(4) for other in range(4) if CASES[row] == CASES[other]
    }


@pytest.mark.parametrize("mask", ["moved", "other"])
def test_the_address_of_a_sample_decides_and_not_its_company(mask):
    sampling = MaskSampling(mask=mask)
    whole, sources = chosen(range(4), sampling, 3)
    for row in (2, 0):
        alone, (source,) = chosen([row], sampling, 3)
        assert np.array_equal(alone[0], whole[row]) and source == sources[row]
    other, _ = chosen(range(4), sampling, 4)
    assert not np.array_equal(whole, other)


def test_a_moved_mask_keeps_to_its_limits():
    mask, rng = disc(14, 15, 5), np.random.default_rng(0)
    sampling = MaskSampling(mask="moved", mask_shift=0.125, mask_scale=(0.8, 1.25))
    shifts, areas = [], []
    for _ in range(400):
        moved = moved_mask(mask, sampling, rng)
        assert moved.dtype == np.uint8 and set(np.unique(moved)) == {0, 1}
        shifts.append(centre(moved) - centre(mask))
        areas.append(moved.sum() / mask.sum())
    shifts = np.abs(shifts)
    assert shifts.max() <= 4.5 and shifts.max(0).min() > 3.4  # 4 px of 32, half a px of rounding
    assert 0.5 < min(areas) < 0.75 and 1.35 < max(areas) < 1.75  # 0.64 to 1.56


def test_a_structure_within_the_image_stays_within_it_and_one_that_is_cut_stays_cut():
    rng = np.random.default_rng(1)
    sampling = MaskSampling(mask="moved", mask_shift=1, mask_scale=(0.7, 3))
    for _ in range(200):
        free = moved_mask(disc(10, 9, 6), sampling, rng)
        assert free.any() and not (free[[0, -1]].any() or free[:, [0, -1]].any())
        cut = moved_mask(disc(2, 16, 6), sampling, rng)
        assert cut[0].any() and not (cut[-1].any() or cut[:, [0, -1]].any())


def test_mirroring_is_a_share():
    mask = disc(10, 6, 3)
    still = {"mask": "moved", "mask_shift": 0, "mask_scale": (1, 1)}
    for share in (0, 1):
        moved = moved_mask(mask, MaskSampling(**still, mask_mirror=share), np.random.default_rng(0))
        assert np.array_equal(moved, mask[:, ::-1] if share else mask)


def test_nothing_is_lost_of_an_empty_mask_or_of_a_single_pixel():
    sampling, rng = MaskSampling(mask="moved", mask_scale=(0.1, 0.2)), np.random.default_rng(0)
    assert not moved_mask(np.zeros((SIDE, SIDE), np.uint8), sampling, rng).any()
    ring = disc(16, 16, 8) - disc(16, 16, 7)  # its centre is empty
    assert all(moved_mask(one, sampling, rng).any() for one in (disc(9, 9, 0), ring))


def test_one_case_has_no_other():
    lonely = Donors(donors().masks[:2], CASES[:2])
    with pytest.raises(InputError, match="mask=other takes the mask of another .* has 1; take"):
        choose_masks([0], lonely, MaskSampling(mask="other"), [addressed("k", "s", 0, "mask")])
    for mask in ("slice", "moved"):
        MaskSampling(mask=mask).check_cases(["a"])
    MaskSampling(mask="other").check_cases(["a", "b"])


@pytest.mark.parametrize("limits", [{"mask_scale": (1.2, 0.8)}, {"mask_shift": -0.1}])
def test_limits_that_cannot_be_are_refused(limits):
    with pytest.raises(ValueError, match="mask_sc|mask_sh"):
        MaskSampling(mask="moved", **limits)


def test_a_generator_of_patches_may_not_choose_masks():
    class Chosen(BaseSettings):
        sampling: MaskSampling = MaskSampling()

    class Patches(Generator):
        name, version, joins, settings = "patches", 1, "patches", Chosen
        fit = load = sample_batch = None

    with pytest.raises(InputError, match="`joins` must be 'pairs'"):
        declared_method(Patches, "here")
