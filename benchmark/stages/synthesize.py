"""Stage synthesize: synthetic variants of the training slices."""

from pathlib import Path
from typing import Any

import numpy as np

from baselines.generators.base import IDS_FILE
from benchmark.core.files import write_json
from benchmark.stages.context import Context, Inputs


def synthesize(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """One synthetic variant of every training slice: images.npy and masks.npy uint8 (N, S, S), in
    slice order."""
    import torch

    from baselines.generators.base import Conditions, Generator, training_ids
    from baselines.generators.catalogue import generator_class, settings_class
    from baselines.scratch.phrases import join_phrase
    from benchmark.stages.sampling import Variant, batch_size, sample_all
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    kind, folder = generator_class(spec["generator"]), inputs["fit-generator"]

    def load() -> Generator:
        return kind.load(folder, torch.device(context.device), context.places)

    generator = context.kept.generator((folder, context.device), load)

    def variant(key: str, spec: dict) -> Variant:
        rows = data.rows(spec["cases"], spec["minimum_foreground"])
        prompts = [join_phrase(prompt, spec["phrase"]) for prompt in data.prompts(rows)]
        return Variant(
            key,
            spec["variant"],
            Conditions(data.slice_ids(rows), data.masks[rows], data.edges[rows], prompts),
        )

    wanted = variant(context.key, spec)
    images, masks = sample_all(
        generator,
        wanted,
        key=folder.name,
        sampling=settings_class(spec["generator"]).sampling_from(spec["sampling"]),
        report=context.report,
        checkpoint=context.checkpoint,
        following=(variant(plan["key"], plan["spec"]) for plan in context.following),
        early=context.kept.early,
        at_once=batch_size(data.size, context.device),
    )
    np.save(out / "images.npy", images)
    np.save(out / "masks.npy", masks)
    write_json(out / IDS_FILE, training_ids(folder))
    unknown = generator.unknown_words(wanted.conditions.prompts)
    return {
        "images": len(images),
        "unknown_words": unknown,
        "number_format": generator.number_format,
    }
