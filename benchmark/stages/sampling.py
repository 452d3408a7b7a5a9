"""A block of variants, sampled batch by batch, so that a killed stage goes on after the last
samples that it had kept.

That is possible because a sample depends on its address alone. A batch takes samples in the order
of the block - all slices of one variant, then those of the next - and so may hold slices of two
variants. Where the sampling settings choose masks (mask_sampler.py), each sample is made from the
mask chosen for it. Not here: how a generator samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from baselines.generators.base import Conditions, Generator, case_of
from baselines.generators.mask_sampler import Donors, MaskSampling, choose_masks, source_rows
from baselines.scratch.diffusion import all_addressed
from baselines.scratch.phrases import join_phrase
from benchmark.core.frozen import Frozen
from benchmark.core.progress import Report, silent
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.microbatch import halving

AT_ONCE = 64  # samples in one call of a generator on a CPU; they do not depend on it
# On a GPU the call is longer, so that a batch is prepared while the one before is computed.
AT_ONCE_ON_GPU = 8 * AT_ONCE
CPU_PIXELS = 16 * 128**2  # that go through a network at once on a CPU: more leave its caches


@dataclass(frozen=True)
class Block:
    """Variants `first`, `first` + 1, ... of N slices, as many as there are `phrases`; a phrase ends
    all prompts of its variant. Sample number m is of slice m % N.

    masks: which masks the samples are made from; None: those of their slices. key: the
    generator's, a part of each sample's address.
    """

    slices: Conditions
    first: int
    phrases: Sequence[str]
    masks: MaskSampling | None = None
    key: str = ""

    def __len__(self) -> int:
        return len(self.phrases) * len(self.slices.ids)

    def part(self, start: int, stop: int) -> tuple[Conditions, list[int]]:
        """What samples number start to stop - 1 are made from, and the variant of each."""
        places = [divmod(number, len(self.slices.ids)) for number in range(start, stop)]
        rows = [row for _, row in places]
        variants = [self.first + variant for variant, _ in places]
        conditions = Conditions(
            [self.slices.ids[row] for row in rows],
            self._masks(rows, variants),
            self.slices.edges[rows],
            [
                join_phrase(self.slices.prompts[row], self.phrases[variant])
                for variant, row in places
            ],
        )
        return conditions, variants

    def sources(self) -> list[list[str]]:
        """The slice that each sample's mask comes from, for each variant and slice."""
        ids, every = self.slices.ids, range(len(self.slices.ids))
        if self.masks is None:
            return [list(ids) for _ in self.phrases]
        numbers = range(self.first, self.first + len(self.phrases))
        found = [
            source_rows(every, self._donors, self.masks, self._draws(every, [number] * len(every)))
            for number in numbers
        ]
        return [[ids[row] for row in rows] for rows in found]

    def _masks(self, rows: Sequence[int], variants: Sequence[int]) -> np.ndarray:
        """Masks that samples of these slices and variants are made from, uint8 (B, S, S)."""
        if self.masks is None:
            return self.slices.masks[list(rows)]
        return choose_masks(rows, self._donors, self.masks, self._draws(rows, variants))

    def _draws(self, rows: Sequence[int], variants: Sequence[int]) -> list[np.random.Generator]:
        ids = [self.slices.ids[row] for row in rows]
        return all_addressed(self.key, ids, variants, "mask")

    @cached_property
    def _donors(self) -> Donors:
        return Donors(self.slices.masks, [case_of(one) for one in self.slices.ids])

    def prompts(self) -> list[str]:
        """All prompts of the block, each once."""
        plain = dict.fromkeys(self.slices.prompts)
        return [join_phrase(prompt, phrase) for phrase in self.phrases for prompt in plain]


def batch_size(size: int, device: str) -> int:
    """Slices of `size` pixels that go through a network at once. On a CPU their pixels decide
    (docs/measurements.md)."""
    return AT_ONCE if device.startswith("cuda") else min(AT_ONCE, -(-CPU_PIXELS // size**2))


def per_call(device: str) -> int:
    """Samples in one call of a generator."""
    return AT_ONCE_ON_GPU if device.startswith("cuda") else AT_ONCE


def sample_block(
    generator: Generator,
    block: Block,
    *,
    key: str,
    sampling: Frozen,
    report: Report = silent,
    checkpoint: Checkpoint | None = None,
    at_once: int = AT_ONCE,
    per_call: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`Generator.sample` of a whole block: images and masks uint8 (V, N, S, S).

    key: the generator's. With `checkpoint` finished calls are kept from time to time, and a later
    one goes on behind them. `at_once` samples go through the network at once, half as many where
    memory runs out; `per_call`, else AT_ONCE, are asked of the generator in one call.
    """
    count, shape = len(block), block.slices.masks.shape
    images = np.empty((count, *shape[1:]), np.uint8)
    masks = np.empty_like(images)
    per_call = per_call or AT_ONCE
    done = _restore(checkpoint, images, masks)
    report(done, count)
    while done < count:
        end = min(done + per_call, count)
        conditions, variants = block.part(done, end)

        def work(size: int, conditions=conditions, variants=variants) -> tuple:
            return size, *generator.sample(
                conditions, variants=variants, key=key, batch_size=size, sampling=sampling
            )

        at_once, images[done:end], masks[done:end] = halving(at_once, work)
        done = end
        if checkpoint is not None and done < count and checkpoint.due():
            _save(checkpoint, images[:done], masks[:done])
        report(done, count)
    whole = (len(block.phrases), *shape)
    return images.reshape(whole), masks.reshape(whole)


def _save(checkpoint: Checkpoint, images: np.ndarray, masks: np.ndarray) -> None:
    import torch

    checkpoint.save({"images": torch.from_numpy(images), "masks": torch.from_numpy(masks)}, {})


def _restore(checkpoint: Checkpoint | None, images: np.ndarray, masks: np.ndarray) -> int:
    """Fills in the samples that an earlier attempt kept; returns their number."""
    found = checkpoint.load() if checkpoint is not None else None
    if found is None:
        return 0
    tensors, _ = found
    done = len(tensors["images"])
    images[:done], masks[:done] = tensors["images"].numpy(), tensors["masks"].numpy()
    return done
