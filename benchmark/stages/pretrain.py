"""Stage pretrain: a generator, trained on a folder of labelled images before any fold.

Only where the generator's settings ask for it; all folds and seeds share it.
"""

from pathlib import Path
from typing import Any, ClassVar

from benchmark.core.identity import named_seed
from benchmark.stages.base import Context, Inputs, StageSpec
from benchmark.stages.prepare import checked_edge_weights


class PretrainSpec(StageSpec):
    """settings: `BaseSettings.pretraining_spec`; size: side of an image, pixels; edge_weights: as
    in prepare."""

    stage: ClassVar[str] = "pretrain"
    version: ClassVar[int] = 3
    reads: ClassVar[frozenset[str]] = frozenset({"edge_weights", "places"})

    generator: str
    settings: dict[str, Any]
    size: int
    edge: str
    edge_weights: str | None
    seed: int

    def describe(self) -> str:
        return f"{self.generator} at {self.size} px"

    def method_class(self) -> str:
        return self.generator

    def cost_kind(self) -> list[Any]:
        return [self.generator, self.settings, self.size]


def run(spec: PretrainSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """A generator, trained on images that belong to no data set of the benchmark."""
    import torch

    from baselines.generators.catalogue import generator_class, settings_of_generator
    from baselines.generators.job import TrainingJob
    from benchmark.training.graphs import read_graphs
    from benchmark.training.microbatch import read_shortage

    settings = settings_of_generator(spec.generator, spec.settings)
    edge_weights = checked_edge_weights(spec.edge_weights, context.location)
    job = TrainingJob(
        out,
        torch.device(context.device),
        named_seed(spec.seed, "pretraining"),
        context.location.places,
        context.report,
        context.checkpoint,
        context.graphs,
        context.compiles,
    )
    count = generator_class(spec.generator).pretrain(
        settings, job, size=spec.size, edge=(spec.edge, edge_weights, context.device)
    )
    return {"images": count, **read_shortage(out), **read_graphs(out)}
