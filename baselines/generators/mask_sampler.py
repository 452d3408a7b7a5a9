"""Which mask a synthetic sample is made from: its slice's own, the same moved, or another case's.

A generator that is conditioned on a mask can be shown masks that no real slice has; which ones to
take is a question of its own, apart from the generator. A class of sampling settings that derives
from `MaskSampling` has these settings, and its samples are then made from the masks that
`choose_masks` gives, and carry them as their labels. That needs a generator that joins by "pairs".
All random numbers come from the address of the sample, so that batch size and order change
nothing. Imports no torch. Not here: the stage that asks (benchmark/stages/sampling.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen


class MaskSampling(Frozen):
    """Sampling settings that say which mask a sample is made from."""

    mask: Literal["slice", "moved", "other"] = Field(
        "slice",
        description="of the slice; the same moved and scaled; or of a training slice of another"
        " case",
    )
    mask_shift: float = Field(
        0.1, ge=0, le=1, description="moved: largest shift to each side, as a share of the side"
    )
    mask_scale: tuple[float, float] = Field((0.8, 1.2), description="moved: zoom of the mask")
    mask_mirror: float = Field(
        0.0, ge=0, le=1, description="moved: share of masks mirrored left-right"
    )

    @model_validator(mode="after")
    def _mask_scale_ascends(self) -> MaskSampling:
        if not 0 < self.mask_scale[0] <= self.mask_scale[1]:
            raise ValueError(f"mask_scale {self.mask_scale} must be positive and ascending")
        return self

    def check_cases(self, cases: Sequence[str]) -> None:
        """Raises InputError where the training cases have no masks to choose from."""
        if self.mask == "other" and len(set(cases)) < 2:
            raise InputError(
                f"generator.sampling.mask=other takes the mask of another training case, and the"
                f" fold has {len(set(cases))}; take mask=moved, or train with more cases."
            )


@dataclass(frozen=True)
class Donors:
    """Slices whose masks samples may be made from: those of a run's training cases, and no other.

    masks: uint8 {0, 1} (N,S,S); cases: of each slice.
    """

    masks: np.ndarray
    cases: Sequence[str]


def choose_masks(
    rows: Sequence[int],
    donors: Donors,
    sampling: MaskSampling,
    draws: Sequence[np.random.Generator],
) -> np.ndarray:
    """Masks uint8 {0, 1} (B,S,S) that B samples are made from.

    rows: of the samples' own slices among the donors. draws: one generator of random numbers per
    sample, from its address.
    """
    masks = donors.masks[source_rows(rows, donors, sampling, draws)]
    if sampling.mask != "moved":
        return masks
    pairs = zip(masks, draws, strict=True)
    return np.stack([moved_mask(mask, sampling, draw) for mask, draw in pairs])


def source_rows(
    rows: Sequence[int],
    donors: Donors,
    sampling: MaskSampling,
    draws: Sequence[np.random.Generator],
) -> list[int]:
    """The row of `donors` that each mask of `choose_masks` comes from, by the same fresh `draws`.

    "other" draws evenly among the slices of all other cases, those with an empty mask included, so
    that samples have as many empty masks as real slices.
    """
    if sampling.mask != "other":
        return list(rows)
    sampling.check_cases(donors.cases)
    cases = np.array(donors.cases)
    others = [np.flatnonzero(cases != cases[row]) for row in rows]
    pairs = zip(others, draws, strict=True)
    return [int(possible[draw.integers(len(possible))]) for possible, draw in pairs]


def moved_mask(mask: np.ndarray, sampling: MaskSampling, draw: np.random.Generator) -> np.ndarray:
    """The mask uint8 {0, 1} (S,S) scaled about the centre of its box, moved, and perhaps mirrored
    before.

    What lies within the image stays within it: zoom and shift end one pixel before the border. A
    mask that a border cuts stays at it. An empty mask stays empty, and one that would lose its
    last pixel is not scaled.
    """
    mirror, zoom, *places = draw.random(4)
    low, high = sampling.mask_scale
    mask = np.ascontiguousarray(mask[:, ::-1] if mirror < sampling.mask_mirror else mask)
    if not mask.any():
        return mask
    scaled = _scaled(mask, low + (high - low) * zoom)
    moved = scaled if scaled.any() else mask
    largest = sampling.mask_shift * len(mask)
    for axis, place in enumerate(places):
        if not _is_cut(*_box(mask, axis), len(mask)):
            first, last = _box(moved, axis)
            wanted = round((2 * place - 1) * largest)
            moved = np.roll(moved, max(1 - first, min(wanted, len(mask) - 2 - last)), axis)
    return moved


def _box(mask: np.ndarray, axis: int) -> tuple[int, int]:
    """First and last place along an axis with a pixel of a mask that is not empty."""
    places = np.flatnonzero(mask.any(axis=1 - axis))
    return int(places[0]), int(places[-1])


def _is_cut(first: int, last: int, side: int) -> bool:
    return first == 0 or last == side - 1


def _scaled(mask: np.ndarray, zoom: float) -> np.ndarray:
    """The mask (S,S), not empty, scaled about the centre of its box, or about the border that cuts
    it; each pixel takes the value of the nearest one."""
    side, fixed = len(mask), []
    for axis in (0, 1):
        first, last = _box(mask, axis)
        if not _is_cut(first, last, side):
            room = min(first + last, 2 * (side - 1) - first - last) / (last - first + 1)
            zoom = min(zoom, 0.999 * room)  # less than 1: a pixel at the border stays free
            fixed.append((first + last) / 2)
        elif first == 0 and last == side - 1:  # a smaller one would be cut by nothing
            zoom = max(zoom, 1.0)
            fixed.append((side - 1) / 2)
        else:
            fixed.append(0 if first == 0 else side - 1)
    sources = [np.rint((np.arange(side) - place) / zoom + place).astype(int) for place in fixed]
    inside = [(found >= 0) & (found < side) for found in sources]
    taken = mask[np.ix_(*(found.clip(0, side - 1) for found in sources))]
    return taken * (inside[0][:, None] & inside[1])
