"""Stage pretrain: a generator, trained on a folder of labelled images before any fold."""

from pathlib import Path
from typing import Any

from benchmark.core.identity import named_seed
from benchmark.stages.context import Context, Inputs
from benchmark.stages.prepare import _edge_weights


def pretrain(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """A generator, trained on a folder of labelled images that belongs to no data set of the
    benchmark."""
    import torch

    from baselines.generators.catalogue import generator_class, settings_of_generator
    from benchmark.training.microbatch import read_shortage

    settings = settings_of_generator(spec["generator"], spec["settings"])
    edge_weights = _edge_weights(spec, context.location)
    count = generator_class(spec["generator"]).pretrain(
        settings,
        size=spec["size"],
        edge=(spec["edge"], edge_weights, context.device),
        seed=named_seed(spec["seed"], "pretraining"),
        device=torch.device(context.device),
        out=out,
        places=context.places,
        report=context.report,
        checkpoint=context.checkpoint,
    )
    return {"images": count, **read_shortage(out)}
