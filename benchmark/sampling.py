"""Samples of one variant, slice by slice, so that a killed stage goes on after the last slices that it had kept.

That is possible because a sample depends on its address alone. Callers: stages. Not here: how a generator samples.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from baselines.generator import Conditions, Generator
from benchmark.checkpoint import Checkpoint
from benchmark.frozen import Frozen
from benchmark.microbatch import halving
from benchmark.progress import Report, silent

AT_ONCE = 64  # slices in a batch; samples do not depend on it


def sample_all(
    generator: Generator,
    conditions: Conditions,
    *,
    variant: int,
    key: str,
    sampling: Frozen,
    check: Callable[[np.ndarray, np.ndarray, tuple[int, ...]], None],
    report: Report = silent,
    checkpoint: Checkpoint | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`Generator.sample` of all slices: images and masks uint8 (M, S, S), batch by batch.

    `check(images, masks, shape)` looks at each batch before it is used. With `checkpoint` finished batches are kept from
    time to time, and a later call goes on behind them. Where memory runs out, batches are halved.
    """
    count, at_once = len(conditions.ids), AT_ONCE
    images, masks = np.empty(conditions.masks.shape, np.uint8), np.empty(conditions.masks.shape, np.uint8)
    done = _restore(checkpoint, images, masks)
    while done < count:
        rows = slice(done, done + AT_ONCE)
        part = replace(
            conditions, ids=conditions.ids[rows], prompts=conditions.prompts[rows], masks=conditions.masks[rows],
            edges=conditions.edges[rows],
        )  # fmt: skip

        def work(size: int, part: Conditions = part) -> tuple[int, np.ndarray, np.ndarray]:
            return size, *generator.sample(part, variant=variant, key=key, batch_size=size, sampling=sampling, report=silent)

        at_once, *made = halving(at_once, work)
        check(*made, part.masks.shape)
        images[rows], masks[rows] = made
        done = min(done + AT_ONCE, count)
        if checkpoint is not None and done < count and checkpoint.due():
            _save(checkpoint, images[:done], masks[:done])
        report(done, count)
    return images, masks


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
