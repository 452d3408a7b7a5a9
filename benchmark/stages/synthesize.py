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

    from baselines.generators.base import Conditions, training_ids
    from baselines.generators.catalogue import generator_class, settings_class
    from baselines.generators.user_method import check_samples, is_own
    from baselines.scratch.phrases import join_phrase
    from benchmark.stages.sampling import Variant, batch_size, sample_all
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    kind, folder = generator_class(spec["generator"]), inputs["fit-generator"]

    def load() -> Any:
        loaded = kind.load(folder, torch.device(context.device))
        loaded.locate(context.location)
        return loaded

    # One that does not mix variants may be a user's, of which nobody knows what a call leaves
    # behind in it.
    generator = (
        context.kept.generator((folder, context.device), load) if kind.mixes_variants else load()
    )

    def variant(key: str, spec: dict) -> Variant:
        rows = data.rows(spec["cases"], spec["minimum_foreground"])
        prompts = [join_phrase(prompt, spec["phrase"]) for prompt in data.prompts(rows)]
        return Variant(
            key,
            spec["variant"],
            Conditions(data.slice_ids(rows), data.masks[rows], data.edges[rows], prompts),
        )

    def check(*batch) -> None:
        if is_own(spec["generator"]):
            check_samples(spec["generator"], *batch)

    wanted = variant(context.key, spec)
    images, masks = sample_all(
        generator,
        wanted,
        key=folder.name,
        sampling=settings_class(spec["generator"]).sampling_from(spec["sampling"]),
        check=check,
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
