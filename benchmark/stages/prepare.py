"""Stage prepare: the cases of a source, as slices of the working size with their edges."""

from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError
from benchmark.stages.context import Context, Inputs


def prepare(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Slices, edges and truth of one source at one working size."""
    from datasets.slices.edges import make_detector
    from datasets.slices.preparation import Prepared
    from datasets.slices.preparation import prepare as write
    from datasets.sources.base import SourceOptions
    from datasets.sources.open import open_source

    where = context.location
    source = open_source(
        spec["dataset"],
        where["source"],
        Path(where["data_root"]) if where["data_root"] else None,
        phantom_cases=where["phantom_cases"],
        phantom_size=spec["size"],
        options=SourceOptions(**spec["options"], allow_incomplete=where["allow_incomplete"]),
    )
    if source.fingerprint() != spec["source"]["fingerprint"]:
        raise InputError(
            f"the images of {source.title} changed since the run was planned; run the same command"
            f" again."
        )
    detector = make_detector(spec["edge"], _edge_weights(spec, where), context.device)
    write(
        source,
        out,
        size=spec["size"],
        intensity=spec["intensity"],
        edge=detector,
        report=context.report,
    )
    done = Prepared(out)
    return {"cases": len(done.cases), "slices": len(done.images), "notes": done.notes}


def _edge_weights(spec: dict, location: dict[str, Any]) -> Path | None:
    """The file of the edge detector's weights, if it has any. Raises InputError where it is another
    than planned."""
    from datasets.slices.hed import weights_identity

    if spec["edge_weights"] is None:
        return None
    weights = Path(location["edge_weights"])
    if weights_identity(weights) != spec["edge_weights"]:
        raise InputError(
            f"the weights {weights} changed since the run was planned; run the same command again."
        )
    return weights
