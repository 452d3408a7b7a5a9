"""Stage synthesize: a block of synthetic variants of every slice of some cases.

A run of ratio n uses the first n variants, which lie in blocks of BLOCK: those of ratio 7 in
[0, 5) and [5, 7). So runs of several ratios share all whole blocks, a batch is filled across the
variants of a block, and no variant is made that no run asked for. Only a last block that is cut
short serves its own ratio alone.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from baselines.generators.fit_folder import training_ids, write_training_ids
from baselines.generators.mask_sampler import MaskSampling
from benchmark.stages.base import Context, Inputs, StageSpec
from benchmark.stages.leaks import SOURCES_FILE

BLOCK = 5  # variants: a generator is loaded once for so many


def blocks(ratio: int) -> list[range]:
    """The variants of each block of a run: [range(0, 5), range(5, 7)] for ratio 7."""
    return [range(first, min(first + BLOCK, ratio)) for first in range(0, ratio, BLOCK)]


class SynthesizeSpec(StageSpec):
    """sampling: `BaseSettings.sampling_spec`; first: number of the block's first variant; phrases:
    one per variant, which ends its prompts ("": the plain prompt); cases: whose slices are sampled;
    minimum_foreground: as in fit-generator."""

    stage: ClassVar[str] = "synthesize"
    version: ClassVar[int] = 3
    counts: ClassVar[str] = "images"
    reads: ClassVar[frozenset[str]] = frozenset({"places"})

    generator: str
    sampling: dict[str, Any]
    first: int
    phrases: tuple[str, ...]
    cases: tuple[str, ...]
    minimum_foreground: int | None

    def describe(self) -> str:
        first, last = self.first + 1, self.first + len(self.phrases)
        which = f"variant {first}" if first == last else f"variants {first} to {last}"
        return f"{self.generator}, {which}"

    def method_class(self) -> str:
        return self.generator

    def cost_kind(self) -> list[Any]:
        return [self.generator, self.sampling, len(self.phrases)]


def run(spec: SynthesizeSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """images.npy and masks.npy, uint8 (V, N, S, S): V variants of N slices, in slice order; and
    SOURCES_FILE where masks are chosen: the slice that each comes from."""
    import torch

    from baselines.generators.base import Conditions
    from baselines.generators.catalogue import generator_class, settings_class
    from benchmark.stages.sampling import Block, batch_size, per_call, sample_block
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    folder = inputs["fit-generator"]
    device = torch.device(context.device)
    places = replace(context.location.places, graphs=context.graphs)
    generator = generator_class(spec.generator).load(folder, device, places)
    rows = data.rows(spec.cases, spec.minimum_foreground)
    slices = Conditions(
        data.slice_ids(rows), data.masks[rows], data.edges[rows], data.prompts(rows)
    )
    sampling = settings_class(spec.generator).sampling_from(spec.sampling)
    masks_of = sampling if isinstance(sampling, MaskSampling) else None
    block = Block(slices, spec.first, spec.phrases, masks_of, folder.name)
    images, masks = sample_block(
        generator,
        block,
        key=folder.name,
        sampling=sampling,
        report=context.report,
        checkpoint=context.checkpoint,
        at_once=batch_size(data.size, context.device),
        per_call=per_call(context.device),
    )
    np.save(out / "images.npy", images)
    np.save(out / "masks.npy", masks)
    write_training_ids(out, training_ids(folder))
    if masks_of is not None:
        (out / SOURCES_FILE).write_text(json.dumps(block.sources()), encoding="utf-8")
    return {
        "images": images.shape[0] * images.shape[1],
        "unknown_words": generator.unknown_words(block.prompts()),
        "number_format": generator.number_format,
        **generator.told(),
    }
