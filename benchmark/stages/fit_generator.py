"""Stage fit-generator: a generator, trained on the training cases of one fold."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from benchmark.core.identity import named_seed
from benchmark.stages.base import Context, Inputs, StageSpec


class FitGeneratorSpec(StageSpec):
    """settings: `BaseSettings.training_spec`; cases: whose slices are learned, and no other's;
    minimum_foreground: pixels that a slice must have more of, if any must (Q9)."""

    stage: ClassVar[str] = "fit-generator"
    version: ClassVar[int] = 4
    reads: ClassVar[frozenset[str]] = frozenset({"places"})

    generator: str
    settings: dict[str, Any]
    cases: tuple[str, ...]
    minimum_foreground: int | None
    seed: int

    def describe(self) -> str:
        return f"{self.generator}, {len(self.cases)} cases"

    def work(self) -> int | None:
        steps = self.settings.get("steps")
        return steps if isinstance(steps, int) else None

    def method_class(self) -> str:
        return self.generator

    def cost_kind(self) -> list[Any]:
        return [self.generator, self.settings]

    def network(self) -> str:
        return self.generator


def run(spec: FitGeneratorSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Weights, configuration, curve and training ids, as `Generator.fit` writes them."""
    import torch

    from baselines.generators.base import TrainingSlices
    from baselines.generators.catalogue import generator_class, settings_of_generator
    from baselines.generators.job import TrainingJob
    from baselines.generators.user_method import close_fit, is_own
    from benchmark.training.graphs import read_graphs
    from benchmark.training.microbatch import read_shortage
    from benchmark.training.number_format import native_format
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    rows = data.rows(spec.cases, spec.minimum_foreground)
    slices = TrainingSlices(
        images=data.images[rows],
        masks=data.masks[rows],
        edges=data.edges[rows],
        prompts=data.prompts(rows),
        ids=data.slice_ids(rows),
    )
    device = torch.device(context.device)
    job = TrainingJob(
        out,
        device,
        named_seed(spec.seed, "generator"),
        replace(context.location.places, pretrained=inputs.get("pretrain")),
        context.report,
        context.checkpoint,
        context.graphs,
        context.compiles,
    )
    settings = settings_of_generator(spec.generator, spec.settings)
    generator_class(spec.generator).fit(slices, settings, job)
    close_fit(spec.generator, out, [*slices.ids, *settings.also_learned()])
    made = {"slices": len(rows), **read_shortage(out), **read_graphs(out)}
    return made if is_own(spec.generator) else made | {"number_format": native_format(device)}
