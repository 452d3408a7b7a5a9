"""The ledger of substitutions: what of the paper's could not be had, and what stands in its place
in a run.

Everything follows from the run's spec. Not here: protocol switches and preset numbers, which the
spec itself shows; what stands in for the paper's generator (its class says so).
"""

from baselines.generators.catalogue import generator_class
from benchmark.spec.run import RunSpec
from benchmark.spec.substitution import Substitution
from datasets.tasks.catalogue import TASKS


def substitutions(run: RunSpec) -> tuple[Substitution, ...]:
    """All substitutions of a run, those of its images first; () for a run on the paper's images
    without a generator that stands in for the paper's."""
    method, found = run.method, _images(run)
    if method.generates and method.ratio and not method.own:
        found += generator_class(method.reference).substitutions(run)
    return tuple(found)


def _images(run: RunSpec) -> list[Substitution]:
    task = TASKS.of_results(run.dataset)
    if task.paper is None or task.has_papers_images(run.source.kind, run.source.title):
        return []
    why = task.paper.unknown_because or "chosen by the user"
    return [Substitution(part="images", paper=task.paper.words, used=run.source.title, why=why)]
