"""Samples of one variant, batch by batch, so that a killed stage goes on after the last slices that
it had kept.

That is possible because a sample depends on its address alone; so is a batch of slices of several
variants. Not here: how a generator samples, what is kept between stages (carry_over.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from baselines.generators.base import Conditions, Generator, joined
from benchmark.core.frozen import Frozen
from benchmark.core.progress import Report, silent
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.microbatch import halving

AT_ONCE = 64  # slices in one call of a generator; samples do not depend on it
CPU_PIXELS = 16 * 128**2  # that go through a network at once on a CPU: more leave its caches
Early = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Variant:
    """The samples of one stage `synthesize`: its key, the number of the variant, and what its M
    slices are made from."""

    stage: str
    number: int
    conditions: Conditions

    def __len__(self) -> int:
        return len(self.conditions.ids)


def batch_size(size: int, device: str) -> int:
    """Slices of `size` pixels that go through a network at once. On a CPU their pixels decide
    (docs/measurements.md)."""
    return AT_ONCE if device.startswith("cuda") else min(AT_ONCE, -(-CPU_PIXELS // size**2))


def sample_all(
    generator: Generator,
    wanted: Variant,
    *,
    key: str,
    sampling: Frozen,
    report: Report = silent,
    checkpoint: Checkpoint | None = None,
    following: Iterable[Variant] = (),
    early: Early | None = None,
    at_once: int = AT_ONCE,
) -> tuple[np.ndarray, np.ndarray]:
    """`Generator.sample` of all slices of `wanted`: images and masks uint8 (M, S, S), batch by
    batch.

    key: the generator's. With `checkpoint` finished calls are kept from time to time, and a later
    one goes on behind them. `at_once` slices go through the network at once, half as many where
    memory runs out. Where the last call has room, slices of `following` fill it; they are left in
    `early`, from which their own call takes them out.
    """
    count, early = len(wanted), {} if early is None else early
    images, masks = (
        np.empty(wanted.conditions.masks.shape, np.uint8),
        np.empty(wanted.conditions.masks.shape, np.uint8),
    )
    done = max(_take_out(early, wanted, images, masks), _restore(checkpoint, images, masks))
    while done < count:
        end = min(done + AT_ONCE, count)
        others = _fill(AT_ONCE - (end - done), following, early)
        pieces = [(wanted, slice(done, end)), *others]
        batch = joined([variant.conditions.part(rows) for variant, rows in pieces])
        numbers = [variant.number for variant, rows in pieces for _ in range(rows.start, rows.stop)]

        def work(size: int, batch: Conditions = batch, numbers=numbers) -> tuple:
            return size, *generator.sample(
                batch, variants=numbers, key=key, batch_size=size, sampling=sampling
            )

        at_once, *made = halving(at_once, work)
        images[done:end], masks[done:end] = (stack[: end - done] for stack in made)
        _keep(early, others, *(stack[end - done :] for stack in made))
        done = end
        if checkpoint is not None and done < count and checkpoint.due():
            _save(checkpoint, images[:done], masks[:done])
        report(done, count)
    return images, masks


def _fill(room: int, following: Iterable[Variant], early: Early) -> list[tuple[Variant, slice]]:
    """The next slices of the variants to come, as many as there is room for."""
    pieces = []
    variants = iter(following)
    while room and (variant := next(variants, None)) is not None:
        there = len(early[variant.stage][0]) if variant.stage in early else 0
        end = min(there + room, len(variant))
        pieces.append((variant, slice(there, end)))
        room -= end - there
    return pieces


def _keep(early: Early, pieces: list[tuple[Variant, slice]], *made: np.ndarray) -> None:
    """Puts samples that were made early behind those of their stage that are there."""
    first = 0
    for variant, rows in pieces:
        last = first + rows.stop - rows.start
        new = [stack[first:last] for stack in made]
        before = early.get(variant.stage, [stack[:0] for stack in made])
        early[variant.stage] = tuple(np.concatenate(pair) for pair in zip(before, new, strict=True))
        first = last


def _take_out(early: Early, wanted: Variant, images: np.ndarray, masks: np.ndarray) -> int:
    """Fills in the slices that were made early; returns their number."""
    made_images, made_masks = early.pop(wanted.stage, (images[:0], masks[:0]))
    images[: len(made_images)], masks[: len(made_masks)] = made_images, made_masks
    return len(made_images)


def _save(checkpoint: Checkpoint, images: np.ndarray, masks: np.ndarray) -> None:
    import torch

    checkpoint.save({"images": torch.from_numpy(images), "masks": torch.from_numpy(masks)}, {})


def _restore(checkpoint: Checkpoint | None, images: np.ndarray, masks: np.ndarray) -> int:
    """Fills in the slices that an earlier attempt kept; returns their number."""
    found = checkpoint.load() if checkpoint is not None else None
    if found is None:
        return 0
    tensors, _ = found
    done = len(tensors["images"])
    images[:done], masks[:done] = tensors["images"].numpy(), tensors["masks"].numpy()
    return done
