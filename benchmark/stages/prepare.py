"""Stage prepare: the cases of a source, as slices of the working size with their edges."""

from pathlib import Path
from typing import Any, ClassVar

from benchmark.core.errors import InputError
from benchmark.stages.base import Context, Inputs, Location, StageSpec


class PrepareSpec(StageSpec):
    """source: its kind, and fingerprint the sha256 of its images; options: of the source, those
    that choose its content; size: side of a slice, pixels; edge_weights: sha256 of the detector's
    weights, if it has any."""

    stage: ClassVar[str] = "prepare"
    version: ClassVar[int] = 2
    counts: ClassVar[str] = "cases"
    reads: ClassVar[frozenset[str]] = frozenset({"source", "edge_weights"})

    dataset: str
    source: str
    fingerprint: str
    options: dict[str, str]
    size: int
    intensity: str
    edge: str
    edge_weights: str | None

    def describe(self) -> str:
        return f"{self.dataset} at {self.size} px"

    def cost_kind(self) -> list[Any]:
        return [self.dataset, self.source, self.fingerprint, self.size]


def run(spec: PrepareSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Slices, edges and truth of one source at one working size."""
    from datasets.slices.edges import make_detector
    from datasets.slices.preparation import Prepared, prepare
    from datasets.sources.base import SourceOptions
    from datasets.sources.open import open_source

    where = context.location.source
    assert where is not None, "a plan says where its source lies"
    options: dict[str, Any] = {**spec.options, "allow_incomplete": where.allow_incomplete}
    if "limit" in options:
        options["limit"] = int(options["limit"])
    source = open_source(
        spec.dataset,
        where.source,
        where.data_root,
        phantom_cases=where.phantom_cases,
        phantom_size=spec.size,
        options=SourceOptions(**options),
    )
    if source.fingerprint() != spec.fingerprint:
        raise InputError(
            f"the images of {source.title} changed since the run was planned; run the same command"
            " again."
        )
    weights = checked_edge_weights(spec.edge_weights, context.location)
    prepare(
        source,
        out,
        size=spec.size,
        intensity=spec.intensity,
        edge=make_detector(spec.edge, weights, context.device),
        report=context.report,
    )
    done = Prepared(out)
    return {"cases": len(done.cases), "slices": len(done.images), "notes": done.notes}


def checked_edge_weights(planned: str | None, location: Location) -> Path | None:
    """The file of the edge detector's weights, if it has any. Raises InputError where it is not the
    one that was planned."""
    from datasets.slices.hed import weights_identity

    file = location.edge_weights
    if planned is None or file is None:
        return None
    if weights_identity(file) != planned:
        raise InputError(
            f"the weights {file} changed since the run was planned; run the same command again."
        )
    return file
