"""Stage fit-generator: a generator, trained on the training cases of one fold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.core.identity import named_seed
from benchmark.stages.context import Context, Inputs


def fit_generator(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """A generator, trained on the slices of `spec['cases']` and of no other case."""
    import torch

    from baselines.generators.base import TrainingSlices
    from baselines.generators.catalogue import generator_class, settings_of_generator
    from baselines.generators.user_method import close_fit, is_own
    from benchmark.training.microbatch import read_shortage
    from benchmark.training.number_format import native_format
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    rows = data.rows(spec["cases"], spec["minimum_foreground"])
    slices = TrainingSlices(
        images=data.images[rows],
        masks=data.masks[rows],
        edges=data.edges[rows],
        prompts=data.prompts(rows),
        ids=data.slice_ids(rows),
    )
    device = torch.device(context.device)
    generator_class(spec["generator"]).fit(
        slices,
        settings_of_generator(spec["generator"], spec["settings"]),
        seed=named_seed(spec["seed"], "generator"),
        device=device,
        out=out,
        places=replace(context.places, pretrained=inputs.get("pretrain")),
        report=context.report,
        checkpoint=context.checkpoint,
    )
    if is_own(spec["generator"]):
        close_fit(spec["generator"], out, slices.ids)
        return {"slices": len(rows), **read_shortage(out)}
    return {"slices": len(rows), "number_format": native_format(device), **read_shortage(out)}
