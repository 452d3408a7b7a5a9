"""Pre-trained weights that a call needs: telling the user which they are, and getting them before
the first stage. Not here: what weights are and whether they can work (the
settings of their generator)."""

from collections.abc import Callable, Sequence

from baselines.generators.catalogue import generators, settings_class
from benchmark.planning.plan import Plan
from benchmark.stages.catalogue import Node
from benchmark.stages.fit_generator import FitGeneratorSpec


def described_weights(plans: Sequence[Plan]) -> list[str]:
    """The weights that the generators of `plans` start from, each once."""
    lines: list[str] = []
    for plan in plans:
        spec = plan.spec_of(FitGeneratorSpec)
        if spec is not None and plan.location.places.found:
            lines += settings_class(spec.generator).described(plan.location.places)
    return list(dict.fromkeys(lines))


def fetch_weights(
    plans: Sequence[Plan], wanted: Callable[[Node], bool], say: Callable[[str], None]
) -> None:
    """Gets the weights that the wanted stages of `plans` need and this machine lacks; `say` tells
    of downloads. Raises InputError where that fails."""
    fetched = []
    for plan in plans:
        spec, places = plan.spec_of(FitGeneratorSpec), plan.location.places
        if spec is None or not places.found or (spec.generator, places) in fetched:
            continue
        if any("places" in node.spec.reads and wanted(node) for node in plan.nodes):
            settings_class(spec.generator).fetch(places, say)
            fetched.append((spec.generator, places))


def hub_weights() -> list[str]:
    """Each hub id that a preset of a generator starts from, and whether it is in the hub's
    cache."""
    return [text for cls in generators().values() for text in cls.settings.hub_weights()]
